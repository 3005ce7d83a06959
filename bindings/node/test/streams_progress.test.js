'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { FactstrError, FactstrPostgresStore } = require('../lib/index.js');
const { receivers } = require('../lib/native.js');
const { Deliveries } = require('./deliveries.js');
const { relay } = require('./relay.js');
const {
  closedAfter,
  databaseUrl,
  eachStore,
  facts,
  newName,
  noHandleIsLeftOpen,
  withCode,
} = require('./stores.js');
const { patience, until } = require('./until.js');

noHandleIsLeftOpen();

const limit = { timeout: 60_000 * patience };
const seldom = { batches: 1_000_000, ms: 3_600_000 };

eachStore('progress of streams', (open) => {
  test('progress of a durable stream is known while it is live and after unsubscribe()', async (t) => {
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

  test('streams of a closed store report their last position and stored cursor', async (t) => {
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

  test('a stream that was never asked for progress reports its position right after its store was closed', async (t) => {
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
});

function isLostConnection(failure) {
  return (
    failure instanceof FactstrError &&
    failure.code === 'BackendFailure' &&
    failure.reason === 'connection'
  );
}

test('progress reports a failure while the server is away', limit, async (t) => {
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
