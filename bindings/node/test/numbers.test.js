'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const decode = require('../lib/decode.js');
const { RawJson } = require('../lib/encode.js');
const { parse } = require('../lib/numbers.js');
const { Deliveries } = require('./deliveries.js');
const { eachStore, facts, noHandleIsLeftOpen, ofType, withCode } = require('./stores.js');

noHandleIsLeftOpen();

const SEAT = 9007199254740993n; // 2^53 + 1: the nearest double is ...992

function raw(text, event_type = 'a') {
  return [{ event_type, payload: new RawJson(text) }];
}

function holding(predicate) {
  return { filters: [{ payload_predicates: [predicate] }] };
}

eachStore('numbers', (open) => {
  test('an integer that no Number holds comes back as BigInt, and finds its own fact and no other', (t) => {
    // G9 G14
    const store = open(t);
    store.append(raw('{"seat":9007199254740993}', 'taken'));
    const { seat } = store.query().event_records[0].payload;
    assert.equal(seat, SEAT);
    const context = holding({ seat });
    assert.equal(store.query(context).current_context_version, 1n);
    assert.deepEqual(
      store.appendIf([{ event_type: 'taken', payload: { seat, by: 'Bob' } }], context, null),
      {
        conflict: { actual_context_version: 1n },
      },
    );
    assert.deepEqual(store.query(holding({ seat: Number(SEAT) })).event_records, []);
  });

  test('a BigInt is written as the integer it is, in payloads and predicates, blocking and awaited', async (t) => {
    // G14
    const store = open(t);
    store.append([
      {
        event_type: 'a',
        payload: { small: 5n, list: [SEAT, -SEAT], deep: { huge: 10n ** 300n + 1n } },
      },
    ]);
    await store.appendAsync([{ event_type: 'b', payload: SEAT }]);
    const [first, second] = (await store.queryAsync()).event_records;
    assert.deepEqual(first.payload, {
      small: 5,
      list: [SEAT, -SEAT],
      deep: { huge: 10n ** 300n + 1n },
    });
    assert.equal(second.payload, SEAT);
    assert.equal(store.query(holding({ small: 5 })).current_context_version, 1n);
    assert.equal(store.query(holding({ list: [-SEAT] })).current_context_version, 1n);
    assert.equal(store.query(holding(SEAT)).current_context_version, 2n);
  });

  test('every Number comes back as the Number it was', (t) => {
    // G14
    const store = open(t);
    const numbers = [
      0,
      0.1,
      0.1 + 0.2,
      1 / 3,
      2 ** 53,
      2 ** 60,
      -(2 ** 63),
      1e21,
      1e22,
      1.5e300,
      5e-324,
      Number.MAX_VALUE,
      Number.MIN_VALUE,
      Math.PI,
    ];
    store.append([{ event_type: 'a', payload: numbers }]);
    assert.deepEqual(store.query().event_records[0].payload, numbers);
  });

  test('a live and a durable stream give exact numbers', async (t) => {
    const store = open(t);
    const live = new Deliveries();
    store.streamAll((events) => live.handler(events));
    store.append(raw('{"seat":9007199254740993}'));
    const durable = new Deliveries();
    await store.streamAllDurable({ name: 'seats' }, (events) => durable.handler(events));
    for (const seen of [live, durable]) {
      assert.equal((await seen.next())[0].payload.seat, SEAT);
    }
  });

  test('a number that neither Number nor BigInt holds fails the reading and says how to read it', async (t) => {
    const store = open(t);
    store.append(facts('before'));
    store.append(raw('{"rate":0.12345678901234567890}'));
    const says = withCode('InvalidState', ({ message }) =>
      /the payload of fact 2 .*0\.1234567890123456789.*rawPayloads/.test(message),
    );
    assert.throws(() => store.query(), says);
    await assert.rejects(store.queryAsync(), says);
    assert.equal(store.query(ofType('before')).event_records.length, 1);
    // The stream ends: going on would leave the fact out, and delivering it again would not help.
    const retry = { maxAttempts: 3 };
    const handled = [];
    await assert.rejects(
      store.streamAllDurable({ name: 'rates' }, (events) => void handled.push(...events), {
        retry,
      }),
      says,
    );
    assert.deepEqual(
      handled.map(({ event_type }) => event_type),
      ['before'],
    );
    const live = store.streamAll((events) => void handled.push(...events));
    store.append(raw('0.12345678901234567890'));
    store.append(facts('after'));
    await assert.rejects(
      live.closed,
      withCode('InvalidState', ({ message }) => message.includes('fact 3 ')),
    );
    assert.equal(handled.length, 1);
  });

  test('rawPayloads gives each payload as its JSON text, from queries and streams', async (t) => {
    const store = open(t, { rawPayloads: true });
    const texts = [
      '0.12345678901234567890',
      '9007199254740993',
      '"}],\\"payload\\":"',
      'null',
      '[[],{"payload":[1,"]"]}]',
      '{"a":{"b":"\\\\"}}',
    ];
    const seen = new Deliveries();
    store.streamAll((events) => seen.handler(events));
    store.append(texts.flatMap((text) => raw(text, ',"payload":')));
    const { event_records, current_context_version } = store.query();
    const given = event_records.map(({ payload }) => payload);
    // A database may write a number or spaces in another way, but not another value.
    assert.deepEqual(given.slice(1).map((text) => JSON.parse(text)), texts.slice(1).map((text) => JSON.parse(text))); // prettier-ignore
    assert.match(given[0], /^0\.1234567890123456789/);
    assert.equal(given[1], texts[1]);
    assert.equal(current_context_version, 6n);
    assert.deepEqual(await seen.next(), event_records);
    assert.deepEqual((await store.queryAsync({ limit: 1 })).event_records, [event_records[0]]);
  });
});

