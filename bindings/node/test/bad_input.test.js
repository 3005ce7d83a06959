'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { RawJson } = require('../lib/encode.js');
const { native } = require('../lib/native.js');
const { FactstrMemoryStore, FactstrPostgresStore, FactstrSqliteStore } = require('../lib/index.js');
const {
  eachStore,
  facts,
  noHandleIsLeftOpen,
  ofType,
  openMemory,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

const LONE = 'half \ud83d of a pair';
const NUL = 'with \u0000 inside';

// Connecting there is refused at once, and is no InvalidArgument.
const nowhere = 'postgres://nobody@127.0.0.1:1/none';

function nested(depth) {
  return new RawJson('['.repeat(depth) + ']'.repeat(depth));
}

function event(payload, event_type = 'a') {
  return [{ event_type, payload }];
}

const circular = {};
circular.self = circular;

const many = (count, value) => new Array(count).fill(value);

// [what it is, the events, a word that the message must hold]
const badEvents = [
  ['no array', 'a', 'events'],
  ['nothing at all', undefined, 'events'],
  ['an event that is null', [null], 'events[0]'],
  ['an event without a type', [{ payload: 1 }], 'event_type'],
  ['a number where the type belongs', event(1, 5), 'event_type'],
  ['an event without a payload', [{ event_type: 'a' }], 'payload'],
  ['a payload that is a function', event(() => {}), 'payload'],
  ['a BigInt beyond the range of a float', event({ n: 10n ** 400n }), 'payload'],
  ['NaN in a payload', event({ n: NaN }), 'NaN'],
  ['an infinite payload', event(-Infinity), 'Infinity'],
  ['a circular payload', event(circular), 'payload'],
  ['malformed JSON', event(new RawJson('{"a":')), ''],
  ['two values for one', event(new RawJson('1,2')), ''],
  ['a lone surrogate in a type', event(1, LONE), 'surrogate'],
  ['a lone surrogate in a payload', event({ text: LONE }), 'surrogate'],
  ['a lone surrogate in a key', event({ [LONE]: 1 }), 'surrogate'],
  ['U+0000 in a type', event(1, NUL), 'event_type'],
  ['U+0000 in a payload', event([NUL]), 'payload'],
  ['depth 128', event(nested(128)), 'payload'],
  ['a number beyond the range of a float', event(new RawJson('1e400')), 'payload'],
  ['a type of more than 1,000 bytes', event(1, 'ü'.repeat(501)), 'event_type'],
  ['a payload of more than 16 MiB', event('x'.repeat(16 << 20)), 'payload'],
  ['10,001 events', many(10_001, { event_type: 'a', payload: 1 }), '10'],
];

const badQueries = [
  ['a text', 'all', 'query'],
  ['an array', [], 'query'],
  ['filters that are no array', { filters: {} }, 'filters'],
  ['a filter that is null', { filters: [null] }, 'filters[0]'],
  ['types that are no array', { filters: [{ event_types: 'a' }] }, 'event_types'],
  ['a number where a type belongs', { filters: [{ event_types: [5] }] }, 'event_types'],
  ['a lone surrogate in a type', ofType(LONE), 'surrogate'],
  ['U+0000 in a type', ofType(NUL), 'event_types'],
  [
    'a predicate that is undefined',
    { filters: [{ payload_predicates: [undefined] }] },
    'payload_predicates',
  ],
  ['NaN in a predicate', { filters: [{ payload_predicates: [{ a: NaN }] }] }, 'NaN'],
  ['a lone surrogate in a predicate', { filters: [{ payload_predicates: [LONE] }] }, 'surrogate'],
  [
    'a predicate of depth 128',
    { filters: [{ payload_predicates: [nested(128)] }] },
    'payload_predicates',
  ],
  ['malformed JSON in a predicate', { filters: [{ payload_predicates: [new RawJson('[')] }] }, ''],
  ['1,001 filters', { filters: many(1001, {}) }, 'filters'],
  ['10,001 types', ofType(...many(10_001, 'a')), 'event_types'],
  ['a cursor that is a Number', { min_sequence_number: 5 }, 'min_sequence_number'],
  ['a cursor that is a text', { min_sequence_number: '5' }, 'min_sequence_number'],
  ['a negative cursor', { min_sequence_number: -1n }, 'min_sequence_number'],
  ['a cursor over u64', { min_sequence_number: 2n ** 64n }, 'min_sequence_number'],
  ['a fractional limit', { limit: 1.5 }, 'limit'],
  ['a negative limit', { limit: -1 }, 'limit'],
  ['a limit that is NaN', { limit: NaN }, 'limit'],
];

const badExpected = [
  ['a Number', 5],
  ['a text', '5'],
  ['a negative BigInt', -1n],
  ['a BigInt over u64', 2n ** 64n],
];

function naming(word) {
  return withCode('InvalidArgument', (error) => {
    assert.ok(
      error.message.includes(word),
      `${JSON.stringify(error.message)} does not name ${word}`,
    );
    return true;
  });
}

/**
 * Every way to say it is refused with InvalidArgument; afterwards nothing was written and the store
 * works.
 */
async function refused(store, word, calls) {
  for (const call of calls) {
    await assert.rejects(async () => call(), naming(word), String(call));
  }
  assert.deepEqual(store.query(), { event_records: [] });
  assert.equal(store.append(facts('works')).first_sequence_number, 1n);
}

eachStore('bad input', (open) => {
  for (const [what, events, word] of badEvents) {
    test(`events: ${what}`, (t) => {
      const store = open(t);
      return refused(store, word, [
        () => store.append(events),
        () => store.appendAsync(events),
        () => store.appendIf(events, {}, null),
        () => store.appendIfAsync(events, {}, null),
      ]);
    });
  }

  for (const [what, query, word] of badQueries) {
    test(`query: ${what}`, (t) => {
      const store = open(t);
      return refused(store, word, [
        () => store.query(query),
        () => store.queryAsync(query),
        () => store.appendIf(facts('a'), query, null),
        () => store.appendIfAsync(facts('a'), query, null),
        () => store.streamTo(query, () => {}),
        () => store.streamToDurable({ name: 'model' }, query, () => {}),
      ]);
    });
  }

  for (const [what, expected] of badExpected) {
    test(`expected: ${what}`, (t) => {
      const store = open(t);
      return refused(store, 'expected', [
        () => store.appendIf(facts('a'), {}, expected),
        () => store.appendIfAsync(facts('a'), {}, expected),
      ]);
    });
  }

  test('depth 127 and exact limits are taken', (t) => {
    const store = open(t);
    store.append(event(nested(127)));
    store.append(event('x'.repeat((16 << 20) - 2)));
    store.append(event(1, 'ü'.repeat(500)));
    store.append(many(10_000, { event_type: 'a', payload: 1 }));
    assert.equal(store.query({ limit: 1 }).current_context_version, 10_003n);
  });

  test('names and handlers of streams', (t) => {
    const store = open(t);
    const handle = () => {};
    return Promise.all(
      [
        ['handle', () => store.streamAll()],
        ['handle', () => store.streamTo({}, 'no function')],
        ['handle', () => store.streamAllDurable({ name: 'model' })],
        ['durable_stream', () => store.streamAllDurable('model', handle)],
        ['durable_stream', () => store.streamAllDurable(null, handle)],
        ['after', () => store.streamFrom(undefined, {}, handle)],
        ['after', () => store.streamFrom(5, {}, handle)],
        ['after', () => store.streamFrom('5', {}, handle)],
        ['after', () => store.streamFrom(-1n, {}, handle)],
        ['after', () => store.streamFrom(1n << 63n, {}, handle)],
        ['after', () => store.streamFrom(1n << 64n, {}, handle)],
        ['handle', () => store.streamFrom(0n, {})],
        ['cursorEvery', () => store.streamFrom(0n, {}, handle, { cursorEvery: { ms: 1 } })],
        ['name', () => store.streamAllDurable({}, handle)],
        ['name', () => store.streamAllDurable({ name: 5 }, handle)],
        ['name', () => store.streamAllDurable({ name: '' }, handle)],
        ['name', () => store.streamAllDurable({ name: 'x'.repeat(1001) }, handle)],
        ['name', () => store.streamAllDurable({ name: NUL }, handle)],
        ['surrogate', () => store.streamAllDurable({ name: LONE }, handle)],
        [
          'retry',
          () => store.streamAllDurable({ name: 'model' }, handle, { retry: { maxAttempts: -1 } }),
        ],
        [
          'max_attempts',
          () => store.streamAllDurable({ name: 'model' }, handle, { retry: { max_attempts: 3 } }),
        ],
        [
          'cursorEvery',
          () => store.streamAllDurable({ name: 'model' }, handle, { cursorEvery: 5 }),
        ],
        ['signal', () => store.streamAll(handle, { signal: {} })],
        [
          'signal',
          () => store.streamAll(handle, { signal: { aborted: false, addEventListener() {} } }),
        ],
        ['onError', () => store.streamAll(handle, { onError: 'log' })],
        ['options.onerror', () => store.streamAll(handle, { onerror: () => {} })],
        ['options.retry', () => store.streamTo({}, handle, { retry: { maxAttempts: 3 } })],
        [
          'options.onprogress',
          () => store.streamAllDurable({ name: 'model' }, handle, { onprogress: () => {} }),
        ],
        [
          'options.signals',
          () => store.streamToDurable({ name: 'model' }, {}, handle, { signals: null }),
        ],
        ['options', () => store.streamAll(handle, 5)],
        ['options.timeout', () => store.appendAsync(facts('a'), { timeout: 5 })],
        ['options.Signal', () => store.queryAsync({}, { Signal: undefined })],
        ['options.signall', () => store.appendIfAsync(facts('a'), {}, null, { signall: null })],
      ].map(([word, call]) => assert.rejects(async () => call(), naming(word), String(call))),
    );
  });

  test('what a signal throws comes before anything is begun', async (t) => {
    const store = open(t);
    const failure = new Error('nobody may listen');
    const signal = {
      aborted: false,
      addEventListener() {
        throw failure;
      },
      removeEventListener() {},
    };
    const before = native.openHandles();
    const calls = [
      () => store.appendAsync(facts('a'), { signal }),
      () => store.streamAll(() => {}, { signal }),
      () => FactstrPostgresStore.open(nowhere, { signal }),
    ];
    for (const call of [...calls, ...calls]) {
      await assert.rejects(async () => call(), failure, String(call));
    }
    assert.deepEqual((await store.queryAsync()).event_records, []);
    assert.equal(native.openHandles(), before);
  });

  test('use after close() is StoreClosed, and closing again does nothing', async (t) => {
    const store = open(t);
    store.close();
    store.close();
    const closed = withCode('StoreClosed');
    assert.throws(() => store.append(facts('a')), closed);
    assert.throws(() => store.query(), closed);
    assert.throws(() => store.appendIf(facts('a'), {}, null), closed);
    assert.throws(() => store.streamAll(() => {}), closed);
    assert.throws(() => store.streamTo({}, () => {}), closed);
    await assert.rejects(store.appendAsync(facts('a')), closed);
    await assert.rejects(store.appendIfAsync(facts('a'), {}, null), closed);
    await assert.rejects(store.queryAsync(), closed);
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, () => {}),
      closed,
    );
    await assert.rejects(
      store.streamToDurable({ name: 'model' }, {}, () => {}),
      closed,
    );
  });
});

