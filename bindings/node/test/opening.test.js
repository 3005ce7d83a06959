'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');
const { inspect } = require('node:util');
const { Worker } = require('node:worker_threads');

const factstr = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { collectUntil } = require('./garbage.js');
const { lockedByAnother } = require('./locked.js');
const { openPlaceAsync } = require('./place.js');
const {
  atEnd,
  closedAfter,
  databaseUrl,
  eachSharedPlace,
  facts,
  folder,
  newDatabase,
  noHandleIsLeftOpen,
  openAt,
  openMemory,
  withCode,
} = require('./stores.js');

const { FactstrPostgresStore, FactstrSqliteStore } = factstr;

noHandleIsLeftOpen();

const limit = { timeout: 60_000 };
const SECRET = 's3cr3t';
const lib = JSON.stringify(require.resolve('../lib/index.js'));

/**
 * A server in this thread that takes connections and never says a word. It sees nobody while
 * something blocks the thread.
 */
async function silentServer(t) {
  const server = net.createServer().listen(0, '127.0.0.1');
  const sockets = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume(); // else its end would not be seen
  });
  atEnd(t, () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  await once(server, 'listening');
  return { server, url: `postgres://clerk:${SECRET}@127.0.0.1:${server.address().port}/facts` };
}

// So long an opening waits by itself; tests that give one up must be done before. It is not longer,
// since of an opening that blocks the thread not even tests are rid earlier.
const patient = { connectTimeoutMs: 20_000 };
const soon = { timeout: 10_000 };

const ways = {
  open: (url, options) => FactstrPostgresStore.open(url, { ...patient, ...options }),
  bootstrapAsync: (serverUrl, options) =>
    FactstrPostgresStore.bootstrapAsync(
      { serverUrl, databaseName: 'ledger' },
      { ...patient, ...options },
    ),
};

eachSharedPlace('opening', (newPlace) => {
  test('a promised store is one like any other', async (t) => {
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
          await pause(round);
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

  test('a signal that aborts later does nothing to the store', async (t) => {
    const controller = new AbortController();
    const place = newPlace(t, { signal: controller.signal });
    const store = closedAfter(t, await openPlaceAsync(place));
    controller.abort();
    assert.equal(store.append(facts('a')).first_sequence_number, 1n);
  });
});

test('a path that is none rejects, and what cannot be opened tells why', async (t) => {
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

test('a URL or a name that is none rejects, and what cannot be opened tells why, without the password', async () => {
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

function quiet(error) {
  return !inspect(error, { depth: 10 }).includes(SECRET);
}

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
      setTimeout(() => order.push('timer'), 20);
      await pause(40);
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

test('the event loop goes on while another program has the file locked', soon, async (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  const unlock = await lockedByAnother(t, file);
  const controller = new AbortController();
  const options = { busyTimeoutMs: 20_000 };
  const aborted = FactstrSqliteStore.open(file, { ...options, signal: controller.signal });
  const opening = FactstrSqliteStore.open(file, options);
  await pause(20);
  controller.abort();
  await assert.rejects(aborted, withCode('Cancelled'));
  await unlock();
  const store = closedAfter(t, await opening);
  assert.equal(store.append(facts('a')).first_sequence_number, 1n);
});

/** Blocks the thread until a store at the path is open, or so good as. */
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
    await pause(round);
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
