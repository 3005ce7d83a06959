'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { FactstrMemoryStore, FactstrSqliteStore } = require('../lib/index.js');
const { ScenarioPlayer } = require('./scenario_player.js');
const { closedAfter, folder, noHandleIsLeftOpen } = require('./stores.js');

const scenarios = path.join(__dirname, '../../../interop/testdata/scenarios');
const files = fs.readdirSync(scenarios).filter((name) => name.endsWith('.json'));

noHandleIsLeftOpen();

// Answers how to open, and open again, a store of the kind.
const kinds = {
  memory: (t) => () => closedAfter(t, new FactstrMemoryStore()),
  sqlite: (t) => {
    const file = path.join(folder(t), 'facts.sqlite');
    return () => closedAfter(t, new FactstrSqliteStore(file));
  },
};

test('there are scenarios to play', () => {
  assert.ok(files.length > 0, scenarios);
});

for (const [kind, opener] of Object.entries(kinds)) {
  for (const form of ScenarioPlayer.forms) {
    describe(`scenarios, ${kind}, ${form}`, () => {
      for (const file of files) {
        const { name, stores, steps } = JSON.parse(fs.readFileSync(path.join(scenarios, file), 'utf8'));
        if (stores === undefined || stores.includes(kind)) {
          test(`${file}: ${name}`, (t) => new ScenarioPlayer(opener(t), form).play(steps));
        }
      }
    });
  }
}
