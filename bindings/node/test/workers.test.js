'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');

const { Deliveries } = require('./deliveries.js');
const { native } = require('../lib/native.js');
const {
  atEnd,
  eachSharedPlace,
  facts,
  noHandleIsLeftOpen,
  ofType,
  openAt,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const lib = JSON.stringify(require.resolve('../lib/index.js'));
const placeModule = JSON.stringify(require.resolve('./open_place.js'));
const limit = { timeout: 60_000 * patience };

/** A worker that runs `body` with the package and a store at the place at hand. */
function worker(t, body, place) {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const factstr = require(${lib});
    const store = require(${placeModule}).openPlace(workerData);
    (async () => { ${body} })();`;
  const made = new Worker(code, { eval: true, workerData: place });
  atEnd(t, () => made.terminate());
  return made;
}

eachSharedPlace('workers', (newPlace) => {
  test(
    'workers that end by themselves leave nothing open, whatever they had open',
    limit,
    async (t) => {
      const place = newPlace(t);
      const body = `
      const memory = new factstr.FactstrMemoryStore();
      memory.streamAll(() => {}).unref();
      store.streamAll(() => {}).unref();
      await store.streamAllDurable({ name: 'model' + require('node:worker_threads').threadId }, () => {}).then((s) => s.unref());
      await Promise.all([memory.appendAsync([{ event_type: 'a', payload: 1 }]), store.appendAsync([{ event_type: 'a', payload: 1 }])]);
      store.append([{ event_type: 'b', payload: 1 }]);`;
      for (let round = 0; round < 5; round++) {
        const workers = Array.from({ length: 3 }, () => worker(t, body, place));
        const codes = await Promise.all(workers.map((each) => once(each, 'exit')));
        assert.deepEqual(codes.flat(), [0, 0, 0]);
        assert.equal(native.openHandles(), 0);
      }
      const store = openAt(t, place);
      assert.equal(store.query().event_records.length, 30);
    },
  );

  test(
    'workers that are terminated in the middle of everything leave nothing open',
    limit,
    async (t) => {
      const place = newPlace(t);
      const body = `
      const memory = new factstr.FactstrMemoryStore();
      for (const each of [store, memory]) {
        each.streamAll(() => { each.append([{ event_type: 'echo', payload: 1 }]); });
        each.streamAll(async () => { await new Promise(() => {}); });
      }
      for (let i = 0; ; i++) {
        store.append([{ event_type: 'a', payload: i }]);
        if (i === 3) parentPort.postMessage('running');
        memory.appendAsync([{ event_type: 'a', payload: i }]);
        await memory.queryAsync({ limit: 1 });
      }`;
      for (let round = 0; round < 8; round++) {
        const running = worker(t, body, place);
        await once(running, 'message');
        await running.terminate();
        assert.equal(native.openHandles(), 0, `round ${round}`);
      }
      const store = openAt(t, place);
      const numbers = store.query().event_records.map((record) => record.sequence_number);
      assert.ok(numbers.length >= 8 * 4);
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => BigInt(i + 1)),
      ); // G2
    },
  );

  test(
    'of the threads of a process that race one conditional append exactly one wins',
    limit,
    async (t) => {
      // G11
      const place = newPlace(t);
      const store = openAt(t, place);
      const body = `
      parentPort.on('message', (round) => {
        const query = { filters: [{ event_types: ['round-' + round] }] };
        const answer = store.appendIf([{ event_type: 'round-' + round, payload: null }], query, null);
        parentPort.postMessage(Boolean(answer.append_result));
      });
      parentPort.postMessage('ready');`;
      const workers = Array.from({ length: 4 }, () => worker(t, body, place));
      await Promise.all(workers.map((each) => once(each, 'message')));
      for (let round = 0; round < 20; round++) {
        const answers = workers.map((each) => once(each, 'message'));
        workers.forEach((each) => each.postMessage(round));
        const won = (await Promise.all(answers)).flat().filter(Boolean);
        assert.equal(won.length, 1, `round ${round}`);
        assert.equal(store.query(ofType(`round-${round}`)).event_records.length, 1);
      }
    },
  );

  test('streams in several threads each get every batch', limit, async (t) => {
    // G15 G19
    const place = newPlace(t);
    const store = openAt(t, place);
    const body = `
      const subscription = store.streamAll((events) => {
        parentPort.postMessage(events.map((event) => event.event_type).join(' '));
        if (events[0].event_type === 'last') subscription.unsubscribe();
      });
      parentPort.postMessage('ready');`;
    const workers = Array.from({ length: 3 }, () => worker(t, body, place));
    const exits = workers.map((each) => once(each, 'exit'));
    const seen = workers.map((each) => {
      const deliveries = new Deliveries();
      each.on('message', deliveries.handler);
      return deliveries;
    });
    for (const each of seen) {
      assert.equal(await each.next(), 'ready');
    }
    store.append(facts('a', 'b'));
    store.append(facts('c'));
    store.append(facts('last'));
    for (const each of seen) {
      assert.deepEqual(
        [await each.next(), await each.next(), await each.next()],
        ['a b', 'c', 'last'],
      );
    }
    assert.deepEqual((await Promise.all(exits)).flat(), [0, 0, 0]);
  });
});
