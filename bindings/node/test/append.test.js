'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');
const { setImmediate: turn } = require('node:timers/promises');

const { lockedByAnother } = require('./locked.js');
const { isWindows, without } = require('./skips.js');
const {
  eachStore,
  facts,
  noHandleIsLeftOpen,
  openMemory,
  openSqlite,
  folder,
  withCode,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

eachStore('append', (open) => {
  test('a batch gets one consecutive range of BigInt numbers from 1 upwards', (t) => {
    // G2 G3
    const store = open(t);
    assert.deepEqual(store.append(facts('a', 'b')), {
      first_sequence_number: 1n,
      last_sequence_number: 2n,
      committed_count: 2n,
    });
    assert.deepEqual(store.append(facts('c')), {
      first_sequence_number: 3n,
      last_sequence_number: 3n,
      committed_count: 1n,
    });
  });

  test('an empty append is EmptyAppend and consumes no number', (t) => {
    // G2 G4
    const store = open(t);
    assert.throws(
      () => store.append([]),
      withCode('EmptyAppend', ({ message }) => /^EmptyAppend: \w/.test(message)),
    );
    assert.equal(store.append(facts('a')).first_sequence_number, 1n);
  });

  test('every JSON value comes back equal', (t) => {
    // G14
    const store = open(t);
    const payloads = [
      null,
      true,
      false,
      0,
      -1.5,
      1e300,
      Number.MAX_SAFE_INTEGER,
      '',
      'Grüße 🎉 \u0001\u001f "\\/ \u2028',
      [],
      {},
      [[], [1, [2, { a: [null] }]]],
      { '': 1, 'a.b': { 'c"d': 2 }, ['__proto__']: 3, é: 4, 'e\u0301': 5 },
    ];
    store.append(payloads.map((payload) => ({ event_type: 'p', payload })));
    assert.deepEqual(
      store.query().event_records.map((record) => record.payload),
      payloads,
    );
  });

  test('unknown fields are ignored, and what JSON.stringify leaves out is left out', (t) => {
    const store = open(t);
    store.append([
      {
        event_type: 'a',
        payload: { kept: 1, dropped: undefined, at: new Date(0) },
        sequence_number: 99n,
        extra: 'x',
      },
    ]);
    assert.deepEqual(store.query().event_records[0].payload, {
      kept: 1,
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  test('a thousand awaited appends each get a number of their own', async (t) => {
    // G2
    const store = open(t);
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => store.appendAsync([{ event_type: 'n', payload: i }])),
    );
    const numbers = answers
      .map((answer) => answer.first_sequence_number)
      .sort((a, b) => (a < b ? -1 : 1));
    assert.deepEqual(
      numbers,
      Array.from({ length: 1000 }, (_, i) => BigInt(i + 1)),
    );
    const stored = store.query().event_records;
    answers.forEach((answer, i) =>
      assert.equal(stored[Number(answer.first_sequence_number) - 1].payload, i),
    );
  });

  test('the promise of an empty append rejects with EmptyAppend', async (t) => {
    // G4
    await assert.rejects(open(t).appendAsync([]), withCode('EmptyAppend'));
  });

  test('a signal that is already aborted writes nothing', async (t) => {
    const store = open(t);
    const reason = new Error('enough');
    await assert.rejects(
      store.appendAsync(facts('a'), { signal: AbortSignal.abort(reason) }),
      withCode('Cancelled', (error) => error.cause === reason),
    );
    assert.deepEqual(store.query(), { event_records: [] });
  });

  test('each of many appends that are aborted either wrote its event or rejects with Cancelled', async (t) => {
    // G5
    const store = open(t);
    const controller = new AbortController();
    const requests = Array.from({ length: 200 }, (_, i) =>
      store.appendAsync([{ event_type: 'n', payload: i }], { signal: controller.signal }),
    );
    controller.abort();
    const outcomes = await Promise.allSettled(requests);
    for (const { reason } of outcomes.filter((outcome) => outcome.status === 'rejected')) {
      withCode('Cancelled')(reason);
      assert.equal(reason.cause, controller.signal.reason);
    }
    const written = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
    assert.deepEqual(
      store
        .query()
        .event_records.map((record) => record.payload)
        .sort((a, b) => a - b),
      written,
    );
  });

  test('requests that close() finds waiting are answered, and what was answered as written is written', async (t) => {
    // G5
    const store = open(t);
    const requests = Array.from({ length: 50 }, () => store.appendAsync(facts('a')));
    store.close();
    for (const outcome of await Promise.allSettled(requests)) {
      assert.ok(
        outcome.status === 'fulfilled' || outcome.reason.code === 'StoreClosed',
        String(outcome.reason),
      );
    }
  });
});

test('occurred_at is one UTC reading per batch with microseconds', (t) => {
  // G6
  const store = openMemory(t);
  store.append(facts('a', 'b'));
  const [first, second] = store.query().event_records.map((record) => record.occurred_at);
  assert.match(first, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.equal(first, second);
});

test(
  'a request that still waits is cancelled and writes nothing',
  { timeout: 60_000 * patience, skip: without('python3') },
  async (t) => {
    // G5
    const file = path.join(folder(t), 'facts.sqlite');
    const store = openSqlite(t, { busyTimeoutMs: 60_000 }, file);
    const unlock = await lockedByAnother(t, file);
    const requests = [store.appendAsync(facts('first'))];
    let cancelled = false;
    // A request may be taken together with the first one, and then ends as that does. Once that
    // group waits for the lock, the next cannot be.
    while (!cancelled) {
      const controller = new AbortController();
      const request = store.appendAsync(facts('next'), { signal: controller.signal });
      request.catch(
        (error) =>
          (cancelled = error.code === 'Cancelled' && error.cause === controller.signal.reason),
      );
      requests.push(request);
      controller.abort();
      await turn();
    }
    await unlock();
    const outcomes = await Promise.allSettled(requests);
    outcomes
      .filter((outcome) => outcome.status === 'rejected')
      .forEach((outcome) => withCode('Cancelled')(outcome.reason));
    assert.equal(outcomes[0].status, 'fulfilled');
    assert.equal(
      store.query().event_records.length,
      outcomes.filter((outcome) => outcome.status === 'fulfilled').length,
    );
  },
);

test('what SQLite stored is there after it was opened again, under a path with every awkward character', (t) => {
  // G5
  const name = 'ü ?a=1&b#c%20 \'"🚀.sqlite';
  // Windows has no files with ? and ".
  const file = path.join(folder(t), isWindows ? name.replaceAll(/[?"]/g, '') : name);
  const store = openSqlite(t, undefined, file);
  store.append(facts('a'));
  store.close();
  const again = openSqlite(t, undefined, file);
  assert.equal(again.append(facts('b')).first_sequence_number, 2n);
});
