'use strict';

// What ends the wait for an answer: a signal, and a timeout.
const assert = require('node:assert/strict');
const { createServer } = require('node:net');
const { once } = require('node:events');
const { test } = require('node:test');

const { FactstrPostgresStore } = require('../lib/index.js');
const { lockedByAnother } = require('./locked.js');
const {
  atEnd,
  eachStore,
  facts,
  noHandleIsLeftOpen,
  ofType,
  openMemory,
  openSqlite,
  folder,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

test('an append that waits too long in the queue rejects with Timeout, and wrote nothing', async (t) => {
  // G2 G5
  const file = `${folder(t)}/facts.sqlite`;
  const store = openSqlite(t, { busyTimeoutMs: 60_000 }, file);
  const unlock = await lockedByAnother(t, file);
  const first = store.appendAsync(facts('first')); // its group is taken and waits for the lock
  for (const late of [
    store.appendAsync(facts('late'), { timeoutMs: 50 }),
    store.appendIfAsync(facts('late'), {}, null, { timeoutMs: 50 }),
    store.appendWhenAsync(facts('late'), [], { timeoutMs: 50 }),
    store.decide(ofType('late'), () => facts('late'), { timeoutMs: 50 }),
  ]) {
    await assert.rejects(
      late,
      withCode('Timeout', ({ message }) => /nothing was written/.test(message)),
    );
  }
  await unlock();
  assert.equal((await first).last_sequence_number, 1n);
  assert.equal((await store.appendAsync(facts('next'))).first_sequence_number, 2n);
});

test('a command that conflicts again and again ends at its timeout', async (t) => {
  // G10
  const store = openMemory(t);
  const tooLate = () => {
    store.append(facts('sold')); // another caller is quicker each time
    return facts('mine');
  };
  const given = { timeoutMs: 100, attempts: 1_000_000 };
  await assert.rejects(store.decide(ofType('sold'), tooLate, given), withCode('Timeout'));
  assert.equal(store.query(ofType('mine')).event_records.length, 0);
});

test('an opening that takes too long rejects with Timeout, and leaves no store', async (t) => {
  const server = createServer(() => {}).listen(0, '127.0.0.1'); // takes connections, says nothing
  atEnd(t, () => server.close());
  await once(server, 'listening');
  const url = `postgres://localhost:${server.address().port}/facts?sslmode=disable`;
  await assert.rejects(FactstrPostgresStore.open(url, { timeoutMs: 50 }), withCode('Timeout'));
});

test('a timeout that is long enough does not matter', async (t) => {
  const store = openMemory(t);
  for (const timeoutMs of [60_000, 2 ** 40, null, undefined]) {
    await store.appendAsync(facts('a'), { timeoutMs });
  }
  assert.equal((await store.queryAsync({}, { timeoutMs: 60_000 })).event_records.length, 4);
});

test('a timeout that is no whole number is refused, and nothing is written', async (t) => {
  const store = openMemory(t);
  for (const timeoutMs of [-1, 0.5, NaN, '5', 5n]) {
    await assert.rejects(
      store.appendAsync(facts('a'), { timeoutMs }),
      withCode('InvalidArgument', ({ message }) => message.includes('options.timeoutMs')),
    );
  }
  assert.equal(store.query().event_records.length, 0);
});

eachStore('aborting', (open) => {
  test('an aborted call rejects as those of Node do: by the name AbortError', async (t) => {
    const store = open(t);
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    for (const call of [
      () => store.appendAsync(facts('a'), { signal }),
      () => store.queryAsync({}, { signal }),
      () => store.decide({}, () => facts('a'), { signal }),
      () => store.waitForCursor('model', 1n, { signal }),
      () => store.streamAllDurable({ name: 'model' }, () => {}, { signal }),
      () => store.read({}, { signal })[Symbol.asyncIterator]().next(),
    ]) {
      await assert.rejects(
        call(),
        withCode('Cancelled', (error) => {
          assert.equal(error.name, 'AbortError', String(call));
          assert.equal(error.cause, reason);
          assert.match(error.stack, /^AbortError: Cancelled: /);
          return true;
        }),
      );
    }
    assert.equal(store.query().event_records.length, 0);
  });

  test('an append that waited is aborted by the same name', async (t) => {
    const store = open(t);
    const controller = new AbortController();
    const loop = store.stream({ signal: controller.signal });
    const next = loop.next();
    controller.abort();
    await assert.rejects(next, { name: 'AbortError', code: 'Cancelled' });
  });
});

test('what ends without a signal has the name FactstrError', async (t) => {
  const store = openMemory(t);
  store.append(facts('a'));
  const subscription = store.streamAll(() => {});
  const waits = subscription.waitFor(5n);
  subscription.unsubscribe();
  await assert.rejects(waits, { name: 'FactstrError', code: 'Cancelled' });
});
