'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');

const { onWindows } = require('./skips.js');
const { atEnd, places } = require('./stores.js');
const { patience } = require('./until.js');

const torture = process.env.FACTSTR_TORTURE !== undefined;
const count = torture ? 3_000_000 : 150_000;

function start(t, name, ...args) {
  const child = spawn(process.execPath, [path.join(__dirname, 'programs', name), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  atEnd(t, () => child.kill('SIGKILL'));
  child.output = '';
  child.stdout.on('data', (data) => (child.output += data));
  child.stderr.on('data', (data) => (child.output += data));
  return child;
}

// libuv's handlers do not ask for the alternate stack, so one that interrupted Go would overrun a
// goroutine's.
for (const kind of ['memory', 'sqlite']) {
  test(
    `a process with handlers for all signals lives on while they come and a store is in use, ${kind}`,
    {
      timeout: (torture ? 900_000 : 90_000) * patience,
      skip: onWindows('sends no signals to a process that handles them'),
    },
    async (t) => {
      const host = start(t, 'under_signals.js', JSON.stringify(places[kind](t)));
      const ended = once(host, 'close');
      await Promise.race([once(host.stdout, 'data'), ended]);
      const sender = start(t, 'send_signals.js', String(host.pid), String(count));
      const [failed] = await once(sender, 'close');
      host.stdin.end();
      const [code, signal] = await ended;
      assert.deepEqual(
        { signal, code, failed },
        { signal: null, code: 0, failed: 0 },
        host.output + sender.output,
      );
      assert.match(host.output, /^handled$/m);
    },
  );
}
