'use strict';

const { clearTimeout } = require('node:timers');

const { afterTimeout, begin, cancelled } = require('./abort.js');
const { FactstrError } = require('./errors.js');

/** Those who wait for a condition that only this thread can make true, and then calls look(). */
class Waiters {
  #waiting = new Set();

  /** Ends the waits whose condition is true. */
  look() {
    for (const waiter of this.#waiting) {
      if (waiter.isTrue()) {
        waiter.end();
      }
    }
  }

  /** Resolves when the condition is true; rejects after `timeoutMs`, or when the signal aborts. */
  until(isTrue, timeoutMs, signal, late) {
    return new Promise((resolve, reject) => {
      const waiter = { isTrue };
      waiter.end = (error) => {
        this.#waiting.delete(waiter);
        clearTimeout(timer);
        ignoreAbort?.();
        if (error === undefined) {
          resolve();
        } else {
          reject(error);
        }
      };
      const ignoreAbort = begin(
        () => this.#waiting.add(waiter),
        signal,
        () => waiter.end(cancelled(signal, 'aborted while it waited')),
      );
      const end = () => waiter.end(new FactstrError('Timeout', late));
      const timer = afterTimeout(timeoutMs, end);
    });
  }
}

module.exports = { Waiters };
