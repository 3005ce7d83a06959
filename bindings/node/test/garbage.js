'use strict';

const assert = require('node:assert/strict');
const { setImmediate: turn } = require('node:timers/promises');
const v8 = require('node:v8');
const vm = require('node:vm');

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

/** Collects and lets finalizers run until `done`; fails after 10 seconds. */
async function collectUntil(done, what) {
  const deadline = Date.now() + 10_000;
  while (!done()) {
    assert.ok(Date.now() < deadline, what);
    collectGarbage();
    await turn();
  }
}

module.exports = { collectGarbage, collectUntil };
