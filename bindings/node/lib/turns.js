'use strict';

const { performance } = require('node:perf_hooks');
const { setImmediate, setTimeout } = require('node:timers');

// The event loop belongs to the program. What the library has for JavaScript (answers, deliveries)
// is handed over for a while, then timers and I/O come in, then it goes on. Test runners may
// replace clocks and timers afterwards: these are Node's own.
const now = performance.now.bind(performance);

// How long one turn lasts, with all that awaiting programs do when they are answered. A handler is
// not interrupted.
const TURN_MS = 1;

/**
 * `begin` is to be called when the library has something, `poke` when something else is to be
 * handed over. `next(preferDelivery)` hands one thing over and answers 'answer' or 'delivery',
 * undefined when there is nothing; `rest` answers true when there is nothing to do, and then the
 * next thing calls again; `isHeld` tells whether the event loop stays alive for what is handed
 * over.
 */
function turns({ next, rest, isHeld }) {
  let left = TURN_MS; // of this turn. The loop may call several times before timers and I/O come in.
  let isIdle = true;
  let began;
  let last; // when the last thing was handed over
  let kind; // of that
  // How much longer answers took than deliveries. As long as there are both, each gets half of the
  // time.
  let ahead = 0;

  function start() {
    isIdle = false;
    began = last = now();
    kind = undefined;
    step();
  }

  // One thing a microtask: what a program does when its promise is resolved comes in between, and
  // so it counts.
  function step() {
    kind = 'answer'; // should next throw
    try {
      kind = next(ahead >= 0);
    } finally {
      const time = now();
      if (time - began >= left) {
        later();
      } else if (kind !== undefined || !rest()) {
        queueMicrotask(resume);
      } else {
        isIdle = true;
        left -= time - began;
      }
    }
  }

  function resume() {
    const time = now();
    const took = kind === 'delivery' ? last - time : time - last;
    ahead = Math.max(-TURN_MS, Math.min(TURN_MS, ahead + took));
    last = time;
    step();
  }

  function later() {
    if (isHeld()) {
      setImmediate(turn);
    } else {
      // The process may end, however much there is to hand over. An immediate that does not hold it
      // would wait for other events; a timer does not.
      setTimeout(turn, 1).unref();
    }
  }

  function turn() {
    left = TURN_MS;
    isIdle = rest();
    if (!isIdle) {
      start();
    }
  }

  return {
    begin() {
      if (isIdle) {
        start();
      }
    },
    poke() {
      if (isIdle) {
        isIdle = false;
        queueMicrotask(start);
      }
    },
  };
}

module.exports = { turns };
