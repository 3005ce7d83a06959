'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { FactstrError } = require('../lib/index.js');
const { eachStore, facts, noHandleIsLeftOpen } = require('./stores.js');

noHandleIsLeftOpen();

const many = (count) => facts(...Array.from({ length: count }, (_, i) => (i % 2 ? 'b' : 'a')));

async function numbers(iterable) {
  const list = [];
  for await (const record of iterable) {
    list.push(Number(record.sequence_number));
  }
  return list;
}

const fails = (code) => (error) => error instanceof FactstrError && error.code === code;

eachStore('read', (open) => {
  test('all records come in order, over several pages, forwards and backwards', async (t) => {
    // G6 G7
    const store = open(t);
    store.append(many(2300));
    const all = store.query().event_records.map((record) => Number(record.sequence_number));
    assert.deepEqual(await numbers(store.read()), all);
    assert.deepEqual(
      await numbers(store.read({ backwards: true })),
      all.toReversed?.() ?? [...all].reverse(),
    );
    assert.deepEqual(
      await numbers(store.read({ filters: [{ event_types: ['b'] }], limit: 1100 })),
      all.filter((number) => number % 2 === 0).slice(0, 1100),
    );
  });

  test('each iteration begins anew, and reads what is committed before it begins', async (t) => {
    // G8
    const store = open(t);
    const rows = store.read();
    store.append(many(1500));
    let count = 0;
    for await (const record of rows) {
      assert.equal(typeof record.sequence_number, 'bigint');
      if (count++ === 0) {
        store.append(many(10));
      }
    }
    assert.equal(count, 1500);
    assert.equal((await numbers(rows)).length, 1510);
  });

  test('leaving the loop, by break or by an error, leaves no handle open', async (t) => {
    const store = open(t);
    store.append(many(1500));
    for await (const record of store.read()) {
      assert.equal(record.sequence_number, 1n);
      break;
    }
    await assert.rejects(async () => {
      for await (const record of store.read()) {
        throw new Error(`at ${record.sequence_number}`);
      }
    }, /at 1/);
  });

  test('closing the store ends the iteration', async (t) => {
    const store = open(t);
    store.append(many(1500));
    let count = 0;
    await assert.rejects(async () => {
      for await (const record of store.read()) {
        count = Number(record.sequence_number);
        store.close();
      }
    }, fails('StoreClosed'));
    assert.equal(count, 1000); // the page that was there
    assert.throws(() => store.read(), fails('StoreClosed'));
  });

  test('a signal ends the iteration, and bad input is refused at once', async (t) => {
    const store = open(t);
    store.append(many(1500));
    const controller = new AbortController();
    await assert.rejects(async () => {
      for await (const record of store.read(null, { signal: controller.signal })) {
        if (record.sequence_number === 1000n) {
          controller.abort();
        }
      }
    }, fails('Cancelled'));
    assert.throws(() => store.read({ limit: 'many' }), fails('InvalidArgument'));
    assert.throws(() => store.read(null, { signal: 1 }), fails('InvalidArgument'));
    await assert.rejects(
      numbers(store.read({ filters: [{ event_types: ['\u0000'] }] })),
      fails('InvalidArgument'),
    );
  });
});
