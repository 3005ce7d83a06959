'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { FactstrMemoryStore } = require('../lib/index.js');
const { eachStore, noHandleIsLeftOpen, openMemory, withCode } = require('./stores.js');

noHandleIsLeftOpen();

/** A schema as a library makes one: its issues are those of the rules that do not hold. */
function schema(rules, output = (value) => value) {
  const validate = (value) => {
    const issues = rules.flatMap(([path, holds, message]) =>
      holds(value) ? [] : { path, message },
    );
    return issues.length > 0 ? { issues } : { value: output(value) };
  };
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

const isAmount = [['amount'], ({ amount }) => typeof amount === 'number', 'expected a number'];
const deposited = schema([isAmount], ({ amount }) => ({ amount, currency: 'CHF' }));
const later = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: async (value) => deposited['~standard'].validate(value),
  },
};
const deposit = (amount, more = {}) => ({ event_type: 'deposited', payload: { amount, ...more } });
const closed = { event_type: 'closed', payload: { by: 'rico' } };

eachStore('schemas', (open) => {
  test('an append stores what the validator returns; other types are as they are', async (t) => {
    const store = open(t, { schemas: { deposited, opened: undefined } });
    store.append([deposit(5, { stray: 1 }), closed]);
    store.appendIf([deposit(6)], { filters: [{ event_types: ['none'] }] });
    store.appendWhen([deposit(7)], []);
    await store.appendAsync([deposit(8)]);
    await store.decide({}, () => [deposit(9)]);
    assert.deepEqual(
      store.query().event_records.map(({ payload }) => payload),
      [
        { amount: 5, currency: 'CHF' },
        { by: 'rico' },
        ...[6, 7, 8, 9].map((amount) => ({ amount, currency: 'CHF' })),
      ],
    );
  });

  test('a payload that its schema refuses is named, and nothing is written', async (t) => {
    const store = open(t, { schemas: { deposited } });
    const wrong = [closed, deposit('5')];
    const named = withCode('InvalidArgument', ({ message, cause }) => {
      assert.equal(message, 'InvalidArgument: events[1].payload.amount: expected a number');
      assert.deepEqual(cause, [{ path: ['amount'], message: 'expected a number' }]);
      return true;
    });
    assert.throws(() => store.append(wrong), named);
    assert.throws(() => store.appendIf(wrong, {}), named);
    assert.throws(() => store.appendWhen(wrong, []), named);
    await assert.rejects(store.appendAsync(wrong), named);
    await assert.rejects(store.appendIfAsync(wrong, {}), named);
    await assert.rejects(store.appendWhenAsync(wrong, []), named);
    await assert.rejects(
      store.decide({}, () => wrong),
      named,
    );
    assert.equal(store.query().event_records.length, 0);
  });

  test('a validator may answer later, where the call can wait', async (t) => {
    const store = open(t, { schemas: { deposited: later } });
    await store.appendAsync([deposit(5)]);
    await store.decide({}, () => [deposit(6)]);
    await assert.rejects(
      store.appendAsync([deposit('7')]),
      withCode('InvalidArgument', ({ message }) => message.includes('events[0].payload.amount')),
    );
    assert.throws(
      () => store.append([deposit(8)]),
      withCode('InvalidArgument', ({ message }) => message.includes('appendAsync')),
    );
    assert.equal(store.query().event_records.length, 2);
    const closing = store.appendAsync([deposit(9)]);
    store.close(); // while the validator is at work
    await assert.rejects(closing, withCode('StoreClosed'));
  });

  test('what is read is validated where that is asked for', async (t) => {
    const old = schema([], ({ amount }) => ({ amount: BigInt(amount) }));
    const store = open(t, { schemas: { deposited: old }, validateReads: true });
    await store.appendAsync([deposit(5)]);
    const seen = [];
    const subscription = await store.streamFrom(0n, {}, ([{ payload }]) => seen.push(payload));
    subscription.unsubscribe();
    for await (const { payload } of store.read()) {
      seen.push(payload);
    }
    for await (const [{ payload }] of store.stream({ after: 0n })) {
      seen.push(payload);
      break;
    }
    seen.push(store.query().event_records[0].payload);
    seen.push((await store.queryAsync()).event_records[0].payload);
    assert.deepEqual(seen, Array(5).fill({ amount: 5n }));
  });
});

