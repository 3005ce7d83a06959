'use strict';

const timers = require('node:timers');

const INTERVAL_MS = 1000;

/**
 * Calls `tell` with the progress of a stream about once a second while it replays. Returns the
 * function that ends this.
 */
function watch(stream, tell) {
  const timer = timers.setInterval(() => {
    const progress = stream.progress();
    if (progress.state === 'replaying') {
      tell(progress);
    }
  }, INTERVAL_MS);
  timer.unref(); // the stream itself holds the event loop
  return () => timers.clearInterval(timer);
}

module.exports = { watch };
