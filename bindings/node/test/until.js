'use strict';

const assert = require('node:assert/strict');
const { setTimeout: pause } = require('node:timers/promises');

// How much longer a test waits under an emulator (tools/emulated/suites.sh).
const patience = process.env.FACTSTR_TEST_EMULATOR ? 20 : 1;

/** Waits until something that no event reports is so; fails after 30 seconds with `what`. */
async function until(done, what) {
  const deadline = Date.now() + 30_000 * patience;
  while (!done()) {
    assert.ok(Date.now() < deadline, what);
    await pause(5);
  }
}

module.exports = { patience, until };