test('a stored payload that the schema refuses fails the reading, and names the fact', async (t) => {
  // G21: a stream does not go past it
  const positive = schema([[['amount'], ({ amount }) => amount > 0, 'must be positive']]);
  let isStrict = false;
  const schemas = {
    deposited: {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => (isStrict ? positive['~standard'].validate(value) : { value }),
      },
    },
  };
  const store = openMemory(t, { schemas, validateReads: true, onLog: null });
  store.append([deposit(1)]);
  store.append([deposit(-1)]);
  store.append([deposit(2)]);
  isStrict = true;
  const named = withCode('InvalidState', ({ message, cause }) => {
    assert.match(
      message,
      /the payload of fact 2 \(deposited\) .*payload\.amount: must be positive/,
    );
    return cause.length === 1;
  });
  assert.throws(() => store.query(), named);
  await assert.rejects(store.queryAsync(), named);
  const handled = [];
  await assert.rejects(
    store.streamAllDurable(
      { name: 'model' },
      (batch) => void handled.push(batch[0].sequence_number),
    ),
    named,
  );
  assert.deepEqual(handled, [1n]);
  const loop = store.stream({ after: 0n });
  assert.equal((await loop.next()).value[0].sequence_number, 1n);
  await assert.rejects(loop.next(), named);
});

test('reading cannot wait for a validator', async (t) => {
  const store = openMemory(t, { schemas: { deposited: later }, validateReads: true });
  await store.appendAsync([deposit(5)]);
  assert.throws(
    () => store.query(),
    withCode('InvalidState', ({ message }) => message.includes('asynchronously')),
  );
});

test('every issue of a payload is told, up to five', (t) => {
  const path = [{ key: 'seats' }, 1, 'two words', Symbol('s')];
  const many = schema(
    Array.from({ length: 7 }, (_, i) => [i === 0 ? path : [i], () => false, `no ${i}`]),
  );
  const store = openMemory(t, { schemas: { deposited: many } });
  assert.throws(
    () => store.append([deposit(5)]),
    withCode('InvalidArgument', ({ message }) => {
      assert.match(
        message,
        /events\[0\]\.payload\.seats\[1\]\["two words"\]\["Symbol\(s\)"\]: no 0; /,
      );
      assert.match(message, /\.payload\[4\]: no 4; and 2 more$/);
      return true;
    }),
  );
});

test('what a validator throws comes as it is', (t) => {
  const failure = new Error('the validator is broken');
  const broken = schema([
    [
      [],
      () => {
        throw failure;
      },
      '',
    ],
  ]);
  const store = openMemory(t, { schemas: { deposited: broken } });
  assert.throws(
    () => store.append([deposit(5)]),
    (error) => error === failure,
  );
});

test('a schema that is none is refused', () => {
  const named = (name) => withCode('InvalidArgument', ({ message }) => message.includes(name));
  const open = (options) => () => new FactstrMemoryStore(options);
  for (const wrong of [5, {}, () => true, { '~standard': { version: 2, validate: () => {} } }]) {
    assert.throws(open({ schemas: { deposited: wrong } }), named('options.schemas.deposited'));
  }
  for (const wrong of [5, [], 'all']) {
    assert.throws(open({ schemas: wrong }), named('options.schemas'));
  }
  assert.throws(open({ validateReads: 'yes' }), named('options.validateReads'));
  assert.throws(open({ validateReads: true, rawPayloads: true }), named('options.validateReads'));
  open({ schemas: null, validateReads: null })().close();
  // As ArkType makes them: a function that has the property.
  open({ schemas: { deposited: Object.assign(() => {}, deposited) } })().close();
});
