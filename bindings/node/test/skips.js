'use strict';

const { spawnSync } = require('node:child_process');

const isWindows = process.platform === 'win32';

/**
 * Why a test is skipped that starts another program: on Windows, where few systems have it. On
 * every other system a program that is missing fails the test.
 */
function without(program) {
  return (
    isWindows &&
    spawnSync(program, ['--version']).status !== 0 &&
    `there is no ${program} on this Windows`
  );
}

/** Why a test is skipped on Windows. */
function onWindows(why) {
  return isWindows && `Windows ${why}`;
}

module.exports = { isWindows, onWindows, without };
