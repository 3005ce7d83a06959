'use strict';

// How stores and subscriptions behave as objects of Node: how they are shown, named and closed.
const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { pathToFileURL } = require('node:url');
const { inspect } = require('node:util');

const { FactstrPostgresStore, FactstrSqliteStore } = require('../lib/index.js');
const {
  closedAfter,
  databaseUrl,
  eachStore,
  facts,
  folder,
  newName,
  noHandleIsLeftOpen,
  openMemory,
  openSqlite,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

test('a store shows where it is and whether it is open, and never a URL', async (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  const sqlite = openSqlite(t, {}, file);
  const shown = (store) => inspect(store, { breakLength: Infinity });
  const place = inspect(file); // with the backslashes of Windows escaped
  assert.equal(shown(sqlite), `FactstrSqliteStore { path: ${place}, state: 'open' }`);
  sqlite.close();
  assert.equal(shown(sqlite), `FactstrSqliteStore { path: ${place}, state: 'closed' }`);
  assert.equal(inspect(openMemory(t)), "FactstrMemoryStore { state: 'open' }");
  const schema = newName();
  const postgres = closedAfter(t, await FactstrPostgresStore.open(databaseUrl(), { schema }));
  assert.equal(inspect(postgres), `FactstrPostgresStore { schema: '${schema}', state: 'open' }`);
  const relative = path.relative(process.cwd(), file);
  assert.equal(inspect(openSqlite(t, {}, relative)), inspect(openSqlite(t, {}, file)));
});

test('a subscription shows its name and where it stands', async (t) => {
  const store = openMemory(t);
  store.append(facts('a', 'b'));
  const durable = await store.streamAllDurable({ name: 'model' }, () => {});
  assert.equal(
    inspect(durable),
    "EventStreamSubscription { durable: 'model', state: 'live', position: 2n }",
  );
  durable.unsubscribe();
  await durable.closed;
  assert.match(inspect(durable), /state: 'ended'/);
  assert.match(inspect(store.streamAll(() => {})), /^EventStreamSubscription \{ state: 'live'/);
});

test('a file: URL is a path', async (t) => {
  const file = path.join(folder(t), 'a name with spaces.sqlite');
  const store = new FactstrSqliteStore(pathToFileURL(file));
  store.append(facts('a'));
  store.close();
  const again = await FactstrSqliteStore.open(pathToFileURL(file));
  assert.equal(again.query().event_records.length, 1);
  again.close();
  assert.equal(openSqlite(t, {}, file).query().event_records.length, 1);
  for (const url of [new URL('https://localhost/facts.sqlite'), new URL('file://host/f.sqlite')]) {
    assert.throws(() => new FactstrSqliteStore(url), withCode('InvalidArgument'));
    await assert.rejects(FactstrSqliteStore.open(url), withCode('InvalidArgument'));
  }
});

eachStore('closeAsync', (open) => {
  test('resolves when handlers have settled and the store is closed', async (t) => {
    // G17
    const store = open(t);
    const handled = [];
    let finish;
    const running = new Promise((resolve) => (finish = resolve));
    const subscription = store.streamAll(async (batch) => {
      handled.push(...batch.map(({ event_type }) => event_type));
      await running;
    });
    await store.appendAsync(facts('a'));
    await store.appendAsync(facts('b'));
    let isClosed = false;
    const closing = store.closeAsync().then(() => (isClosed = true));
    assert.throws(() => store.append(facts('c')), withCode('StoreClosed'));
    assert.equal(isClosed, false);
    finish();
    await closing;
    assert.deepEqual(handled, ['a', 'b']); // what was committed before is delivered
    await subscription.closed;
    await store.closeAsync(); // may be called again
    store.close();
  });

  test('a handler that never settles keeps it no longer than agreed', async (t) => {
    // G17
    const store = open(t, { closeTimeoutMs: 20, onLog: null });
    const isRunning = new Promise((resolve) => {
      store.streamAll(() => {
        resolve();
        return new Promise(() => {});
      });
    });
    await store.appendAsync(facts('a'));
    await isRunning;
    await assert.rejects(store.closeAsync(), withCode('Timeout'));
    await assert.rejects(store.appendAsync(facts('b')), withCode('StoreClosed'));
  });

  test('a handler that awaits it gets Timeout', async (t) => {
    // G17
    const store = open(t, { closeTimeoutMs: 20, onLog: null });
    const closed = new Promise((resolve, reject) => {
      store.streamAll(() => store.closeAsync().then(resolve, reject));
    });
    await store.appendAsync(facts('a'));
    await assert.rejects(closed, withCode('Timeout'));
  });

  test('what is under way is answered', async (t) => {
    // G5
    const store = open(t);
    const appends = Array.from({ length: 20 }, () => store.appendAsync(facts('a')));
    const [outcomes] = await Promise.all([Promise.allSettled(appends), store.closeAsync()]);
    for (const { reason } of outcomes.filter(({ status }) => status === 'rejected')) {
      assert.equal(reason.code, 'StoreClosed');
    }
  });
});

test(
  'await using closes a store',
  { skip: !Symbol.asyncDispose && 'no Symbol.asyncDispose' },
  async (t) => {
    const store = openMemory(t);
    await store[Symbol.asyncDispose]();
    assert.throws(() => store.query(), withCode('StoreClosed'));
  },
);
