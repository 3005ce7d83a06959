'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { Deliveries, signal } = require('./deliveries.js');
const {
  eachSharedPlace,
  eachStore,
  facts,
  noHandleIsLeftOpen,
  ofType,
  openAt,
  withCode,
} = require('./stores.js');

noHandleIsLeftOpen();

eachStore('durable streams', (open) => {
  test('the promise settles after replay, which keeps the batches apart, and live batches follow', async (t) => {
    // G3 G19 G20
    const store = open(t);
    store.append(facts('a', 'b'));
    store.append(facts('c'));
    const seen = new Deliveries();
    let replayed = 0;
    await store.streamAllDurable({ name: 'model' }, (events) => {
      replayed += events.length;
      return seen.handler(events);
    });
    assert.equal(replayed, 3);
    store.append(facts('d'));
    assert.deepEqual(await seen.types(3), ['a b', 'c', 'd']);
  });

  test('a durable name resumes after its cursor', async (t) => {
    // G19 G21 G22
    const store = open(t);
    store.append(facts('a'));
    const first = await store.streamToDurable({ name: 'model' }, ofType('a', 'b'), () => {});
    first.unsubscribe();
    await first.closed;
    store.append(facts('b'));
    const seen = new Deliveries();
    await store.streamToDurable({ name: 'model' }, ofType('a', 'b'), seen.handler);
    assert.deepEqual(await seen.types(1), ['b']);
  });

  test('an active name is DurableStreamActive until it is unsubscribed', async (t) => {
    // G22
    const store = open(t);
    const first = await store.streamAllDurable({ name: 'model' }, () => {});
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, () => {}),
      withCode('DurableStreamActive'),
    );
    first.unsubscribe();
    await store.streamAllDurable({ name: 'model' }, () => {});
  });

  test('a name with another query is DurableStreamQueryMismatch', async (t) => {
    // G22
    const store = open(t);
    const first = await store.streamToDurable({ name: 'model' }, ofType('a'), () => {});
    first.unsubscribe();
    await assert.rejects(
      store.streamToDurable({ name: 'model' }, ofType('b'), () => {}),
      withCode('DurableStreamQueryMismatch'),
    );
  });

  test('a handler that fails in replay fails the registration, and the batch comes again', async (t) => {
    // G20 G21
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('b'));
    store.append(facts('c'));
    const cause = new Error('cannot do b \ud800');
    const first = new Deliveries(async (events) => {
      if (events[0].event_type === 'b') {
        throw cause;
      }
    });
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, first.handler),
      withCode(
        'HandlerFailed',
        (error) => error.cause === cause && error.message.includes('cannot do b'),
      ),
    );
    assert.deepEqual(await first.types(2), ['a', 'b']);
    const second = new Deliveries();
    await store.streamAllDurable({ name: 'model' }, second.handler);
    assert.deepEqual(await second.types(2), ['b', 'c']);
  });

  for (const [how, fail] of [
    ['throws', () => assert.fail('on purpose')],
    ['rejects', () => Promise.reject(new Error('on purpose'))],
    ['answers false', () => false],
    ['resolves to false', async () => false],
  ]) {
    test(`a live delivery whose handler ${how} ends the stream, and nothing behind it is delivered`, async (t) => {
      // G21
      const store = open(t);
      const failing = new Deliveries(fail);
      const subscription = await store.streamAllDurable({ name: 'model' }, failing.handler);
      store.append(facts('a'));
      store.append(facts('b'));
      await assert.rejects(subscription.closed, withCode('HandlerFailed'));
      const again = new Deliveries();
      await store.streamAllDurable({ name: 'model' }, again.handler);
      assert.deepEqual(await again.types(2), ['a', 'b']);
      assert.deepEqual(await failing.types(1), ['a']);
    });
  }

  test('retry delivers the same batch again and skips nothing', async (t) => {
    // G21
    const store = open(t);
    let attempts = 0;
    const seen = new Deliveries((events) => events[0].event_type !== 'a' || ++attempts === 3);
    store.append(facts('a'));
    store.append(facts('b'));
    await store.streamAllDurable({ name: 'model' }, seen.handler, {
      retry: { maxAttempts: 5, delayMs: 1, delayMaxMs: 2 },
    });
    assert.deepEqual(await seen.types(4), ['a', 'a', 'a', 'b']);
  });

  test('every call of the store works inside a handler during replay', async (t) => {
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('a'));
    const seen = new Deliveries();
    await store.streamToDurable({ name: 'model' }, ofType('a', 'echo'), async (events) => {
      if (events[0].event_type === 'a') {
        store.append(facts('echo'));
        assert.ok(store.query(ofType('echo')).current_context_version);
        await store.appendIfAsync(facts('other'), ofType('nothing'), null);
      }
      return seen.handler(events);
    });
    assert.deepEqual(await seen.types(4), ['a', 'a', 'echo', 'echo']);
  });

  test('aborting during replay rejects with Cancelled, stops it, and frees the name', async (t) => {
    // G20 G22
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('b'));
    const controller = new AbortController();
    const handled = [];
    const registration = store.streamAllDurable(
      { name: 'model' },
      (events) => {
        handled.push(events[0].event_type);
        controller.abort();
      },
      { signal: controller.signal },
    );
    await assert.rejects(
      registration,
      withCode('Cancelled', (error) => error.cause === controller.signal.reason),
    );
    assert.deepEqual(handled, ['a']);
    await store.streamAllDurable({ name: 'model' }, () => {});
  });

  test('closing the store during replay rejects the registration with StoreClosed', async (t) => {
    const store = open(t);
    store.append(facts('a'));
    store.append(facts('b'));
    await assert.rejects(
      store.streamAllDurable({ name: 'model' }, () => store.close()),
      withCode('StoreClosed'),
    );
  });

  test('unsubscribing frees the name while a delivery is in flight, and its late answer does no harm', async (t) => {
    // G22
    const store = open(t);
    const gate = signal();
    const slow = new Deliveries(() => gate.promise);
    const first = await store.streamAllDurable({ name: 'model' }, slow.handler);
    store.append(facts('a'));
    await slow.next();
    first.unsubscribe();
    const seen = new Deliveries();
    await store.streamAllDurable({ name: 'model' }, seen.handler);
    gate.resolve();
    await first.closed;
    store.append(facts('b'));
    assert.deepEqual(await seen.types(2), ['a', 'b']);
  });

  test('names are text of every script', async (t) => {
    const store = open(t);
    for (const name of ['Überweisung ✓ 送金 🚀', 'a"b\\c\n', 'x'.repeat(1000)]) {
      await store.streamAllDurable({ name }, () => {});
    }
  });
});

