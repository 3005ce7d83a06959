'use strict';

const timers = require('node:timers');

const { afterTimeout } = require('./abort.js');
const { FactstrError } = require('./errors.js');

const INTERVAL_MS = 1000;

/**
 * Watches the replay of a stream: calls `tell`, if there is such a function, with its progress
 * about once a second, and `giveUp` with an error if it is not done after `timeoutMs`. Returns the
 * function that ends this.
 */
function watch(stream, tell, timeoutMs, giveUp) {
  const limit = afterTimeout(timeoutMs, () => {
    const late = `the replay was not done in ${timeoutMs} ms; what was handled until then counts`;
    giveUp(new FactstrError('Timeout', late));
  });
  const interval =
    tell &&
    timers.setInterval(() => {
      const progress = stream.progress();
      if (progress.state === 'replaying') {
        tell(progress);
      }
    }, INTERVAL_MS);
  interval?.unref(); // the stream itself holds the event loop
  return () => {
    timers.clearTimeout(limit);
    timers.clearInterval(interval);
  };
}

module.exports = { watch };
