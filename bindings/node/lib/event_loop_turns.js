'use strict';

const { performance } = require('node:perf_hooks');
const { setImmediate, setTimeout } = require('node:timers');

const { microtask } = require('./microtask.js');

// The event loop belongs to the program. What the library has for JavaScript, answers to requests
// and deliveries of streams, is handed over in turns: for TURN_MS, with all that awaiting programs
// do when they are answered, and then timers and I/O get theirs. A handler is not interrupted.
//
// Who gets the time of a turn. As long as there are both, answers and deliveries get half of it
// each, whatever one of them takes. That is not enough for a stream when a thousand callers append
// in a loop: each answer makes the next append, and each append a delivery to every stream, so the
// streams fall ever further behind. While one of them is late (open_streams.js finds out which),
// answers get ANSWERS_SHARE of the time and no more, also when there is nothing to deliver at the
// moment because the library itself has not come so far. The appends that wait for their answers
// are the back-pressure: a program has only so many in flight. Answers never get nothing, so a
// stream that cannot catch up, for example because other processes append too much for it, slows
// the program down and does not stop it. // G18
//
// Rejected: giving deliveries the precedence always. It starves the answers as soon as handlers
// need all of the time, and it does nothing for a stream that waits for the library.

const TURN_MS = 1;
const ANSWERS_SHARE = 1 / 16; // while a stream is late

/**
 * Returns `begin`, to be called when the library has something, and `poke`, when something else is
 * to be handed over.
 *
 * `next(preferDelivery, holdAnswers)` hands one thing over and returns 'answer' or 'delivery', or
 * undefined when there is nothing; `rest()` reports whether there is nothing to do, and if so the
 * library calls `begin` again. `isHeld()` reports whether the event loop must stay alive for what
 * is handed over, `isLate(now)` whether a stream is late. Test runners may replace clocks and
 * timers: these are Node's own.
 */
function turns({
  next,
  rest,
  isHeld,
  isLate = () => false,
  now = performance.now.bind(performance),
}) {
  let left = TURN_MS; // of this turn. The loop may call several times before timers and I/O come in.
  let isIdle = true;
  let late = false;
  let began;
  let last; // when the last thing was handed over
  let kind; // of that
  // How much more than their share answers have taken.
  let ahead = 0;

  function start() {
    isIdle = false;
    began = last = now();
    late = isLate(began);
    kind = undefined;
    step();
  }

  // One thing a microtask: what a program does when its promise is resolved comes in between, and
  // so it counts.
  function step() {
    const holdAnswers = late && ahead >= TURN_MS;
    kind = 'answer'; // should next throw
    try {
      kind = next(ahead >= 0, holdAnswers);
    } finally {
      const time = now();
      if (time - began >= left) {
        later();
      } else if (kind !== undefined) {
        microtask(resume);
      } else if (!rest()) {
        // Something has come meanwhile, or answers are held.
        if (holdAnswers) {
          pause();
        } else {
          microtask(resume);
        }
      } else {
        isIdle = true;
        left -= time - began;
      }
    }
  }

  function resume() {
    const time = now();
    if (kind === 'delivery') {
      credit(time - last);
    } else {
      credit((late ? 1 - 1 / ANSWERS_SHARE : -1) * (time - last));
    }
    last = time;
    step();
  }

  function credit(time) {
    ahead = Math.max(-TURN_MS, Math.min(TURN_MS, ahead - time));
  }

  function later() {
    if (isHeld()) {
      setImmediate(turn);
    } else {
      // The process may end, however much there is to hand over. An immediate that does not hold it
      // would wait for other events; a timer does not.
      setTimeout(turn, TURN_MS).unref();
    }
  }

  // Leaves the processor to the library, which is behind.
  function pause() {
    const paused = now();
    const timer = setTimeout(() => {
      credit(now() - paused);
      turn();
    }, TURN_MS);
    if (!isHeld()) {
      timer.unref();
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
        microtask(start);
      }
    },
  };
}

module.exports = { turns };
