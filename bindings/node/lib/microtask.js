'use strict';

const { setImmediate } = require('node:timers');

const settled = Promise.resolve();

/**
 * As queueMicrotask, which test runners replace together with the clock: nothing would be handed
 * over while it stands still. What `call` throws is an uncaught exception.
 */
function microtask(call) {
  settled.then(() => {
    try {
      call();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  });
}

module.exports = { microtask };
