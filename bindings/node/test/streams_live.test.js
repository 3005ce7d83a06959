'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { setImmediate: turn } = require('node:timers/promises');

const { Deliveries, signal } = require('./deliveries.js');
const {
  eachStore,
  facts,
  noHandleIsLeftOpen,
  ofType,
  openMemory,
  withCode,
} = require('./stores.js');
const { EventStreamSubscription } = require('../lib/index.js');
const { native, receivers } = require('../lib/native.js');

noHandleIsLeftOpen();

eachStore('live streams', (open) => {
  test('only so many batches wait for a slow handler, however quickly JavaScript takes them', async (t) => {
    // G18
    const store = open(t);
    const taken = t.mock.method(receivers, 'batch');
    const handling = signal();
    const subscription = store.streamAll(() => handling.promise);
    for (let i = 0; i < 400; i++) {
      await store.appendAsync(facts('a'));
      await turn();
    }
    const waiting = taken.mock.callCount();
    subscription.unsubscribe();
    handling.resolve();
    assert.ok(waiting <= 256, `${waiting} batches wait`);
  });

  test('a stream sees what is committed after it was opened, one delivery per batch, in order', async (t) => {
    // G15 G16
    const store = open(t);
    store.append(facts('before'));
    const seen = new Deliveries();
    assert.ok(store.streamAll(seen.handler) instanceof EventStreamSubscription);
    store.append(facts('a', 'b'));
    store.append(facts('c'));
    const batch = await seen.next();
    assert.deepEqual(
      batch.map((event) => [event.sequence_number, event.event_type, event.payload]),
      [
        [2n, 'a', { type: 'a' }],
        [3n, 'b', { type: 'b' }],
      ],
    );
    assert.deepEqual(await seen.types(1), ['c']);
  });

  test('a filtered stream gets the matching events of a batch, and nothing for conflicts', async (t) => {
    // G15
    const store = open(t);
    const seen = new Deliveries();
    store.streamTo(ofType('a'), seen.handler);
    store.append(facts('b', 'a', 'b', 'a'));
    store.append(facts('b'));
    assert.ok(store.appendIf(facts('a'), ofType('a'), null).conflict);
    store.append(facts('a', 'marker'));
    assert.deepEqual(await seen.types(2), ['a a', 'a']);
  });

  test('what is committed while an asynchronous handler runs is handled one batch after the other, in order', async (t) => {
    // G15 G17 G18
    const store = open(t);
    const gate = signal();
    const done = signal();
    const seen = [];
    let running = 0;
    const subscription = store.streamAll(async ([event]) => {
      assert.equal(++running, 1);
      seen.push(event.sequence_number);
      assert.ok(subscription.progress().position < event.sequence_number);
      await gate.promise;
      running--;
      if (seen.length === 400) {
        done.resolve();
      }
    });
    await Promise.all(Array.from({ length: 400 }, (_, i) => store.appendAsync(facts(`fact ${i}`))));
    assert.deepEqual(seen, [1n]);
    gate.resolve();
    await done.promise;
    assert.deepEqual(
      seen,
      seen.map((_, i) => BigInt(i + 1)),
    );
    while (subscription.progress().position < 400n) {
      await turn();
    }
  });

  for (const [kind, handler] of Object.entries({
    synchronous: () => {},
    asynchronous: () => turn(),
  })) {
    test(`closing the store delivers to ${kind} handlers what was committed before, and then the end`, async (t) => {
      // G16 G17
      const store = open(t);
      let handled = 0;
      const subscription = store.streamAll(async ([event]) => {
        await handler();
        assert.equal(event.sequence_number, BigInt(++handled));
      });
      const filtered = store.streamTo(ofType('of none'), () => assert.fail('nothing matches'));
      await Promise.all(Array.from({ length: 600 }, () => store.appendAsync(facts('a'))));
      store.close();
      assert.throws(() => store.append(facts('b')), withCode('StoreClosed'));
      await subscription.closed;
      await filtered.closed;
      assert.equal(handled, 600);
      assert.equal(subscription.progress().position, 600n);
    });
  }

  test('closing the store waits no longer than its time for a handler', async (t) => {
    const records = new Deliveries();
    const onLog = (record) => void (record.event === 'deliveries_cut' && records.handler(record));
    const store = open(t, { closeTimeoutMs: 50, onLog });
    const gate = signal();
    const seen = new Deliveries(() => gate.promise);
    const subscription = store.streamAll(seen.handler);
    store.append(facts('a'));
    store.append(facts('b'));
    await seen.next();
    const before = native.openHandles();
    store.close();
    while (native.openHandles() === before) {
      await turn();
    }
    const { level, position, through } = await records.next();
    assert.deepEqual({ level, position, through }, { level: 'warning', position: 0n, through: 2n }); // told what was left out
    gate.resolve();
    await subscription.closed;
  });

  test('batches that wait behind a running handler are not handled after unsubscribe()', async (t) => {
    // G17
    const store = open(t);
    const gate = signal();
    const seen = new Deliveries(() => gate.promise);
    const marker = new Deliveries();
    const subscription = store.streamAll(seen.handler);
    store.streamAll(marker.handler);
    for (const type of ['a', 'b', 'c']) {
      store.append(facts(type));
    }
    assert.deepEqual(await seen.types(1), ['a']);
    assert.deepEqual(await marker.types(3), ['a', 'b', 'c']);
    subscription.unsubscribe();
    gate.resolve();
    await subscription.closed;
    store.append(facts('d'));
    assert.deepEqual(await marker.types(1), ['d']);
    await turn();
    assert.equal(seen.unread, 0);
    assert.equal(subscription.progress().position, 1n);
  });

  test('the handler never runs inside the call that commits', async (t) => {
    // G17 G18
    const store = open(t);
    const seen = new Deliveries();
    let inside = false;
    store.streamAll((events) => {
      assert.equal(inside, false);
      return seen.handler(events);
    });
    inside = true;
    store.append(facts('a'));
    inside = false;
    await seen.next();
  });

  test('the next batch waits for the promise of the one before', async (t) => {
    // G17
    const store = open(t);
    const gates = [signal(), signal()];
    let running = 0;
    const seen = new Deliveries(async (events) => {
      assert.equal(++running, 1);
      await gates[Number(events[0].sequence_number) - 1]?.promise;
      running--;
    });
    store.streamAll(seen.handler);
    store.append(facts('a'));
    store.append(facts('b'));
    store.append(facts('c'));
    assert.deepEqual(await seen.types(1), ['a']);
    gates[0].resolve();
    assert.deepEqual(await seen.types(1), ['b']);
    gates[1].resolve();
    assert.deepEqual(await seen.types(1), ['c']);
  });

  test('a failing handler affects neither the append, nor other streams, nor its own later batches', async (t) => {
    // G16
    const store = open(t);
    const failures = [];
    const outcomes = [
      () => {
        throw new Error('thrown');
      },
      () => Promise.reject(new Error('rejected')),
      () => false,
      async () => false,
      () => {
        throw null;
      },
      () => ({
        get then() {
          throw new Error('no thenable');
        },
      }),
    ];
    const failing = new Deliveries((events) => outcomes[Number(events[0].sequence_number) - 1]?.());
    const other = new Deliveries();
    store.streamAll(failing.handler, {
      onError: (failure) => failures.push(failure?.message ?? failure),
    });
    store.streamAll(other.handler);
    const types = [...outcomes.keys(), 'last'].map((name) => `t${name}`);
    for (const type of types) {
      store.append(facts(type));
    }
    assert.deepEqual(await failing.types(types.length), types);
    assert.deepEqual(await other.types(types.length), types);
    assert.deepEqual(failures, [
      'thrown',
      'rejected',
      'the handler answered false',
      'the handler answered false',
      null,
      'no thenable',
    ]);
  });

  test('every call of the store works inside a handler', async (t) => {
    const store = open(t);
    const done = signal();
    const nested = new Deliveries();
    const subscription = store.streamTo(ofType('start'), (events) => {
      try {
        const { current_context_version } = store.query(ofType('start'));
        assert.equal(current_context_version, events[0].sequence_number);
        store.append(facts('appended'));
        assert.ok(store.appendIf(facts('conditional'), ofType('conditional'), null).append_result);
        store.streamTo(ofType('nested'), nested.handler);
        store.append(facts('nested'));
        subscription.unsubscribe();
        done.resolve(store.appendAsync(facts('awaited')));
      } catch (error) {
        done.reject(error);
      }
    });
    store.append(facts('start'));
    assert.ok(await done.promise);
    assert.deepEqual(await nested.types(1), ['nested']);
    await subscription.closed;
    assert.equal(store.query().event_records.length, 5);
  });

  test('after unsubscribe() no delivery starts, not even one that was on its way', async (t) => {
    // G17
    const store = open(t);
    const marker = new Deliveries();
    store.streamAll(marker.handler);
    for (let round = 0; round < 20; round++) {
      let deliveries = 0;
      const subscription = store.streamAll(() => void deliveries++);
      store.append(facts('a'));
      // This thread does not yield to its event loop, so the library has queued the batch for it by
      // now, but nothing was delivered.
      for (let i = 0; i < 200; i++) {
        store.query({ limit: 1 });
      }
      subscription.unsubscribe();
      subscription.unsubscribe();
      store.append(facts('b'));
      assert.deepEqual(await marker.types(2), ['a', 'b']);
      await subscription.closed;
      assert.equal(deliveries, 0);
    }
  });

  test('closed waits for the handler that is running', async (t) => {
    // G17
    const store = open(t);
    const gate = signal();
    const seen = new Deliveries(() => gate.promise);
    const before = native.openHandles();
    const subscription = store.streamAll(seen.handler);
    let closed = false;
    const watched = subscription.closed.then(() => (closed = true));
    store.append(facts('a'));
    await seen.next();
    subscription.unsubscribe();
    while (native.openHandles() > before) {
      await turn(); // until the end was reported
    }
    await turn();
    assert.equal(closed, false);
    gate.resolve();
    await watched;
  });

  test('closing the store inside a handler ends its streams normally', async (t) => {
    const store = open(t);
    const subscription = store.streamAll(() => store.close());
    const other = store.streamAll(() => {});
    store.append(facts('a'));
    assert.equal(await subscription.closed, undefined);
    assert.equal(await other.closed, undefined);
    assert.throws(() => store.append(facts('b')), withCode('StoreClosed'));
  });

  test('a signal ends the stream', async (t) => {
    const store = open(t);
    const controller = new AbortController();
    const subscription = store.streamAll(() => {}, { signal: controller.signal });
    controller.abort();
    await subscription.closed;
    assert.throws(
      () => store.streamAll(() => {}, { signal: controller.signal }),
      withCode('Cancelled'),
    );
  });
});

test('a handler that is slow does not hold up appends, and gets every batch', async (t) => {
  // G15 G18
  const store = openMemory(t);
  const gate = signal();
  const seen = new Deliveries(() => gate.promise);
  store.streamAll(seen.handler);
  for (let i = 0; i < 5000; i++) {
    store.append([{ event_type: 'n', payload: i }]);
  }
  gate.resolve();
  for (let i = 0; i < 5000; i++) {
    assert.equal((await seen.next())[0].payload, i);
  }
});

test(
  'using and await using end subscriptions and stores',
  { skip: Symbol.asyncDispose === undefined },
  async (t) => {
    const store = openMemory(t);
    const first = store.streamAll(() => {});
    first[Symbol.dispose]();
    await first.closed;
    const second = store.streamAll(() => {});
    await second[Symbol.asyncDispose]();
    const third = store.streamAll(() => {});
    await store[Symbol.asyncDispose]();
    await third.closed;
    store[Symbol.dispose]();
    assert.throws(() => store.query(), withCode('StoreClosed'));
  },
);

test('a subscription cannot be made by hand', () => {
  assert.throws(() => new EventStreamSubscription(), TypeError);
});