test('handles that the library does not know are InvalidHandle', () => {
  const unknown = withCode('InvalidHandle');
  const never = 2n ** 63n;
  assert.throws(() => native.append(never, '[]'), unknown);
  assert.throws(() => native.appendSubmit(never, '[]', 1), unknown);
  assert.throws(() => native.query(never, '{}'), unknown);
  assert.throws(() => native.openStream(never, '{}', 1, true), unknown);
  assert.throws(() => native.closeStore(never), unknown);
  assert.equal(native.acknowledge(never, 1n), false);
  assert.equal(native.refuse(never, 1n, 'why'), false);
});

test('a store handle that was closed is not known any more', () => {
  const handle = native.openMemory('{"sequence_numbers":"string"}');
  native.closeStore(handle);
  assert.throws(() => native.closeStore(handle), withCode('InvalidHandle'));
});

test('options that are misspelt or of the wrong type are refused', () => {
  assert.throws(() => new FactstrMemoryStore({ closeTimeout: 5 }), naming('closeTimeoutMs'));
  assert.throws(() => new FactstrMemoryStore({ busyTimeoutMs: 5 }), naming('busyTimeoutMs'));
  assert.throws(() => new FactstrMemoryStore({ closeTimeoutMs: '5' }), naming('closeTimeoutMs'));
  assert.throws(() => new FactstrMemoryStore({ closeTimeoutMs: -1 }), naming('closeTimeoutMs'));
  assert.throws(() => new FactstrMemoryStore(5), naming('options'));
  assert.throws(() => new FactstrMemoryStore({ signal: null }), naming('options.signal'));
  assert.throws(
    () => new FactstrMemoryStore({ rawPayloads: 'yes' }),
    naming('options.rawPayloads'),
  );
  assert.throws(
    () => new FactstrSqliteStore('never made.sqlite', { fullFsync: 1 }),
    naming('options.fullFsync'),
  );
});

