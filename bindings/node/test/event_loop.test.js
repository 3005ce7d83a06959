'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');
const { MessageChannel } = require('node:worker_threads');

const { turns } = require('../lib/turns.js');
const { eachStore, facts, noHandleIsLeftOpen } = require('./stores.js');

noHandleIsLeftOpen();

const CALLERS = 1000;

eachStore('the event loop', (open) => {
  test(
    'a thousand callers in a loop leave turns to timers and I/O, and streams get theirs',
    { timeout: 120_000 },
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
      // How many answers come between two turns: far fewer than wait. Each was a thousand or more, as
      // many as the store could commit meanwhile.
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
});

/** Something to hand over that never ends: each takes `ms`. */
function busy(ms, kind) {
  const until = performance.now() + ms;
  while (performance.now() < until);
  return kind;
}

test('handing over goes on in later turns, until there is nothing to do', async () => {
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

test('what is committed by those who are answered counts too', async () => {
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

test('a failure of what is handed over does not stop the rest', async (t) => {
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
  while (calls < 4) {
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
