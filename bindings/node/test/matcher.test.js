'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { RawJson } = require('../lib/encode.js');
const { noHandleIsLeftOpen, openMemory } = require('./stores.js');

const file = path.join(__dirname, '../../../interop/testdata/matcher/vectors.json');

noHandleIsLeftOpen();

// The texts go in as they are: they hold duplicate keys and numbers that no JavaScript value can
// express.
test('every vector of the matcher has its result through Node', (t) => {
  // G12 G13 G14
  const vectors = JSON.parse(fs.readFileSync(file, 'utf8'));
  assert.ok(vectors.length > 0);
  for (const { name, payload, predicate, matches } of vectors) {
    const store = openMemory(t, { rawPayloads: true });
    store.append([{ event_type: 'v', payload: new RawJson(payload) }]);
    const { event_records } = store.query({
      filters: [{ payload_predicates: [new RawJson(predicate)] }],
    });
    assert.equal(event_records.length === 1, matches, name);
    store.close();
  }
  t.diagnostic(`${vectors.length} vectors`);
});
