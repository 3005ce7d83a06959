'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const timers = require('node:timers');
const { Worker } = require('node:worker_threads');

const { native } = require('../lib/native.js');
const { Deliveries, signal } = require('./deliveries.js');
const {
  atEnd,
  eachSharedPlace,
  eachStore,
  facts,
  noHandleIsLeftOpen,
  openMemory,
  withCode,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const limit = { timeout: 60_000 * patience };

/** Stands in for the timer of onProgress: it fires when the test says so. */
function watching(t) {
  const running = new Set();
  t.mock.method(timers, 'setInterval', (call) => {
    const timer = { call, holdsLoop: true, unref: () => (timer.holdsLoop = false) };
    running.add(timer);
    return timer;
  });
  t.mock.method(timers, 'clearInterval', (timer) => running.delete(timer));
  return {
    running,
    fire: () => {
      assert.equal(running.size, 1);
      running.forEach((timer) => timer.call());
    },
  };
}

/** Appends batches of one fact each, many at a time. */
async function appendBatches(store, count) {
  await Promise.all(Array.from({ length: count }, () => store.appendAsync(facts('a'))));
}

eachStore('onProgress', (open) => {
  test('a long replay is watched', limit, async (t) => {
    // G20
    const store = open(t);
    await appendBatches(store, 3000);
    const { fire, running } = watching(t);
    const told = [];
    let handled = 0;
    const subscription = await store.streamAllDurable(
      { name: 'model' },
      async () => {
        if (++handled % 500 === 0) {
          fire();
        }
      },
      { onProgress: (progress) => told.push(progress) },
    );
    assert.deepEqual(
      told.map(({ position }) => position),
      [499n, 999n, 1499n, 1999n, 2499n, 2999n],
    );
    for (const { state, position, replay_target, stored_cursor, failure } of told) {
      assert.deepEqual([state, replay_target, failure], ['replaying', 3000n, null]);
      assert.ok(stored_cursor <= position);
    }
    assert.equal(running.size, 0);
    assert.equal(subscription.progress().position, 3000n);
  });

  test('the timer of onProgress holds nothing, and goes with the replay however that ends', async (t) => {
    // G20
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('a'));
    const { fire, running } = watching(t);
    const told = [];
    const onProgress = (progress) => told.push(progress);
    const register = (name, handle, options) =>
      store.streamAllDurable({ name }, handle, { onProgress, ...options });
    const held = []; // looked at outside the handlers, where a failed assertion would be theirs
    const watched = () => {
      held.push(...[...running].map(({ holdsLoop }) => holdsLoop));
      fire();
    };

    await register('ready', watched);
    assert.equal(running.size, 0);

    const failing = register('failing', () => {
      watched();
      return false;
    });
    await assert.rejects(failing, withCode('HandlerFailed'));
    assert.equal(running.size, 0);

    const controller = new AbortController();
    let leftByAbort;
    const aborted = register(
      'aborted',
      () => {
        watched();
        controller.abort();
        leftByAbort = running.size;
      },
      { signal: controller.signal },
    );
    await assert.rejects(aborted, withCode('Cancelled'));
    assert.deepEqual([leftByAbort, running.size], [0, 0]);

    await assert.rejects(register('', watched), withCode('InvalidArgument'));
    assert.equal(running.size, 0);

    const closed = register('closed', () => {
      watched();
      store.close();
      fire(); // the promise has not settled yet, but there is no replay any more
    });
    await assert.rejects(closed, withCode('StoreClosed'));
    assert.equal(running.size, 0);
    assert.deepEqual([told.length, held], [5, Array(5).fill(false)]);
  });

  test('aborting in onProgress gives the replay up', async (t) => {
    // G20 G22
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('b'));
    const { fire } = watching(t);
    const controller = new AbortController();
    const seen = new Deliveries(fire);
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, seen.handler, options),
      withCode('Cancelled'),
    );
    assert.deepEqual(await seen.types(1), ['a']);
    await store.streamAllDurable({ name: 'model' }, () => {});
  });

  test('what onProgress throws goes to its timer and does not touch the replay', async (t) => {
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('b'));
    const { fire } = watching(t);
    let thrown = 0;
    const handler = () => {
      assert.throws(fire, /on purpose/);
      thrown++;
    };
    const onProgress = () => assert.fail('on purpose');
    const subscription = await store.streamAllDurable({ name: 'model' }, handler, { onProgress });
    assert.equal(thrown, 2);
    assert.equal(subscription.progress().state, 'live');
  });
});

test(
  'onProgress is called while a handler is awaited, again and again, by a timer of a second',
  limit,
  async (t) => {
    const store = openMemory(t);
    store.append(facts('a'));
    const twice = signal();
    const told = [];
    const onProgress = (progress) => {
      if (told.push(progress) === 2) {
        twice.resolve();
      }
    };
    const made = t.mock.method(timers, 'setInterval');
    await store.streamAllDurable({ name: 'model' }, () => twice.promise, { onProgress });
    assert.deepEqual(
      made.mock.calls.map((call) => call.arguments[1]),
      [1000],
    );
    const replaying = {
      state: 'replaying',
      position: 0n,
      replay_target: 1n,
      stored_cursor: 0n,
      failure: null,
    };
    assert.deepEqual(told, [replaying, replaying]);
  },
);

test('onProgress is a function or absent', async (t) => {
  const store = openMemory(t);
  for (const onProgress of [7, 'often', {}, true, 0, '']) {
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, () => {}, { onProgress }),
      withCode('InvalidArgument', (error) => error.message.includes('options.onProgress')),
    );
  }
  for (const onProgress of [undefined, null]) {
    const subscription = await store.streamAllDurable({ name: 'model' }, () => {}, { onProgress });
    subscription.unsubscribe();
  }
  const unknown = withCode('InvalidArgument', (error) =>
    error.message.includes('options.onProgress is unknown'),
  );
  assert.throws(() => store.streamAll(() => {}, { onProgress: () => {} }), unknown); // a live stream replays nothing
});

eachSharedPlace('onProgress in workers', (newPlace) => {
  test(
    'a worker that is terminated while it watches a replay leaves nothing open',
    limit,
    async (t) => {
      const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const store = require(${JSON.stringify(require.resolve('./open_place.js'))}).openPlace(workerData);
      store.append([{ event_type: 'a', payload: 1 }]);
      store.streamAllDurable({ name: 'model' }, () => new Promise(() => {}), { onProgress: () => parentPort.postMessage('watching') });`;
      const running = new Worker(code, { eval: true, workerData: newPlace(t) });
      atEnd(t, () => running.terminate());
      await once(running, 'message');
      await running.terminate();
      assert.equal(native.openHandles(), 0);
    },
  );
});
