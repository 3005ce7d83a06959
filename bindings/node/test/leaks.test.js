'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { setImmediate: turn } = require('node:timers/promises');

const { Deliveries } = require('./deliveries.js');
const { FactstrMemoryStore } = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { collectGarbage, collectUntil } = require('./garbage.js');
const { openPlace } = require('./open_place.js');
const { eachStore, facts, noHandleIsLeftOpen, places } = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

for (const [kind, newPlace] of Object.entries(places)) {
  describe(`dropped stores, ${kind}`, () => {
    test('stores that are dropped without close() are closed when they are collected', async (t) => {
      const place = newPlace(t);
      for (let i = 0; i < 10; i++) {
        openPlace(place).append(facts('a'));
      }
      await collectUntil(() => native.openHandles() === 0, 'dropped stores stay open');
    });

    test('a dropped store is collected though its onLog leads to it', async (t) => {
      for (let i = 0; i < 10; i++) {
        const repository = { log: () => repository.store.statistics() };
        repository.store = openPlace(newPlace(t, { onLog: repository.log }));
      }
      await collectUntil(() => native.openHandles() === 0, 'dropped stores stay open');
    });

    test('a store that is dropped while a stream of it is open stays, and goes when the stream has ended', async (t) => {
      const seen = new Deliveries();
      let subscription;
      (() => {
        const store = openPlace(newPlace(t));
        subscription = store.streamAll((events) => {
          if (events[0].event_type === 'first') {
            store.append(facts('second'));
          }
          return seen.handler(events);
        });
        store.append(facts('first'));
      })();
      collectGarbage();
      assert.deepEqual(await seen.types(2), ['first', 'second']);
      subscription.unsubscribe();
      await subscription.closed;
      await collectUntil(() => native.openHandles() === 0, 'the dropped store stays open');
    });

    test('a dropped store still answers a pending request', async (t) => {
      const answer = openPlace(newPlace(t)).appendAsync(facts('a'));
      collectGarbage();
      assert.equal((await answer).committed_count, 1n);
      await collectUntil(() => native.openHandles() === 0, 'the dropped store stays open');
    });
  });
}

test('dropped stores are collected before a process runs out of descriptors, though nobody asks the collector', async (t) => {
  const newPlace = places.sqlite;
  let most = 0;
  for (let i = 0; i < 150; i++) {
    openPlace(newPlace(t)).append(facts('a'));
    await turn();
    most = Math.max(most, native.openHandles());
  }
  assert.ok(most < 75, `${most} stores were open at once`);
  await collectUntil(() => native.openHandles() === 0, 'dropped stores stay open');
});

eachStore('handles', (open) => {
  test('a stream that ended leaves no handle, however it ended', async (t) => {
    const store = open(t);
    const before = native.openHandles();
    store.append(facts('a'));
    for (let i = 0; i < 20; i++) {
      const live = store.streamAll(() => {});
      live.unsubscribe();
      const durable = await store.streamAllDurable({ name: 'model' }, () => {});
      durable.unsubscribe();
      await assert.rejects(store.streamAllDurable({ name: 'failing' }, () => false));
      await assert.rejects(store.streamAllDurable({ name: '' }, () => {}));
      await Promise.all([live.closed, durable.closed]);
    }
    assert.equal(native.openHandles(), before);
  });
});

test('a handler that never settles holds no handle once its store is closed', async () => {
  const store = new FactstrMemoryStore();
  const seen = new Deliveries(() => new Promise(() => {}));
  store.streamAll(seen.handler);
  store.append(facts('a'));
  await seen.next();
  store.close();
  await collectUntil(() => native.openHandles() === 0, 'handles stay open');
});

test(
  'calls and deliveries do not grow the memory of the process',
  { timeout: 120_000 * patience },
  async (t) => {
    const payload = 'x'.repeat(2000);
    const round = async () => {
      const store = new FactstrMemoryStore();
      const seen = new Deliveries();
      const subscription = store.streamAll(seen.handler);
      for (let i = 0; i < 100; i++) {
        store.append([{ event_type: 'a', payload }]);
        await store.queryAsync({ min_sequence_number: BigInt(i) });
        await seen.next();
      }
      subscription.unsubscribe();
      await subscription.closed;
      store.close();
    };
    const used = () => {
      collectGarbage();
      return process.memoryUsage.rss();
    };
    for (let i = 0; i < 100; i++) {
      await round();
    }
    const before = used();
    for (let i = 0; i < 200; i++) {
      await round();
    }
    const grown = (used() - before) / (1 << 20);
    t.diagnostic(`grew by ${grown.toFixed(1)} MiB`);
    // Each text went through the addon 20,000 times: one copy of 2 kB that is never freed adds up
    // to 40 MiB.
    assert.ok(grown < 20, `grew by ${grown} MiB`);
  },
);
