'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');

const { FactstrSqliteStore } = require('../lib/index.js');
const { atEnd, folder, noHandleIsLeftOpen } = require('./stores.js');

noHandleIsLeftOpen();

/** Runs a program of test/programs to its end. `onOutput` may act on what it prints. */
async function run(t, name, onOutput = () => {}) {
  const file = path.join(folder(t), 'facts.sqlite');
  const child = spawn(process.execPath, [path.join(__dirname, 'programs', name), file], { stdio: ['ignore', 'pipe', 'pipe'] });
  atEnd(t, () => child.kill('SIGKILL'));
  const output = { out: '', err: '' };
  child.stderr.on('data', (data) => (output.err += data));
  child.stdout.on('data', (data) => {
    output.out += data;
    onOutput(String(data), file);
  });
  const [code, signal] = await once(child, 'close');
  assert.equal(signal, null, output.err);
  return { code, file, ...output };
}

const limit = { timeout: 30_000 };

for (const [name, expected] of [
  ['open_store.js', { code: 0, out: 'done\n' }],
  ['awaited_append.mjs', { code: 0, out: '1n\n' }],
  ['unref_stream.js', { code: 0, out: 'delivered\n' }],
  ['closed_after_unsubscribe.mjs', { code: 0, out: 'done\n' }],
  ['unobserved_failure.js', { code: 0, out: 'done\n' }],
  ['unobserved_registration.js', { code: 1, out: '' }],
  ['on_error_throws.js', { code: 1, out: '' }],
  ['exit_in_handler.js', { code: 7, out: '' }],
  ['uncaught_exception.js', { code: 1, out: '' }],
]) {
  test(`${name} ends with code ${expected.code}`, limit, async (t) => {
    const { code, out, err } = await run(t, name);
    assert.deepEqual({ code, out }, expected, err);
  });
}

test('a process with an open stream runs until the stream is unsubscribed', limit, async (t) => {
  const { code, out, err } = await run(t, 'open_stream.js', (data, file) => {
    if (data === 'open\n') {
      const store = new FactstrSqliteStore(file);
      store.append([{ event_type: 'from another process', payload: null }]);
      store.close();
    }
  });
  assert.deepEqual({ code, out }, { code: 0, out: 'open\nfrom another process\n' }, err);
});

test('a process that ends stores the cursors of its durable streams', limit, async (t) => {
  // G23
  const { code, out, file, err } = await run(t, 'cursor_at_exit.js');
  assert.deepEqual({ code, out }, { code: 0, out: '1n\n' }, err);
  const store = new FactstrSqliteStore(file);
  atEnd(t, () => store.close());
  const handled = [];
  const subscription = await store.streamAllDurable({ name: 'model' }, (events) => void handled.push(events));
  subscription.unsubscribe();
  await subscription.closed;
  assert.deepEqual(handled, []);
});