const read = (text) => parse(`[${text}]`)[0];

test('a number is read as the Number that is written like it, else as the integer that it is, else not at all', () => {
  // G14
  for (const [text, value] of [
    ['9007199254740992', 9007199254740992],
    ['9007199254740993', SEAT],
    ['-9007199254740993', -SEAT],
    ['9007199254740993.000', SEAT],
    ['90071992547409930e-1', SEAT],
    ['9.007199254740993E+15', SEAT],
    ['1152921504606847000', 2 ** 60], // what JSON.stringify(2 ** 60) writes
    ['1152921504606846976', 2n ** 60n], // the same double, but JSON.stringify would not write it
    ['1000000000000000000000', 1e21],
    ['1e23', 1e23],
    ['1e400', 10n ** 400n],
    ['-0', -0],
    ['-0.00000000000000000000', -0],
    ['0e999', 0],
    ['1.00000000000000000000', 1],
    ['5e-324', 5e-324],
    ['0.30000000000000004', 0.30000000000000004],
    ['"9007199254740993"', '9007199254740993'],
    ['"\\" 9007199254740993, \\\\"', '" 9007199254740993, \\'],
  ]) {
    assert.equal(read(text), value, text);
  }
  for (const text of [
    '0.10000000000000001',
    '9007199254740993.5',
    '1e-400',
    '4.9e-324',
    '1e1000',
    '1e999999999',
    '123456789.123456789012',
  ]) {
    assert.throws(() => read(text), withCode('InvalidState'), text);
  }
});

test('exact numbers are put in their places, whatever is around them', () => {
  const seat = '9007199254740993';
  assert.deepEqual(
    parse(`{"${seat}":["${seat}",${seat}],"__proto__":{"a":${seat}},"a":${seat},"a":1}`),
    {
      [seat]: [seat, SEAT],
      ['__proto__']: { a: SEAT },
      a: 1,
    },
  );
  const depth = 100_000;
  let inner = parse(`${'['.repeat(depth)}${seat}${']'.repeat(depth)}`);
  for (let i = 0; i < depth; i++) {
    inner = inner[0];
  }
  assert.equal(inner, SEAT);
});

test('long strings full of escapes are passed over without recursion', () => {
  const [text, seat] = parse(
    JSON.stringify(['"\\\n'.repeat(1 << 20), 0]).replace(/0\]$/, `${SEAT}]`),
  );
  assert.equal(text.length, 3 << 20);
  assert.equal(seat, SEAT);
  const escaped = JSON.stringify('"\\\n'.repeat(1 << 20));
  const { batches } = decode.batches(
    `[{"position":"1","event_records":[{"sequence_number":"1","occurred_at":"","event_type":"a","payload":${escaped}}]}]`,
    { raw: true },
  );
  assert.equal(batches[0][0].payload, escaped);
});

test(
  'JSON.rawJSON is written as it is, where the engine has it',
  { skip: JSON.rawJSON ? false : 'this engine has no JSON.rawJSON' },
  () => {
    const { write } = require('../lib/payload.js');
    assert.equal(
      write({ rate: JSON.rawJSON('0.12345678901234567890') }, 'payload'),
      '{"rate":0.12345678901234567890}',
    );
  },
);
