'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const { setImmediate: turn } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const { receivers } = require('../lib/native.js');
const { Deliveries } = require('./deliveries.js');
const {
  atEnd,
  eachStore,
  facts,
  noHandleIsLeftOpen,
  openMemory,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

const lib = path.join(__dirname, '../lib/index.js');

/** An onLog and the records of these levels that it got. */
function logged(...levels) {
  const records = new Deliveries();
  return {
    onLog: (record) => void (levels.includes(record.level) && records.handler(record)),
    records,
  };
}

function failing(failure) {
  return () => {
    throw failure;
  };
}

eachStore('log', (open) => {
  test('a failed handler of a live stream is logged with its facts and its stack', async (t) => {
    // G16 G24
    const { onLog, records } = logged('warning', 'error');
    const store = open(t, { onLog });
    const failure = new RangeError('boom');
    store.streamAll(failing(failure));
    store.append(facts('a', 'b'));
    const { time, message, ...record } = await records.next();
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.match(message, /live stream.*facts 1 to 2.*RangeError: boom/);
    assert.deepEqual(record, {
      level: 'warning',
      event: 'handler_failed',
      stream: 1,
      error: 'RangeError: boom',
      first: 1n,
      last: 2n,
      attempt: 1,
      stack: failure.stack,
    });
  });

  test('a durable stream that a failure ends is logged once, even if its closed promise is handled', async (t) => {
    // G21 G24
    const { onLog, records } = logged('warning', 'error');
    const store = open(t, { onLog });
    const subscription = await store.streamAllDurable({ name: 'model' }, async () => {
      throw new Error('boom');
    });
    const [{ number }] = (await store.statistics()).streams;
    store.append(facts('a'));
    const { level, event, stream, durable_name, code, position, stored_cursor, stack } =
      await records.next();
    assert.equal(stream, number);
    assert.deepEqual(
      { level, event, durable_name, code, position, stored_cursor },
      {
        level: 'error',
        event: 'stream_ended',
        durable_name: 'model',
        code: 'HandlerFailed',
        position: 0n,
        stored_cursor: 0n,
      },
    );
    assert.match(stack, /boom/);
    await assert.rejects(subscription.closed, withCode('HandlerFailed'));
    store.streamAll(failing(new Error('marker')));
    store.append(facts('b'));
    assert.match((await records.next()).message, /marker/); // nothing else came in between
  });

  test('records of the library reach the store that they belong to', async (t) => {
    const { onLog, records } = logged('info');
    const store = open(t, { onLog });
    await open(t).streamAllDurable({ name: 'of another store' }, () => {});
    await store.streamAllDurable({ name: 'model' }, () => {});
    const { event, durable_name, store_kind, store: handle } = await records.next();
    assert.deepEqual(
      { event, durable_name, handle },
      { event: 'lease_taken', durable_name: 'model', handle: undefined },
    );
    assert.ok(['memory', 'sqlite', 'postgres'].includes(store_kind));
  });

  test('onError gets the failures of its stream, and the promise those of a registration', async (t) => {
    const { onLog, records } = logged('warning', 'error');
    const store = open(t, { onLog });
    store.append(facts('a'));
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, failing(new Error('boom'))),
      withCode('HandlerFailed'),
    );
    const failures = new Deliveries();
    const told = store.streamAll(failing('told there'), {
      onError: (failure) => failures.handler(failure),
    });
    store.append(facts('b'));
    assert.equal(await failures.next(), 'told there');
    told.unsubscribe();
    store.streamAll(failing('marker'));
    store.append(facts('c'));
    assert.match((await records.next()).message, /marker/);
  });

  test('statistics have the head, facts, appends and the position of each stream', async (t) => {
    const store = open(t);
    store.append(facts('a', 'b'));
    const durable = await store.streamAllDurable({ name: 'model' }, () => {});
    const counts = await store.statistics();
    assert.equal(counts.head, 2n);
    assert.equal(counts.facts, 2n);
    assert.equal(counts.appends, 1);
    assert.equal(counts.failure, null);
    const [{ durable_name, state, lag, position, stored_cursor }] = counts.streams;
    assert.deepEqual(
      { durable_name, state, lag, position, stored_cursor },
      { durable_name: 'model', state: 'live', lag: 0n, position: 2n, stored_cursor: 2n },
    );
    durable.unsubscribe();
    await durable.closed;
    store.close();
    await assert.rejects(store.statistics(), withCode('StoreClosed'));
  });
});

