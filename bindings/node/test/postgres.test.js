'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');

const { FactstrPostgresStore } = require('../lib/index.js');
const { Deliveries } = require('./deliveries.js');
const { collectUntil } = require('./garbage.js');
const { relay } = require('./relay.js');
const {
  atEnd,
  closedAfter,
  databaseUrl,
  facts,
  newDatabase,
  newName,
  noHandleIsLeftOpen,
  openPostgres,
  withCode,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const limit = { timeout: 60_000 * patience };

function withDatabase(url, name) {
  const changed = new URL(url);
  changed.pathname = name;
  changed.searchParams.delete('dbname');
  return changed.href;
}

function count(store) {
  return store.query().event_records.length;
}

test('stores in different schemas share nothing, and those in one schema share everything', (t) => {
  // G2
  const schema = `Facts of "${newName()}"`;
  const first = openPostgres(t, { schema });
  const second = openPostgres(t, { schema });
  const other = openPostgres(t);
  assert.equal(first.append(facts('a')).first_sequence_number, 1n);
  assert.equal(second.append(facts('b')).first_sequence_number, 2n);
  assert.equal(other.append(facts('c')).first_sequence_number, 1n);
  assert.deepEqual([count(first), count(second), count(other)], [2, 2, 1]);
});

test('without a schema the store is in the current schema of its connection', (t) => {
  const url = withDatabase(databaseUrl(), newDatabase(t));
  closedAfter(
    t,
    FactstrPostgresStore.bootstrap({
      serverUrl: databaseUrl(),
      databaseName: new URL(url).pathname.slice(1),
    }),
  ).append(facts('a'));
  assert.equal(count(closedAfter(t, new FactstrPostgresStore(url, { schema: 'public' }))), 1);
});

test('keywords and values are taken as well as a URL', (t) => {
  const { hostname, port, username, password, pathname, searchParams } = new URL(databaseUrl());
  const settings = {
    host: decodeURIComponent(hostname),
    port: port || 5432,
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    dbname: decodeURIComponent(pathname.slice(1)),
    ...Object.fromEntries(searchParams),
  };
  const keywords = Object.entries(settings)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}='${String(value).replace(/['\\]/g, '\\$&')}'`)
    .join(' ');
  const schema = newName();
  closedAfter(t, new FactstrPostgresStore(keywords, { schema })).append(facts('a'));
  assert.equal(count(openPostgres(t, { schema })), 1);
});

test('every option is taken', (t) => {
  const store = openPostgres(t, {
    applicationName: 'billing',
    directUrl: databaseUrl(),
    connectionsMax: 2,
    connectTimeoutMs: 10_000,
    lockTimeoutMs: 1000,
    responseTimeoutMs: 20_000,
    pollIntervalMs: 50,
    closeTimeoutMs: 1000,
    queueTimeoutMs: 1000,
    batchEventsMax: 2,
  });
  assert.throws(() => store.append(facts('a', 'b', 'c')), withCode('InvalidArgument'));
  assert.equal(store.append(facts('a', 'b')).committed_count, 2n);
});

test('close() closes the connections of a store, and so does its collection', limit, async (t) => {
  const between = await relay(t, databaseUrl());
  const store = new FactstrPostgresStore(between.url, { schema: newName() });
  await store.streamAllDurable({ name: 'model' }, () => {});
  assert.ok(between.connections() > 0);
  store.close();
  await collectUntil(() => between.connections() === 0, 'connections stay open');

  (() => new FactstrPostgresStore(between.url, { schema: newName() }).append(facts('a')))();
  assert.ok(between.connections() > 0);
  await collectUntil(() => between.connections() === 0, 'connections stay open');
});

test(
  'close() does not wait on the event loop for a server that does not answer',
  limit,
  async (t) => {
    // G17
    const between = await relay(t, databaseUrl());
    const store = new FactstrPostgresStore(between.url, {
      schema: newName(),
      closeTimeoutMs: 500,
      onLog: null,
    });
    const seen = new Deliveries();
    const live = store.streamAll(seen.handler);
    store.append(facts('a'));
    assert.deepEqual(await seen.types(1), ['a']);
    await between.silence();
    const start = performance.now();
    store.close();
    await live.closed;
    // The server is given 30 seconds for an answer.
    assert.ok(
      performance.now() - start < 20_000,
      'closing took as long as the server may take to answer',
    );
  },
);

