'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const vm = require('node:vm');

const { write } = require('../lib/payload.js');
const { eachStore, noHandleIsLeftOpen, withCode } = require('./stores.js');

noHandleIsLeftOpen();

class Money {
  constructor(amount) {
    this.amount = amount;
  }
}
class Hidden {
  #amount = 5;
  get amount() {
    return this.#amount;
  }
}
class Seats extends Map {
  row = 1;
}
const around = { list: [] };
around.list.push({ around });
const throwing = {
  get total() {
    throw new RangeError('no total');
  },
};
const revoked = Proxy.revocable({}, {});
revoked.revoke();

// Each would be stored as something else: {}, null, or nothing at all.
const refused = {
  'a Map': new Map([['seat', 'A1']]),
  'a Set': new Set(['A1']),
  'a Map of another context': vm.runInNewContext('new Map([["seat", "A1"]])'),
  'a Map with the prototype of a plain object': Object.setPrototypeOf(
    new Map([['seat', 'A1']]),
    Object.prototype,
  ),
  'a class over Map with a property': new Seats(),
  'a Map behind a Proxy': new Proxy(new Map(), {}),
  'a WeakMap': new WeakMap(),
  'a WeakSet': new WeakSet(),
  'a WeakRef': new WeakRef({}),
  'a RegExp': /a/,
  'a Promise': Promise.resolve(1),
  'an Error': new Error('lost'),
  'an Error with a property': Object.assign(new Error('lost'), { code: 'E' }),
  'a typed array': new Uint8Array(2),
  'an ArrayBuffer': new ArrayBuffer(2),
  'a DataView': new DataView(new ArrayBuffer(2)),
  'an iterator': new Map([[1, 2]]).entries(),
  'URL parameters': new URLSearchParams('seat=A1'),
  'an instance with private fields only': new Hidden(),
  'what is inherited only': Object.create({ amount: 5 }),
  'a boxed symbol': Object(Symbol('a')),
  'an invalid Date': new Date(NaN),
  'a toJSON that answers a Set': { toJSON: () => new Set([1]) },
  'a toJSON that throws': {
    toJSON() {
      throw new Error('not now');
    },
  },
  'a getter that throws': throwing,
  'a revoked Proxy': revoked.proxy,
  'a circle': around,
  'a function': () => {},
  'a symbol': Symbol('a'),
  NaN: NaN,
  Infinity: -Infinity,
};

const refusedInArrays = { undefined: [undefined], 'a hole': [1, , 2] }; // eslint-disable-line no-sparse-arrays

eachStore('what JSON cannot hold', (open) => {
  test('is refused in payloads and predicates, deep inside too, and its place is named', (t) => {
    const store = open(t);
    for (const [kind, value] of Object.entries({ ...refused, ...refusedInArrays })) {
      for (const [payload, place] of [
        [value, ''],
        [{ seats: [{ 'row 1': value }] }, '.seats[0]["row 1"]'],
      ]) {
        const naming = (field) =>
          withCode('InvalidArgument', ({ message }) => {
            assert.ok(
              message.startsWith(`InvalidArgument: ${field}${place}`),
              `${kind}: ${message}`,
            );
            return true;
          });
        const predicate = { filters: [{ payload_predicates: [payload] }] };
        assert.throws(
          () => store.append([{ event_type: 'a', payload }]),
          naming('events[0].payload'),
          kind,
        );
        assert.throws(
          () => store.query(predicate),
          naming('query.filters[0].payload_predicates[0]'),
          kind,
        );
        assert.throws(
          () => store.appendIf([{ event_type: 'a', payload: 1 }], predicate, null),
          naming('query.filters[0].payload_predicates[0]'),
          kind,
        );
      }
    }
    assert.deepEqual(store.query(), { event_records: [] });
  });
});

test('values that JSON holds are written as JSON.stringify writes them', () => {
  for (const value of [
    {
      a: [1, 'x', null, true, -0, 1e21, 1e-7],
      b: { 'c"d\u2028': '\u0001é🎉' },
      ['__proto__']: 1,
      gone: undefined,
      7: 1,
    },
    new Money(5),
    [new Money(5), { money: new Money(null) }],
    new Date(0),
    { at: new Date(0), url: new URL('http://localhost/a'), bytes: Buffer.from('a') },
    { key: { toJSON: (key) => `under ${key}` }, list: [{ toJSON: (key) => `at ${key}` }] },
    [new Number(1), new String('a'), new Boolean(false)],
    Object.assign(Object.create(null), { a: 1 }),
    vm.runInNewContext('({ a: [1, {}] })'),
    new Proxy({ a: [1] }, {}),
    Object.freeze([Object.freeze({})]),
    '',
    [],
    {},
  ]) {
    assert.equal(write(value, 'payload'), JSON.stringify(value));
  }
});

test('an object that occurs several times is not circular', () => {
  const seat = { row: 1 };
  assert.equal(
    write([seat, seat, { seat }], 'payload'),
    '[{"row":1},{"row":1},{"seat":{"row":1}}]',
  );
});

test('a getter is read once: the checked value is the written value', () => {
  let reads = 0;
  const payload = {
    get total() {
      return ++reads === 1 ? 5 : NaN;
    },
  };
  assert.equal(write(payload, 'payload'), '{"total":5}');
});

test('the error of a getter is the cause', () => {
  assert.throws(
    () => write(throwing, 'payload'),
    withCode('InvalidArgument', ({ cause }) => cause instanceof RangeError),
  );
});

test('the depth limit comes before the stack is exhausted', () => {
  const nested = () => ({ toJSON: () => ({ inner: nested() }) });
  assert.throws(() => write(nested(), 'payload'), withCode('InvalidArgument', ({ message }) => /127 levels/.test(message))); // prettier-ignore
});
