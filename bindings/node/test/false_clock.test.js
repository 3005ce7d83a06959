'use strict';

// Test runners replace the clock and what waits for it, microtasks too, by something that stands
// still. A store under test goes on.
const assert = require('node:assert/strict');
const { test } = require('node:test');

const { eachStore, facts, noHandleIsLeftOpen } = require('./stores.js');

noHandleIsLeftOpen();

function standStill(t) {
  const never = () => 0;
  const names = ['queueMicrotask', 'setImmediate', 'setTimeout', 'setInterval', 'clearTimeout'];
  for (const name of names) {
    t.mock.method(globalThis, name, never);
  }
  t.mock.method(globalThis.performance, 'now', never);
  t.mock.method(Date, 'now', never);
}

eachStore('a clock that stands still', (open) => {
  test('appends are answered, streams deliver, and a store closes', async (t) => {
    const store = open(t, { onLog: () => {} });
    standStill(t);
    await store.appendAsync(facts('a'));
    const handled = [];
    const live = store.streamAll((batch) => void handled.push(...batch));
    const durable = await store.streamAllDurable({ name: 'model' }, async (batch) => {
      await null;
      handled.push(...batch);
    });
    const { last_sequence_number } = await store.appendAsync(facts('b'), { timeoutMs: 60_000 });
    await live.waitFor(last_sequence_number, { timeoutMs: 60_000 });
    await durable.waitFor(last_sequence_number);
    assert.deepEqual(handled.map(({ event_type }) => event_type).sort(), ['a', 'b', 'b']);
    await store.closeAsync();
    t.mock.restoreAll();
  });
});
