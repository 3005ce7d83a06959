'use strict';

const assert = require('node:assert/strict');
const { setTimeout: pause } = require('node:timers/promises');

/** Waits until something that no event reports is so; fails after 30 seconds with `what`. */
async function until(done, what) {
  const deadline = Date.now() + 30_000;
  while (!done()) {
    assert.ok(Date.now() < deadline, what);
    await pause(5);
  }
}

module.exports = { until };
