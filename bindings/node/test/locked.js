'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');

const { atEnd } = require('./stores.js');

const program = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
`;

/**
 * Lets another process lock the database for writing. Resolves, once it is locked, to the function
 * that ends the lock.
 */
async function lockedByAnother(t, file) {
  const locker = spawn('python3', ['-c', program, file]);
  locker.stderr.pipe(process.stderr);
  atEnd(t, () => locker.kill());
  await once(locker.stdout, 'data');
  return async () => {
    locker.stdin.end('\n');
    await once(locker, 'close');
  };
}

module.exports = { lockedByAnother };
