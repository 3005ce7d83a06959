'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const timers = require('node:timers');
const { setTimeout: pause } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const { FactstrError, FactstrPostgresStore } = require('../lib/index.js');
const { native, receivers } = require('../lib/native.js');
const { Deliveries, signal } = require('./deliveries.js');
const { relay } = require('./relay.js');
const {
  atEnd,
  closedAfter,
  databaseUrl,
  eachSharedPlace,
  eachStore,
  facts,
  newName,
  noHandleIsLeftOpen,
  openMemory,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

const limit = { timeout: 60_000 };
const seldom = { batches: 1_000_000, ms: 3_600_000 };

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

async function until(done, what) {
  const deadline = Date.now() + 30_000;
  while (!done()) {
    assert.ok(Date.now() < deadline, what);
    await pause(5);
  }
}

eachStore('progress of streams', (open) => {
  test('a durable stream tells where it stands while it is live and after it was unsubscribed', async (t) => {
    // G20 G23
    const store = open(t);
    store.append(facts('a', 'a'));
    const seen = new Deliveries();
    const subscription = await store.streamAllDurable({ name: 'model' }, seen.handler, {
      cursorEvery: seldom,
    });
    await seen.next();
    const ready = {
      state: 'live',
      position: 2n,
      replay_target: 2n,
      stored_cursor: 2n,
      failure: null,
    };
    assert.deepEqual(subscription.progress(), ready);
    store.append(facts('b'));
    await seen.next();
    await until(() => subscription.progress().position === 3n, 'the position stays behind');
    assert.deepEqual(subscription.progress(), { ...ready, position: 3n });
    subscription.unsubscribe();
    await subscription.closed;
    const ended = { ...ready, state: 'ended', position: 3n, stored_cursor: 3n };
    assert.deepEqual([subscription.progress(), subscription.progress()], [ended, ended]);
  });

  test('a live stream is live from its registration', async (t) => {
    const store = open(t);
    store.append(facts('a', 'a'));
    const subscription = store.streamAll(() => {});
    const begun = {
      state: 'live',
      position: 2n,
      replay_target: 2n,
      stored_cursor: 2n,
      failure: null,
    };
    assert.deepEqual(subscription.progress(), begun);
    subscription.unsubscribe();
    await subscription.closed;
    assert.deepEqual(subscription.progress(), { ...begun, state: 'ended' });
  });

  test('streams of a store that was closed tell where they stood, and what was stored by that', async (t) => {
    // G23
    const store = open(t);
    const seen = new Deliveries();
    const subscription = await store.streamAllDurable({ name: 'model' }, seen.handler, {
      cursorEvery: seldom,
    });
    store.append(facts('a'));
    await seen.next();
    await until(() => subscription.progress().position === 1n, 'the position stays behind');
    assert.equal(subscription.progress().stored_cursor, 0n);
    store.append(facts('b'));
    await seen.next();
    await until(() => subscription.progress().position === 2n, 'the position stays behind');
    store.close();
    const { state, position } = subscription.progress();
    assert.deepEqual([state, position], ['ended', 2n]);
    await subscription.closed;
    assert.deepEqual(subscription.progress(), {
      state: 'ended',
      position: 2n,
      replay_target: 0n,
      stored_cursor: 2n,
      failure: null,
    });
  });

  test('a stream that was never asked tells at once after its store was closed where it stood', async (t) => {
    const store = open(t);
    const seen = new Deliveries();
    const subscription = await store.streamAllDurable({ name: 'model' }, seen.handler);
    store.append(facts('a'));
    store.append(facts('b'));
    await seen.types(2);
    store.close();
    const { state, position } = subscription.progress();
    assert.equal(state, 'ended');
    assert.ok(position >= 1n, `${position}`); // the second batch came, so the first was handled
  });

  test('after a failed delivery the position is before it', async (t) => {
    // G21
    const store = open(t);
    const subscription = await store.streamAllDurable(
      { name: 'model' },
      (events) => events[0].event_type !== 'bad',
    );
    store.append(facts('a'));
    store.append(facts('bad'));
    await assert.rejects(subscription.closed, withCode('HandlerFailed'));
    assert.deepEqual(subscription.progress(), {
      state: 'ended',
      position: 1n,
      replay_target: 0n,
      stored_cursor: 1n,
      failure: null,
    });
  });

  test('inside a handler the position is before its batch', async (t) => {
    const store = open(t);
    const positions = new Deliveries();
    const subscription = store.streamAll(() => positions.handler(subscription.progress().position));
    store.append(facts('a'));
    store.append(facts('b'));
    assert.deepEqual([await positions.next(), await positions.next()], [0n, 1n]);
  });

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

eachSharedPlace('progress in workers', (newPlace) => {
  test(
    'a worker that is terminated while it watches a replay leaves nothing open',
    limit,
    async (t) => {
      const code = `
      const { parentPort, workerData } = require('node:worker_threads');
      const store = require(${JSON.stringify(require.resolve('./place.js'))}).openPlace(workerData);
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

function isLostConnection(failure) {
  return (
    failure instanceof FactstrError &&
    failure.code === 'BackendFailure' &&
    failure.reason === 'connection'
  );
}

test('progress says while a server is away that the log cannot be read', limit, async (t) => {
  // G20 G21
  const between = await relay(t, databaseUrl());
  const store = closedAfter(
    t,
    new FactstrPostgresStore(between.url, { schema: newName(), pollIntervalMs: 20 }),
  );
  const seen = new Deliveries();
  const subscription = await store.streamAllDurable({ name: 'model' }, seen.handler);
  assert.equal(subscription.progress().failure, null);
  await between.down();
  await until(() => subscription.progress().failure !== null, 'no failure is told');
  const { state, failure } = subscription.progress();
  assert.equal(state, 'live');
  assert.ok(isLostConnection(failure), failure);
  await between.up();
  await until(() => subscription.progress().failure === null, 'the failure stays');
  store.append(facts('after'));
  assert.deepEqual(await seen.types(1), ['after']);
});

test(
  'a stream that ends while its server is away tells no failure after that',
  limit,
  async (t) => {
    const between = await relay(t, databaseUrl());
    const store = closedAfter(
      t,
      new FactstrPostgresStore(between.url, { schema: newName(), pollIntervalMs: 20 }),
    );
    const [unsubscribed, closed] = [store.streamAll(() => {}), store.streamAll(() => {})];
    const last = t.mock.method(receivers, 'progress');
    await between.down();
    await until(() => closed.progress().failure !== null, 'no failure is told');
    const ended = {
      state: 'ended',
      position: 0n,
      replay_target: 0n,
      stored_cursor: 0n,
      failure: null,
    };
    unsubscribed.unsubscribe();
    await unsubscribed.closed;
    assert.deepEqual(unsubscribed.progress(), ended);
    store.close();
    await closed.closed;
    assert.deepEqual(closed.progress(), ended);
    const texts = last.mock.calls.map((call) => call.arguments[1]); // as the library told it at the end
    assert.deepEqual(
      texts.map((text) => [JSON.parse(text).state, JSON.parse(text).failure]),
      Array(2).fill(['ended', null]),
    );
  },
);

test(
  'onProgress says so during a replay, which goes on when the server is back',
  limit,
  async (t) => {
    // G20 G21
    const between = await relay(t, databaseUrl());
    const store = closedAfter(
      t,
      new FactstrPostgresStore(between.url, { schema: newName(), pollIntervalMs: 20 }),
    );
    store.append(facts('a'));
    store.append(facts('b'));
    const failures = [];
    const seen = new Deliveries(async (events) => {
      if (events[0].event_type === 'a') {
        await between.down();
      }
    });
    const onProgress = ({ failure }) => {
      failures.push(failure);
      if (failure !== null) {
        between.up();
      }
    };
    const subscription = await store.streamAllDurable({ name: 'model' }, seen.handler, {
      onProgress,
    });
    assert.ok(isLostConnection(failures.find((failure) => failure !== null)), failures);
    assert.deepEqual(await seen.types(2), ['a', 'b']);
    await until(() => subscription.progress().failure === null, 'the failure stays');
  },
);