test('options of a PostgreSQL store that are misspelt or of the wrong type are refused before anything connects', () => {
  for (const [options, word] of [
    [{ table: 'facts' }, 'options.table'],
    [{ busyTimeoutMs: 5 }, 'options.busyTimeoutMs'],
    [{ fullFsync: true }, 'options.fullFsync'],
    [{ application_name: 'billing' }, 'applicationName'],
    [{ schema: 5 }, 'options.schema'],
    [{ schema: '' }, 'schema'],
    [{ schema: NUL }, 'schema'],
    [{ schema: LONE }, 'surrogate'],
    [{ applicationName: ['billing'] }, 'options.applicationName'],
    [{ directUrl: new URL('postgres://localhost') }, 'options.directUrl'],
    [{ connectionsMax: '4' }, 'options.connectionsMax'],
    [{ connectionsMax: 0 }, 'connections_max'],
    [{ connectTimeoutMs: -1 }, 'options.connectTimeoutMs'],
    [{ lockTimeoutMs: 1.5 }, 'options.lockTimeoutMs'],
    [{ responseTimeoutMs: NaN }, 'options.responseTimeoutMs'],
    [{ pollIntervalMs: 250n }, 'options.pollIntervalMs'],
    ['facts', 'options'],
  ]) {
    assert.throws(() => new FactstrPostgresStore(nowhere, options), naming(word));
    assert.throws(
      () => FactstrPostgresStore.bootstrap({ serverUrl: nowhere, databaseName: 'facts' }, options),
      naming(word),
    );
  }
});

test('limits are options, and the error names the one that was passed', (t) => {
  const store = openMemory(t, { batchEventsMax: 2, payloadBytesMax: 10, resultBytesMax: 400 });
  assert.throws(() => store.append(facts('a', 'b', 'c')), withCode('InvalidArgument'));
  assert.throws(() => store.append(event('x'.repeat(9))), withCode('InvalidArgument'));
  for (let i = 0; i < 10; i++) {
    store.append(event(i));
  }
  assert.throws(() => store.query(), naming('limit'));
  assert.equal(store.query({ limit: 1 }).current_context_version, 10n);
});
