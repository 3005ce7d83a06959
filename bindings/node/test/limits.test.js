'use strict';

// What ends the wait for an answer: a signal, and a timeout.
const assert = require('node:assert/strict');
const { createServer } = require('node:net');
const { once } = require('node:events');
const { test } = require('node:test');
const { setImmediate, setTimeout: pause } = require('node:timers/promises');

const { FactstrPostgresStore } = require('../lib/index.js');
const { Deliveries, signal } = require('./deliveries.js');
const { lockedByAnother } = require('./locked.js');
const { relay } = require('./relay.js');
const { without } = require('./skips.js');
const {
  atEnd,
  databaseUrl,
  eachStore,
  facts,
  newName,
  noHandleIsLeftOpen,
  ofType,
  openMemory,
  openSqlite,
  folder,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

const lockable = { skip: without('python3') };
test(
  'an append that waits too long in the queue rejects with Timeout, and wrote nothing',
  lockable,
  async (t) => {
    // G2 G5
    const file = `${folder(t)}/facts.sqlite`;
    const store = openSqlite(t, { busyTimeoutMs: 60_000 }, file);
    const unlock = await lockedByAnother(t, file);
    const first = store.appendAsync(facts('first'));
    do {
      await setImmediate(); // until its group is taken, which then waits for the lock
    } while ((await store.statistics()).queue_appends > 0);
    const late = [
      store.appendAsync(facts('late'), { timeoutMs: 50 }),
      store.appendIfAsync(facts('late'), {}, null, { timeoutMs: 50 }),
      store.appendWhenAsync(facts('late'), [], { timeoutMs: 50 }),
      store.decide(ofType('late'), () => facts('late'), { timeoutMs: 50 }),
    ];
    // All at once: one that nobody awaits yet would be an unhandled rejection.
    const timeout = withCode('Timeout', ({ message }) => /nothing was written/.test(message));
    await Promise.all(late.map((append) => assert.rejects(append, timeout)));
    await unlock();
    assert.equal((await first).last_sequence_number, 1n);
    assert.equal((await store.appendAsync(facts('next'))).first_sequence_number, 2n);
  },
);

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

test('every question to a server that does not answer ends at its timeout or signal', async (t) => {
  // G13 G24
  const between = await relay(t, databaseUrl());
  // One connection, which the first question keeps.
  const options = { schema: newName(), connectionsMax: 1 };
  const store = new FactstrPostgresStore(between.url, options);
  atEnd(t, async () => {
    await between.cut(); // what was given up ends in the library, too
    await store.closeAsync();
  });
  store.append(facts('a'));
  await between.silence();
  const questions = {
    explain: (limits) => store.explain(ofType('b'), limits),
    query: (limits) => store.queryAsync(ofType('b'), limits),
    statistics: (limits) => store.statistics(limits),
    cursors: (limits) => store.cursors(limits),
    parked: (limits) => store.parked('model', limits),
    verify: (limits) => store.verify(limits),
    waitForCursor: (limits) => store.waitForCursor('model', 1n, limits),
    read: (limits) => store.read(ofType('b'), limits)[Symbol.asyncIterator]().next(),
  };
  for (const [name, ask] of Object.entries(questions)) {
    await assert.rejects(ask({ timeoutMs: 20 }), withCode('Timeout'), name);
    const controller = new AbortController();
    const asked = ask({ signal: controller.signal });
    controller.abort();
    await assert.rejects(asked, { code: 'Cancelled', name: 'AbortError' }, name);
  }
});

test('what says how a query went and what a store counts takes the same limits', async (t) => {
  const store = openMemory(t);
  const aborted = { signal: AbortSignal.abort() };
  for (const ask of [(limits) => store.explain({}, limits), (limits) => store.statistics(limits)]) {
    await assert.rejects(ask(aborted), withCode('Cancelled'));
    await assert.rejects(ask({ timeoutMs: -1 }), withCode('InvalidArgument'));
    await assert.rejects(ask({ timeout: 1 }), withCode('InvalidArgument'));
    await ask({ timeoutMs: 60_000 });
    const controller = new AbortController();
    const asked = ask({ signal: controller.signal }); // its answer comes by the event loop
    controller.abort();
    await assert.rejects(asked, { code: 'Cancelled', name: 'AbortError' });
  }
});

eachStore('timeouts of streams and loops', (open) => {
  test('a replay that takes too long rejects with Timeout and frees the name, whatever its handler does', async (t) => {
    // G20 G22
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('b'));
    const never = () => new Promise(() => {});
    const registrations = {
      streamAllDurable: (options) => store.streamAllDurable({ name: 'model' }, never, options),
      streamToDurable: (options) => store.streamToDurable({ name: 'model' }, {}, never, options),
      streamFrom: (options) => store.streamFrom(0n, null, never, options),
    };
    for (const [name, register] of Object.entries(registrations)) {
      await assert.rejects(
        register({ timeoutMs: 20 }),
        withCode('Timeout', ({ message }) => message.includes('20 ms')),
        name,
      );
      await assert.rejects(register({ timeoutMs: -1 }), withCode('InvalidArgument'), name);
    }
    const handled = [];
    const late = store.streamAllDurable(
      { name: 'model' },
      async ([{ event_type }]) => {
        handled.push(event_type);
        await (event_type === 'b' && never());
      },
      { timeoutMs: 500 },
    );
    await assert.rejects(late, withCode('Timeout'));
    const again = new Deliveries();
    await store.streamAllDurable({ name: 'model' }, again.handler);
    assert.deepEqual([handled, await again.types(1)], [['a', 'b'], ['b']]); // 'a' is behind its cursor
  });

  test('a stream whose replay was done in time goes on', async (t) => {
    // G19
    const store = open(t);
    store.append(facts('a'));
    const seen = new Deliveries();
    for (const timeoutMs of [5_000, 2 ** 40, null]) {
      await store.streamFrom(0n, null, seen.handler, { timeoutMs });
    }
    const subscription = await store.streamFrom(1n, null, seen.handler, { timeoutMs: 5_000 });
    await seen.types(3);
    store.append(facts('b'));
    assert.deepEqual(await seen.types(4), ['b', 'b', 'b', 'b']);
    await subscription.waitFor(2n, { timeoutMs: 2 ** 40 });
  });

  test('a wait for a live handler may have any timeout', async (t) => {
    const store = open(t);
    const gate = signal();
    const seen = new Deliveries(() => gate.promise);
    const subscription = store.streamAll(seen.handler);
    store.append(facts('a'));
    await seen.next();
    await assert.rejects(subscription.waitFor(1n, { timeoutMs: 20 }), withCode('Timeout'));
    const waits = subscription.waitFor(1n, { timeoutMs: 2 ** 40 });
    await pause(20); // a timer that is too long ends at once
    gate.resolve();
    await waits;
  });

  test('a loop over records has its timeout for each wait, not for its body', async (t) => {
    const store = open(t);
    store.append(facts(...Array.from({ length: 1200 }, () => 'a')));
    let count = 0;
    for await (const { sequence_number } of store.read(null, { timeoutMs: 2_000 })) {
      if (sequence_number === 1n) {
        await pause(2_100);
      }
      count++;
    }
    assert.equal(count, 1200);
    assert.throws(() => store.read(null, { timeoutMs: 0.5 }), withCode('InvalidArgument'));
  });
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
