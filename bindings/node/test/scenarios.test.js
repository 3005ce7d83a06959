'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { ScenarioPlayer } = require('./scenario_player.js');
const { ScenarioPlace } = require('./scenario_place.js');
const { without } = require('./skips.js');
const { noHandleIsLeftOpen, places } = require('./stores.js');

const scenarios = path.join(__dirname, '../../../interop/testdata/scenarios');
const files = fs.readdirSync(scenarios).filter((name) => name.endsWith('.json'));

noHandleIsLeftOpen();

const withoutSql = {
  memory: false,
  sqlite: without('python3'),
  postgres: without('python3') || without('psql'),
};

test('there are scenarios to play', () => {
  assert.ok(files.length > 0, scenarios);
});

for (const [kind, newPlace] of Object.entries(places)) {
  for (const form of ScenarioPlayer.forms) {
    describe(`scenarios, ${kind}, ${form}`, () => {
      for (const file of files) {
        const { name, stores, steps } = JSON.parse(
          fs.readFileSync(path.join(scenarios, file), 'utf8'),
        );
        if (stores === undefined || stores.includes(kind)) {
          const skip = steps.some(({ sql }) => sql !== undefined) && withoutSql[kind];
          test(`${file}: ${name}`, { skip }, (t) =>
            new ScenarioPlayer(new ScenarioPlace(t, kind, newPlace), form).play(steps),
          );
        }
      }
    });
  }
}