eachSharedPlace('durable streams of several stores', (newPlace) => {
  test('the cursor is there after the store was opened again', async (t) => {
    // G23
    const place = newPlace(t);
    const store = openAt(t, place);
    store.append(facts('a'));
    await store.streamAllDurable({ name: 'model' }, () => {});
    store.close();
    const again = openAt(t, place);
    again.append(facts('b'));
    const seen = new Deliveries();
    await again.streamAllDurable({ name: 'model' }, seen.handler);
    assert.deepEqual(await seen.types(1), ['b']);
  });

  test('a stream follows what another store at the same place appends', async (t) => {
    // G19
    const place = newPlace(t);
    const reader = openAt(t, place);
    const writer = openAt(t, place);
    const seen = new Deliveries();
    await reader.streamAllDurable({ name: 'model' }, seen.handler);
    writer.append(facts('a', 'b'));
    reader.append(facts('c'));
    assert.deepEqual(await seen.types(2), ['a b', 'c']);
  });

  test('a name that is active in another store is DurableStreamActive until that one is closed', async (t) => {
    // G22
    const place = newPlace(t);
    const [first, second] = [openAt(t, place), openAt(t, place)];
    await first.streamAllDurable({ name: 'model' }, () => {});
    await assert.rejects(
      second.streamAllDurable({ name: 'model' }, () => {}),
      withCode('DurableStreamActive'),
    );
    first.close();
    await second.streamAllDurable({ name: 'model' }, () => {});
  });
});