test(
  'close() tells what live streams did not get, also if the server does not answer',
  limit,
  async (t) => {
    // G17 G24
    const between = await relay(t, databaseUrl());
    const schema = newName();
    const records = new Deliveries();
    const onLog = (record) => void (record.event === 'deliveries_cut' && records.handler(record));
    const store = new FactstrPostgresStore(between.url, { schema, closeTimeoutMs: 100, onLog });
    const other = openPostgres(t, { schema });
    const never = new Deliveries(() => new Promise(() => {}));
    store.streamAll(never.handler);
    const seen = new Deliveries();
    const marker = store.streamAll(seen.handler);
    const types = ['a', 'b', 'c'];
    types.slice(0, 2).forEach((type) => store.append(facts(type)));
    other.append(facts('c')); // which is known only because it came
    assert.deepEqual(await never.types(1), ['a']);
    assert.deepEqual(await seen.types(3), types);
    await between.silence();
    store.close();
    const { position, through } = await records.next();
    assert.ok(position === 0n && (through === 2n || through === 3n), `${position} to ${through}`);
    await marker.closed;
  },
);

test('a store whose connections were cut goes on, and so do its streams', limit, async (t) => {
  // G16 G19
  const between = await relay(t, databaseUrl());
  const schema = newName();
  const store = closedAfter(t, new FactstrPostgresStore(between.url, { schema }));
  const other = openPostgres(t, { schema });
  const seen = new Deliveries();
  store.streamAll(seen.handler);
  store.append(facts('before'));
  assert.deepEqual(await seen.types(1), ['before']);
  await between.cut();
  other.append(facts('after'));
  assert.deepEqual(await seen.types(1), ['after']);
  assert.equal(count(store), 2);
});

test('bootstrap creates a database that is missing and opens one that is there', (t) => {
  const databaseName = newDatabase(t);
  const target = { serverUrl: databaseUrl(), databaseName };
  assert.throws(
    () => new FactstrPostgresStore(withDatabase(databaseUrl(), databaseName)),
    withCode('BackendFailure'),
  );
  const created = closedAfter(t, FactstrPostgresStore.bootstrap(target));
  assert.ok(created instanceof FactstrPostgresStore);
  assert.equal(created.append(facts('a')).first_sequence_number, 1n);
  const { bootstrap } = FactstrPostgresStore;
  assert.equal(count(closedAfter(t, bootstrap(target, { connectionsMax: 1 }))), 1);
  assert.equal(
    count(closedAfter(t, new FactstrPostgresStore(withDatabase(databaseUrl(), databaseName)))),
    1,
  );
});

test('the case of a name counts', (t) => {
  const lower = newDatabase(t);
  const upper = lower.toUpperCase();
  atEnd(t, () =>
    spawnSync('psql', [
      '-qX',
      '-c',
      `DROP DATABASE IF EXISTS "${upper}" WITH (FORCE)`,
      databaseUrl(),
    ]),
  );
  const stores = [lower, upper].map((databaseName) =>
    FactstrPostgresStore.bootstrap({ serverUrl: databaseUrl(), databaseName }),
  );
  stores.forEach((store) => closedAfter(t, store));
  stores[0].append(facts('a'));
  assert.deepEqual(stores.map(count), [1, 0]);
});

test('an invalid database name is InvalidArgument', () => {
  for (const databaseName of [
    undefined,
    null,
    5,
    '',
    'with-dash',
    'with space',
    '1st',
    'ünï',
    'facts"',
    "facts'; DROP TABLE events; --",
    'facts\n',
    'facts/other',
    'facts?dbname=other',
    'facts\u0000',
    'half \ud83d',
    'x'.repeat(64),
  ]) {
    assert.throws(
      () => FactstrPostgresStore.bootstrap({ serverUrl: databaseUrl(), databaseName }),
      withCode('InvalidArgument', (error) => /database_?name/i.test(error.message)),
      String(databaseName),
    );
  }
});

test('the first argument of bootstrap must be an object with both names', () => {
  for (const [target, word] of [
    [undefined, 'target'],
    [null, 'target'],
    [databaseUrl(), 'target'],
    [{ databaseName: 'facts' }, 'serverUrl'],
    [{ server_url: databaseUrl(), database_name: 'facts' }, 'serverUrl'],
  ]) {
    assert.throws(
      () => FactstrPostgresStore.bootstrap(target),
      withCode('InvalidArgument', (error) => error.message.includes(word)),
    );
  }
});

test('of several processes that bootstrap one database at once each gets it', limit, async (t) => {
  // G2
  const program = path.join(__dirname, 'programs', 'bootstrap.js');
  for (let round = 0; round < 3; round++) {
    const databaseName = newDatabase(t);
    const children = Array.from({ length: 3 }, () => {
      const child = spawn(process.execPath, [program, databaseName], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      atEnd(t, () => child.kill('SIGKILL'));
      return child;
    });
    const ready = children.map((child) => once(child.stdout, 'data'));
    await Promise.all(ready);
    const answers = children.map((child) => child.stdout.toArray());
    children.forEach((child) => child.stdin.end('go\n'));
    const numbers = (await Promise.all(answers)).map((chunks) => chunks.join('').trim());
    assert.deepEqual(numbers.sort(), ['1n', '2n', '3n']);
  }
});