test('attempts at one batch are counted', async (t) => {
  // G21
  const { onLog, records } = logged('warning');
  const store = openMemory(t, { onLog });
  const delay = 1100; // so that each attempt is logged: one failure a second is
  const retry = { maxAttempts: 5, delayMs: delay, delayMaxMs: delay };
  const outcomes = [false, false, true, false, true];
  await store.streamAllDurable({ name: 'model' }, () => outcomes.shift(), { retry });
  store.append(facts('a'));
  store.append(facts('b'));
  const told = [await records.next(), await records.next(), await records.next()];
  assert.deepEqual(
    told.map(({ stream, first, attempt }) => [stream, first, attempt]),
    [
      [1, 1n, 1],
      [1, 1n, 2],
      [1, 2n, 1],
    ],
  );
});

test('a handler that keeps failing is logged once a second, with the number of records left out', async (t) => {
  const { onLog, records } = logged('warning', 'error');
  const store = openMemory(t, { onLog });
  let calls = 0;
  store.streamAll(() => {
    calls++;
    throw new Error(`failure ${calls}`);
  });
  for (let i = 0; i < 50; i++) {
    store.append(facts('a'));
  }
  while (calls < 50) {
    await turn();
  }
  assert.match((await records.next()).message, /failure 1$/);
  const until = performance.now() + 1000;
  while (performance.now() < until) {
    await turn();
  }
  store.append(facts('a'));
  const { message, untold } = await records.next();
  assert.match(message, /failure 51$/);
  assert.equal(untold, 49);
});

test('records of the library go to their store, and those without a store become warnings of the process', async (t) => {
  const mine = logged('warning', 'error');
  const others = logged('warning', 'error');
  openMemory(t, { onLog: others.onLog });
  openMemory(t, { onLog: mine.onLog });
  const { logs } = require('../lib/log.js');
  const handle = [...logs.keys()].at(-1);
  const record = { time: '', level: 'warning', event: 'task_failed', message: 'of a store' };
  receivers.log(JSON.stringify({ ...record, store: Number(handle), store_kind: 'memory' }));
  assert.deepEqual(await mine.records.next(), { ...record, store_kind: 'memory' });
  const warning = once(process, 'warning');
  receivers.log(JSON.stringify({ ...record, message: 'of no store', store: null }));
  const [{ name, code, message }] = await warning;
  assert.deepEqual(
    { name, code, message },
    { name: 'FactstrWarning', code: 'task_failed', message: 'of no store' },
  );
});

function run(program) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['-e', `const factstr = require(${JSON.stringify(lib)}); ${program}`],
    {
      encoding: 'utf8',
    },
  );
  return { stdout, stderr, status };
}

const failingProjection = (options) => `
  const store = new factstr.FactstrMemoryStore(${options});
  store.streamAllDurable({ name: 'model' }, () => { throw new Error('boom'); }).then(() => store.append([{ event_type: 'a', payload: 1 }]));`;

test('a projection that throws is a warning of the process by default, with its stack, and keeps nothing alive', () => {
  const { stderr, status } = run(failingProjection(''));
  assert.equal(status, 0, stderr);
  assert.match(stderr, /\[stream_ended\] FactstrWarning: .*"model".*HandlerFailed[^]*Error: boom/);
});

test('null and false are silence', () => {
  for (const options of ['{ onLog: null }', '{ onLog: false }']) {
    assert.deepEqual(run(failingProjection(options)), { stdout: '', stderr: '', status: 0 });
  }
});

test('an onLog that throws harms nothing and is a warning of the process', () => {
  const { stderr, status } = run(failingProjection('{ onLog() { throw new Error("full"); } }'));
  assert.equal(status, 0, stderr);
  assert.match(stderr, /\[log_failed\] FactstrWarning: onLog failed: Error: full/);
});

test('each thread gets the records of its own stores', async (t) => {
  const body = `
    const { parentPort } = require('node:worker_threads');
    const { FactstrMemoryStore } = require(${JSON.stringify(lib)});
    const store = new FactstrMemoryStore({ onLog: ({ event }) => { parentPort.postMessage(event); store.close(); } });
    store.streamAll(() => { throw new Error('boom'); });
    store.append([{ event_type: 'a', payload: 1 }]);`;
  const worker = new Worker(body, { eval: true });
  atEnd(t, () => worker.terminate());
  assert.deepEqual(await once(worker, 'message'), ['handler_failed']);
  assert.deepEqual(await once(worker, 'exit'), [0]);
});

test('onLog is a function, or null or false', () => {
  for (const onLog of ['log', 1, true, {}]) {
    assert.throws(() => openMemory({ after() {} }, { onLog }), withCode('InvalidArgument', ({ message }) => /options\.onLog/.test(message))); // prettier-ignore
  }
});
