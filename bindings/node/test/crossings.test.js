'use strict';

// Several batches come from the library at once: each still counts for itself.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { FactstrSqliteStore } = require('../lib/index.js');
const { signal } = require('./deliveries.js');
const { isWindows } = require('./skips.js');
const { eachStore, facts, folder, noHandleIsLeftOpen, withCode } = require('./stores.js');
const { until } = require('./until.js');

noHandleIsLeftOpen();

const FACTS = 8;
const numbersTo = (last, first = 1) =>
  Array.from({ length: last - first + 1 }, (_, i) => BigInt(first + i));

function appendOnes(store, count) {
  for (let i = 0; i < count; i++) {
    store.append(facts('a'));
  }
}

/** The numbers that a new registration of a name replays. */
async function replayed(store, name) {
  const seen = [];
  const subscription = await store.streamAllDurable({ name }, ([{ sequence_number }]) => {
    seen.push(sequence_number);
  });
  subscription.unsubscribe();
  await subscription.closed;
  return seen;
}

eachStore('crossings', (open) => {
  test('the cursor follows while a later batch is handled', async (t) => {
    // G23
    const store = open(t);
    appendOnes(store, FACTS);
    const release = signal();
    const registered = store.streamAllDurable({ name: 'model' }, ([{ sequence_number }]) =>
      sequence_number === 6n ? release.promise : undefined,
    );
    let place;
    for (const begun = Date.now(); place?.stored_cursor !== 5n;) {
      assert.ok(Date.now() - begun < 10_000, 'the stored cursor does not follow');
      place = (await store.statistics()).streams[0];
    }
    assert.equal(place.position, 5n);
    release.resolve();
    await registered;
  });

  for (const kind of ['throws', 'rejects', 'answers false later']) {
    test(`a handler that ${kind} at any place refuses exactly its batch`, async (t) => {
      // G20 G21
      const store = open(t);
      appendOnes(store, FACTS);
      for (let place = 1; place <= FACTS; place++) {
        const name = `model ${place}`;
        const seen = [];
        const handler = ([{ sequence_number }]) => {
          seen.push(sequence_number);
          if (sequence_number !== BigInt(place)) {
            return sequence_number % 2n ? undefined : Promise.resolve();
          }
          if (kind === 'throws') {
            throw new Error('on purpose');
          }
          return kind === 'rejects'
            ? Promise.reject(new Error('on purpose'))
            : Promise.resolve(false);
        };
        await assert.rejects(store.streamAllDurable({ name }, handler), withCode('HandlerFailed'));
        assert.deepEqual(seen, numbersTo(place));
        assert.deepEqual(await replayed(store, name), numbersTo(FACTS, place));
      }
    });
  }

  for (const isAsync of [false, true]) {
    test(`unsubscribing at any place leaves the rest (${isAsync ? 'async' : 'sync'})`, async (t) => {
      // G17 G22
      const store = open(t);
      for (let place = 1; place <= FACTS; place++) {
        const name = `model ${place}`;
        await replayed(store, name);
        const seen = [];
        const last = (place - 1) * FACTS + place;
        const subscription = await store.streamAllDurable({ name }, ([{ sequence_number }]) => {
          seen.push(sequence_number);
          if (sequence_number === BigInt(last)) {
            subscription.unsubscribe();
          }
          return isAsync ? Promise.resolve() : undefined;
        });
        appendOnes(store, FACTS);
        await subscription.closed;
        const first = (place - 1) * FACTS + 1;
        assert.deepEqual(seen, numbersTo(last, first));
        assert.deepEqual(await replayed(store, name), numbersTo(place * FACTS, last));
      }
    });
  }

  test('a live stream goes on after failures', async (t) => {
    // G16
    const store = open(t);
    const failures = [];
    const seen = [];
    const done = signal();
    store.streamAll(
      ([{ sequence_number }]) => {
        seen.push(sequence_number);
        if (seen.length === FACTS) {
          done.resolve();
        }
        if (sequence_number % 2n) {
          throw new Error('on purpose');
        }
      },
      { onError: (error) => failures.push(error) },
    );
    appendOnes(store, FACTS);
    await done.promise;
    await until(() => failures.length === FACTS / 2);
    assert.deepEqual(seen, numbersTo(FACTS));
  });

  test('timers come in between the batches of a long crossing', async (t) => {
    const store = open(t);
    appendOnes(store, 200);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const replay = await store.streamAllDurable({ name: 'model' }, () => {
      const begun = process.hrtime.bigint();
      while (process.hrtime.bigint() - begun < 1_000_000n);
    });
    clearInterval(timer);
    assert.ok(ticks > 20, `${ticks} ticks`);
    replay.unsubscribe();
  });
});

test('nothing is skipped when the process is killed in a crossing', async (t) => {
  // G19 G21
  const file = path.join(folder(t), 'log.db');
  const log = `${file}.handled`;
  const store = new FactstrSqliteStore(file);
  appendOnes(store, 1000);
  store.close();
  const program = `
    const fs = require('node:fs');
    const { FactstrSqliteStore } = require(${JSON.stringify(require.resolve('../lib/index.js'))});
    const [, file, log, last] = process.argv;
    new FactstrSqliteStore(file).streamAllDurable({ name: 'model' }, ([{ sequence_number }]) => {
      fs.appendFileSync(log, sequence_number + '\\n');
      if (sequence_number === BigInt(last)) {
        process.kill(process.pid, 'SIGKILL');
      }
    });`;
  for (const last of [3, 200, 256, 257, 700]) {
    const done = spawnSync(process.execPath, ['-e', program, file, log, String(last)]);
    const killed = isWindows ? [1, null] : [null, 'SIGKILL']; // Windows tells of no signal
    assert.deepEqual([done.status, done.signal], killed, String(done.stderr));
    assert.equal(String(done.stderr), '');
  }
  const again = new FactstrSqliteStore(file);
  const rest = await replayed(again, 'model');
  again.close();
  const handled = fs.readFileSync(log, 'utf8').trim().split('\n').map(BigInt);
  let before = 0n;
  for (const number of [...handled, ...rest]) {
    assert.ok(number <= before + 1n, `${before} is followed by ${number}`);
    before = number;
  }
  assert.equal(before, 1000n);
});
