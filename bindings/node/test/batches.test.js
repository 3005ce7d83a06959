'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { eachStore, facts, noHandleIsLeftOpen, ofType, withCode } = require('./stores.js');

noHandleIsLeftOpen();

const durable = { name: 'model' };

/** The positions of the batches up to the last one, each acknowledged. */
async function until(store, last) {
  const positions = [];
  for await (const batch of store.stream({ durable })) {
    positions.push(batch.position);
    batch.ack();
    if (batch.position === last) {
      break;
    }
  }
  return positions;
}

eachStore('batches', (open) => {
  test('a loop replays from a number and goes on live', async (t) => {
    // G15 G19
    const store = open(t);
    store.append(facts('a', 'b', 'b'));
    store.append(facts('a'));
    const got = [];
    for await (const batch of store.stream({ after: 0n, query: ofType('a') })) {
      got.push([batch.map(({ sequence_number }) => sequence_number), batch.position]);
      if (batch.position === 4n) {
        store.append(facts('b', 'a'));
      }
      if (batch.position === 6n) {
        break;
      }
    }
    assert.deepEqual(got, [
      [[1n], 3n],
      [[4n], 4n],
      [[6n], 6n],
    ]);
  });

  test('asking for the next batch acknowledges the one before, and leaving does not', async (t) => {
    // G21 G22
    const store = open(t);
    for (let i = 0; i < 3; i++) {
      store.append(facts('a'));
    }
    for await (const batch of store.stream({ durable })) {
      if (batch.position === 2n) {
        break;
      }
    }
    await assert.rejects(async () => {
      for await (const batch of store.stream({ durable })) {
        assert.equal(batch.position, 2n);
        throw new RangeError('on purpose');
      }
    }, RangeError);
    assert.deepEqual(await until(store, 2n), [2n]);
    assert.deepEqual(await until(store, 3n), [3n]);
  });

  test('the stream waits for the loop', async (t) => {
    // G18
    const store = open(t);
    for (let i = 0; i < 5; i++) {
      store.append(facts('a'));
    }
    const batches = store.stream({ durable });
    await batches.next();
    await batches.next();
    const { streams } = await store.statistics();
    assert.equal(streams[0].position, 1n);
    await batches.return();
  });

  test('a live loop sees what is committed after the call', async (t) => {
    // G16
    const store = open(t);
    store.append(facts('a'));
    const batches = store.stream();
    store.append(facts('b', 'b'));
    for await (const batch of batches) {
      assert.equal(batch.position, 3n);
      assert.equal(batch.length, 2);
      break;
    }
  });

  test('a signal and the close of its store end a loop', async (t) => {
    // G17
    const store = open(t);
    const controller = new AbortController();
    const aborted = store.stream({ after: 0n, signal: controller.signal }).next();
    controller.abort();
    await assert.rejects(aborted, withCode('Cancelled'));
    const ended = store.stream({ after: 0n }).next();
    store.close();
    assert.deepEqual(await ended, { done: true, value: undefined });
  });

  test('bad beginnings are refused', (t) => {
    const store = open(t);
    assert.throws(() => store.stream({ after: 0n, durable }), withCode('InvalidArgument'));
    assert.throws(() => store.stream({ after: 5 }), withCode('InvalidArgument'));
    assert.throws(() => store.stream({ after: 5n }), withCode('LogTruncated'));
    assert.throws(() => store.stream({ from: 5n }), withCode('InvalidArgument'));
  });
});
