'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');
const { MessageChannel } = require('node:worker_threads');

const { receivers } = require('../lib/native.js');
const { turns } = require('../lib/event_loop_turns.js');
const { Deliveries, signal } = require('./deliveries.js');
const { eachStore, facts, noHandleIsLeftOpen } = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const CALLERS = 1000;

eachStore('the event loop', (open) => {
  test(
    'a thousand callers in a loop leave turns to timers and I/O, and streams get theirs',
    { timeout: 120_000 * patience },
    async (t) => {
      const store = open(t);
      let delivered = 0;
      store.streamAll(() => void delivered++);
      let answered = 0;
      let running = CALLERS;
      const caller = async () => {
        for (let i = 0; i < 20; i++) {
          await store.appendAsync(facts('a'));
          answered++;
        }
        running--;
      };
      const callers = Promise.all(Array.from({ length: CALLERS }, caller));
      // How many answers come between two turns: far fewer than wait. Each was a thousand or more,
      // as many as the store could commit meanwhile.
      let most = 0;
      let fired = 0;
      const interval = setInterval(() => fired++, 1);
      while (running > 0) {
        const before = answered;
        await turn();
        most = Math.max(most, answered - before);
      }
      clearInterval(interval);
      await callers;
      assert.ok(most < CALLERS, `${most} answers in one turn of the event loop`);
      assert.ok(fired > 10, `a timer fired ${fired} times during ${answered} answers`);
      assert.ok(delivered > 0, 'nothing was delivered');
    },
  );

  test(
    'streams that share the event loop with a thousand callers stay close to the answers',
    { timeout: 120_000 * patience },
    async (t) => {
      const STREAMS = 4;
      const store = open(t);
      let delivered = 0;
      for (let i = 0; i < STREAMS; i++) {
        store.streamAll(() => void delivered++);
      }
      let answered = 0;
      let most = 0; // deliveries that were missing at an answer
      const caller = async () => {
        for (let i = 0; i < 20; i++) {
          await store.appendAsync(facts('a'));
          answered++;
          most = Math.max(most, answered * STREAMS - delivered);
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, caller));
      // As many as are in flight, for each stream, and twice as many again.
      assert.ok(most < 3 * CALLERS * STREAMS, `${most} deliveries behind`);
    },
  );

  test('a stream whose handler has not settled does not hold answers back', async (t) => {
    // G18
    const store = open(t);
    const gate = signal();
    const seen = new Deliveries(() => gate.promise);
    store.streamAll(seen.handler);
    await store.appendAsync(facts('a'));
    await seen.next();
    await store.appendAsync(facts('b'));
    for (let i = 0; i < 5; i++) {
      assert.equal(receivers.isLate(performance.now()), false);
      await sleep(15); // longer in all than a stream is taken for being in time
    }
    gate.resolve();
    await seen.next();
  });
});

/** Something to hand over that never ends: each takes `ms`. */
function busy(ms, kind) {
  const until = performance.now() + ms;
  while (performance.now() < until);
  return kind;
}

test('handing over continues in later turns until nothing is left', async () => {
  let left = 20;
  let rested = 0;
  const order = [];
  const { begin } = turns({
    next: () => (left-- > 0 ? busy(0.4, 'answer') : undefined),
    rest: () => left <= 0 && ++rested > 0,
    isHeld: () => true,
  });
  begin();
  while (rested === 0) {
    order.push(left);
    await turn();
  }
  assert.ok(order.length > 3, `handed over in ${order.length} turns`);
  left = 1;
  begin();
  assert.equal(left, 0, 'the next thing is handed over at once');
});

test('what a program does after an answer counts as time of answers', async () => {
  let left = 100;
  let turnsTaken = 0;
  const { begin } = turns({
    next() {
      Promise.resolve().then(() => busy(0.4)); // the program that was answered
      return left-- > 0 ? 'answer' : undefined;
    },
    rest: () => left <= 0,
    isHeld: () => true,
  });
  begin();
  while (left > 0) {
    await turn();
    turnsTaken++;
  }
  assert.ok(turnsTaken >= 10, `${turnsTaken} turns`);
});

test('answers and deliveries each get half of the time, whatever one of them takes', async () => {
  const handed = { answer: 0, delivery: 0 };
  const isOver = () => handed.answer + handed.delivery > 2000;
  const { begin } = turns({
    next(preferDelivery) {
      const kind = preferDelivery ? 'delivery' : 'answer';
      handed[kind]++;
      return isOver() ? undefined : busy(preferDelivery ? 0.2 : 0.02, kind);
    },
    rest: isOver,
    isHeld: () => true,
  });
  begin();
  while (!isOver()) {
    await turn();
  }
  assert.ok(handed.answer > 3 * handed.delivery, JSON.stringify(handed));
  assert.ok(handed.delivery > 20, JSON.stringify(handed));
});

/** Turns over endless answers and `deliveries`, on a clock that only they move. */
async function whileLate(deliveries, turnsMax) {
  const handed = { answer: 0, delivery: 0 };
  let time = 0;
  let turnsTaken = 0;
  const isOver = () => turnsTaken >= turnsMax;
  const { begin } = turns({
    now: () => time,
    isLate: () => true,
    next(preferDelivery, holdAnswers) {
      const kind = handed.delivery < deliveries && preferDelivery ? 'delivery' : 'answer';
      if (isOver() || (kind === 'answer' && holdAnswers)) {
        return undefined;
      }
      time += 0.01;
      handed[kind]++;
      return kind;
    },
    rest: isOver,
    isHeld: () => true,
  });
  begin();
  while (!isOver()) {
    await turn();
    turnsTaken++;
  }
  return { ...handed, time };
}

test('while a stream is late, deliveries that are ready get fifteen of sixteen parts of the time', async () => {
  const { answer, delivery } = await whileLate(Infinity, 20);
  assert.ok(
    delivery > 1000 && delivery >= 13 * answer,
    `${answer} answers, ${delivery} deliveries`,
  );
  assert.ok(answer > 50, `${answer} answers, ${delivery} deliveries`);
});

test('while a stream is late and nothing is ready, answers wait, and still come', async () => {
  const { answer } = await whileLate(0, 1000);
  // On this clock no time passes while they wait, so after their share none comes at all.
  assert.equal(answer, 7);
});

test('an error while one item is handed over does not stop the others', async (t) => {
  const failures = [];
  const caught = (error) => failures.push(error.message);
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', caught);
  t.after(() => {
    process.off('uncaughtException', caught);
    others.forEach((listener) => process.on('uncaughtException', listener));
  });
  let calls = 0;
  const { begin } = turns({
    next() {
      if (++calls === 2) {
        throw new Error('a defect');
      }
      return calls < 4 ? 'answer' : undefined;
    },
    rest: () => calls >= 4,
    isHeld: () => true,
  });
  begin();
  while (calls < 4 || failures.length === 0) {
    await sleep(1);
  }
  assert.deepEqual(failures, ['a defect']);
});

test('messages of other ports come in between', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.after(() => port1.close());
  let left = Infinity;
  const { begin } = turns({
    next: () => (left > 0 ? busy(0.1, 'answer') : undefined),
    rest: () => left === 0,
    isHeld: () => true,
  });
  begin();
  port2.postMessage('through');
  assert.deepEqual(await once(port1, 'message'), ['through']);
  left = 0;
});
