'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');

const factstr = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { collectUntil } = require('./garbage.js');
const { SECRET, quiet, ways } = require('./openings.js');
const { openPlaceAsync } = require('./open_place.js');
const {
  closedAfter,
  databaseUrl,
  eachSharedPlace,
  facts,
  folder,
  newDatabase,
  noHandleIsLeftOpen,
  openAt,
  withCode,
} = require('./stores.js');
const { patience } = require('./until.js');

const { FactstrPostgresStore, FactstrSqliteStore } = factstr;

noHandleIsLeftOpen();

const limit = { timeout: 60_000 * patience };
const lib = JSON.stringify(require.resolve('../lib/index.js'));

eachSharedPlace('opening', (newPlace) => {
  test('a store from a promise behaves like any other', async (t) => {
    const place = newPlace(t, { batchEventsMax: 2 });
    const promise = openPlaceAsync(place);
    assert.ok(promise instanceof Promise);
    const store = closedAfter(t, await promise);
    assert.ok(store instanceof factstr[place.store]);
    assert.equal(store.append(facts('a')).first_sequence_number, 1n);
    assert.equal((await store.appendAsync(facts('b'))).first_sequence_number, 2n);
    assert.throws(() => store.append(facts('a', 'b', 'c')), withCode('InvalidArgument'));
    assert.equal(openAt(t, place).query().event_records.length, 2);
    const { open } = factstr[place.store];
    closedAfter(t, await open(...place.args));
  });

  test('many openings of one place go on at once', limit, async (t) => {
    // G2
    const place = newPlace(t);
    const stores = await Promise.all(Array.from({ length: 10 }, () => openPlaceAsync(place)));
    stores.forEach((store) => closedAfter(t, store));
    const answers = await Promise.all(stores.map((store) => store.appendAsync(facts('a'))));
    assert.deepEqual(
      answers.map((answer) => Number(answer.first_sequence_number)).sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
  });

  test('a promised store that is dropped is closed when it is collected', async (t) => {
    const place = newPlace(t);
    await openPlaceAsync(place);
    void openPlaceAsync(place);
    await collectUntil(() => native.openHandles() === 0, 'dropped stores stay open');
  });

  test('bad options reject', async (t) => {
    const { store, args } = newPlace(t);
    const before = native.openHandles();
    for (const [options, word] of [
      ['fast', 'options'],
      [[], 'options'],
      [{ fast: true }, 'fast'],
      [{ closeTimeoutMs: -1 }, 'closeTimeoutMs'],
      [{ signal: 'stop' }, 'signal'],
    ]) {
      await assert.rejects(
        factstr[store].open(args[0], options),
        withCode('InvalidArgument', (error) => error.message.includes(word)),
        word,
      );
    }
    // A constructor has nothing that could be aborted.
    assert.throws(
      () => new factstr[store](args[0], { signal: new AbortController().signal }),
      withCode('InvalidArgument', (error) => error.message.includes('signal')),
    );
    assert.equal(native.openHandles(), before);
  });

  test('a signal that aborts later does nothing to the store', async (t) => {
    const controller = new AbortController();
    const place = newPlace(t, { signal: controller.signal });
    const store = closedAfter(t, await openPlaceAsync(place));
    controller.abort();
    assert.equal(store.append(facts('a')).first_sequence_number, 1n);
  });
});

test('an invalid path rejects, and a failed opening gives the reason', async (t) => {
  for (const bad of [
    undefined,
    null,
    5,
    '',
    ':memory:',
    'facts\u0000.sqlite',
    'facts \ud83d.sqlite',
  ]) {
    await assert.rejects(
      FactstrSqliteStore.open(bad),
      withCode('InvalidArgument', (error) => error.message.includes('path')),
    );
  }
  const letter = path.join(folder(t), 'letter.txt');
  fs.writeFileSync(letter, 'no database');
  await assert.rejects(FactstrSqliteStore.open(letter), withCode('UnsupportedFormat'));
  await assert.rejects(
    FactstrSqliteStore.open(path.join(letter, 'facts.sqlite')),
    withCode('BackendFailure', (error) => error.reason === 'missing_path'),
  );
});

test('an invalid URL or name rejects, and a failed opening gives the reason without the password', async () => {
  for (const url of [
    undefined,
    null,
    5,
    '',
    `mysql://clerk:${SECRET}@127.0.0.1/facts`,
    'postgres://host/\u0000',
  ]) {
    await assert.rejects(FactstrPostgresStore.open(url), withCode('InvalidArgument', quiet));
    await assert.rejects(
      FactstrPostgresStore.bootstrapAsync({ serverUrl: url, databaseName: 'ledger' }),
      withCode('InvalidArgument', quiet),
    );
  }
  for (const target of [
    undefined,
    null,
    'postgres://host',
    { serverUrl: 'postgres://host' },
    { serverUrl: 'postgres://host', databaseName: 'a-b' },
  ]) {
    await assert.rejects(FactstrPostgresStore.bootstrapAsync(target), withCode('InvalidArgument'));
  }
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  const nobody = `postgres://clerk:${SECRET}@127.0.0.1:${port}/facts`;
  for (const way of Object.values(ways)) {
    await assert.rejects(
      way(nobody),
      withCode('BackendFailure', (error) => error.reason === 'connection' && quiet(error)),
    );
  }
});

test(
  'bootstrapAsync creates a database that is missing and opens one that is there',
  limit,
  async (t) => {
    const target = { serverUrl: databaseUrl(), databaseName: newDatabase(t) };
    const stores = await Promise.all(
      [1, 2, 3].map(() => FactstrPostgresStore.bootstrapAsync(target, { connectionsMax: 1 })),
    );
    for (const store of stores) {
      assert.ok(closedAfter(t, store) instanceof FactstrPostgresStore);
      store.append(facts('a'));
    }
    assert.equal(stores[0].query().event_records.length, 3);
  },
);

test('settings of the process are refused once a store was opened in this way, too', (t) => {
  const file = JSON.stringify(path.join(folder(t), 'facts.sqlite'));
  const program = `
    const { FactstrSqliteStore, configure } = require(${lib});
    const settings = { processorsMax: 1 };
    configure(settings);
    FactstrSqliteStore.open(${file}).then(() => configure(settings)).catch((error) => console.log(error.code));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.equal(stdout, 'InvalidState\n', stderr);
});
