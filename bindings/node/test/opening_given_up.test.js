'use strict';

// Openings that are given up: by a signal, by a time limit, or with their worker.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const { FactstrSqliteStore } = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { collectUntil } = require('./garbage.js');
const { lockedByAnother } = require('./locked.js');
const { patient, quiet, silentServer, ways } = require('./openings.js');
const { openPlaceAsync } = require('./open_place.js');
const { without } = require('./skips.js');
const {
  atEnd,
  closedAfter,
  eachSharedPlace,
  facts,
  folder,
  noHandleIsLeftOpen,
  openAt,
  openMemory,
  withCode,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const limit = { timeout: 60_000 * patience };
const soon = { timeout: 10_000 * patience }; // shorter than the openings of `ways` wait by themselves
const lib = JSON.stringify(require.resolve('../lib/index.js'));

eachSharedPlace('opening', (newPlace) => {
  test(
    'of many openings that are aborted each has one outcome, and none leaves a store behind',
    limit,
    async (t) => {
      const place = newPlace(t);
      openAt(t, place).close();
      for (let round = 0; round < 10; round++) {
        const controller = new AbortController();
        const [first, options] = place.args;
        const aborting = {
          store: place.store,
          args: [first, { ...options, signal: controller.signal }],
        };
        const openings = Array.from({ length: 5 }, () => openPlaceAsync(aborting));
        if (round > 0) {
          await pause(round); // so that they are aborted at different steps
        }
        controller.abort(new Error('enough'));
        for (const outcome of await Promise.allSettled(openings)) {
          if (outcome.status === 'fulfilled') {
            outcome.value.close();
          } else {
            withCode(
              'Cancelled',
              (error) => error.cause === controller.signal.reason,
            )(outcome.reason);
          }
        }
        assert.equal(native.openHandles(), 0, `round ${round}`);
      }
    },
  );
});

test('an opening that was aborted before it began creates nothing', async (t) => {
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  const file = path.join(folder(t), 'facts.sqlite');
  await assert.rejects(
    FactstrSqliteStore.open(file, { signal }),
    withCode('Cancelled', (error) => error.cause === reason),
  );
  assert.ok(!fs.existsSync(file));
  // What is wrong is told first, as it is of requests.
  await assert.rejects(FactstrSqliteStore.open(5, { signal }), withCode('InvalidArgument'));
  const { server, url } = await silentServer(t);
  server.on('connection', () => assert.fail('it connected'));
  for (const way of Object.values(ways)) {
    await assert.rejects(
      way(url, { signal }),
      withCode('Cancelled', (error) => error.cause === reason),
    );
  }
});

for (const [name, way] of Object.entries(ways)) {
  describe(`${name} of a server that does not answer`, () => {
    test('the event loop goes on, until the opening is aborted', soon, async (t) => {
      const { server, url } = await silentServer(t);
      const controller = new AbortController();
      const order = [];
      const opening = way(url, { signal: controller.signal }).catch((error) => {
        order.push('settled');
        return error;
      });
      const [socket] = await once(server, 'connection');
      order.push('connected');
      await pause(1);
      order.push('timer');
      assert.equal(openMemory(t).append(facts('a')).first_sequence_number, 1n);
      const reason = new Error('enough');
      const gone = once(socket, 'close');
      controller.abort(reason);
      withCode('Cancelled', (error) => error.cause === reason)(await opening);
      assert.deepEqual(order, ['connected', 'timer', 'settled']);
      await gone; // the connection was given up as well
    });

    test('an opening can be aborted in the very moment in which it was begun', soon, async (t) => {
      const { url } = await silentServer(t);
      const controller = new AbortController();
      const opening = way(url, { signal: controller.signal });
      controller.abort();
      await assert.rejects(opening, withCode('Cancelled'));
    });

    test('it is given up after connectTimeoutMs', limit, async (t) => {
      const { url } = await silentServer(t);
      await assert.rejects(
        way(url, { connectTimeoutMs: 50 }),
        withCode('BackendFailure', (error) => error.reason === 'connection' && quiet(error)),
      );
    });

    test('a worker that is terminated meanwhile leaves nothing open', soon, async (t) => {
      const { server, url } = await silentServer(t);
      const connected = once(server, 'connection');
      const target = { serverUrl: url, databaseName: 'ledger' };
      const worker = inWorker(
        t,
        `FactstrPostgresStore[workerData.name](workerData.first, workerData.options);`,
        {
          name,
          first: name === 'open' ? url : target,
          options: patient,
        },
      );
      const [socket] = await connected;
      const gone = once(socket, 'close');
      await worker.terminate();
      await gone;
      await collectUntil(() => native.openHandles() === 0, 'the opening goes on');
    });
  });
}

/** A worker that runs `body` with the package. */
function inWorker(t, body, workerData) {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { FactstrPostgresStore, FactstrSqliteStore } = require(${lib});
    ${body}`;
  const worker = new Worker(code, { eval: true, workerData });
  atEnd(t, () => worker.terminate());
  return worker;
}

const lockable = { ...soon, skip: without('python3') };
test('the event loop goes on while another program has the file locked', lockable, async (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  const unlock = await lockedByAnother(t, file);
  const controller = new AbortController();
  const options = { busyTimeoutMs: 20_000 };
  const aborted = FactstrSqliteStore.open(file, { ...options, signal: controller.signal });
  const opening = FactstrSqliteStore.open(file, options);
  await pause(20); // that an opening waits for a lock shows nowhere; most have come to it by now
  controller.abort();
  await assert.rejects(aborted, withCode('Cancelled'));
  await unlock();
  const store = closedAfter(t, await opening);
  assert.equal(store.append(facts('a')).first_sequence_number, 1n);
});

/**
 * Blocks the thread until a store at the path is open. The last step of that shows nowhere outside
 * the library, and no event reaches a blocked thread, so it waits for a while after the step
 * before.
 */
const untilOpened = `
  while (!require('node:fs').existsSync(file + '-shm'));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);`;

test('a store that had been opened when its opening was aborted is closed', limit, async (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  const controller = new AbortController();
  const opening = FactstrSqliteStore.open(file, { signal: controller.signal });
  new Function('require', 'file', untilOpened)(require, file);
  assert.equal(native.openHandles(), 1);
  controller.abort();
  await assert.rejects(opening, withCode('Cancelled'));
  assert.equal(native.openHandles(), 0);
});

test('a store that had been opened when its worker ended is closed', limit, async (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  const body = `const file = workerData; FactstrSqliteStore.open(file); ${untilOpened} process.exit();`;
  await once(inWorker(t, body, file), 'exit');
  await collectUntil(() => native.openHandles() === 0, 'the store stays open');
});

test('workers that are terminated while they open stores leave nothing open', limit, async (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  const body = `
    for (let i = 0; i < 10; i++) FactstrSqliteStore.open(workerData).then((store) => store.append([{ event_type: 'a', payload: i }]));
    parentPort.postMessage('opening');`;
  for (let round = 0; round < 10; round++) {
    const worker = inWorker(t, body, file);
    await once(worker, 'message');
    await pause(round); // so that they are terminated at different steps
    await worker.terminate();
    await collectUntil(() => native.openHandles() === 0, `round ${round}: something stays open`);
  }
  const numbers = openAt(t, { store: 'FactstrSqliteStore', args: [file] })
    .query()
    .event_records.map((record) => record.sequence_number);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => BigInt(i + 1)),
  ); // G2
});
