'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { Deliveries } = require('./deliveries.js');
const { facts, folder, noHandleIsLeftOpen, ofType, openSqlite } = require('./stores.js');

noHandleIsLeftOpen();

const testdata = path.join(__dirname, '../../../core/sqlite/testdata');

/** A copy of the database that the Rust store 0.5.2 wrote. */
function openCopy(t) {
  const file = path.join(folder(t), 'facts.sqlite');
  fs.copyFileSync(path.join(testdata, 'factstr-0.5.2.sqlite'), file);
  return openSqlite(t, undefined, file);
}

test('a database of 0.5.2 opens in place, returns its records, and accepts more', (t) => {
  const store = openCopy(t);
  const expected = JSON.parse(fs.readFileSync(path.join(testdata, 'expected.json'), 'utf8'));
  const { result } = expected.queries.find((query) => query.label === 'all');
  const { event_records, current_context_version } = store.query();
  assert.deepEqual(
    event_records.map((record) => String(record.sequence_number)),
    result.sequence_numbers,
  );
  assert.equal(String(current_context_version), result.current_context_version);
  assert.equal(store.append(facts('a')).first_sequence_number, current_context_version + 1n);
});

test('durable streams of 0.5.2 resume at their cursors', async (t) => {
  // G19 G23
  const store = openCopy(t);
  const caughtUp = new Deliveries();
  await store.streamAllDurable({ name: 'all-caught-up' }, caughtUp.handler);
  store.append(facts('new'));
  assert.deepEqual(await caughtUp.types(1), ['new']);

  const stopped = new Deliveries();
  await store.streamToDurable(
    { name: 'stopped-in-middle' },
    ofType('money-deposited'),
    stopped.handler,
  );
  assert.deepEqual(
    (await stopped.next()).map((event) => event.sequence_number),
    [72n],
  );
});
