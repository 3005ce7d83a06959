'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');

const { openPlace } = require('./open_place.js');
const { relay } = require('./relay.js');
const {
  atEnd,
  databaseUrl,
  eachSharedPlace,
  newName,
  noHandleIsLeftOpen,
  openAt,
  places,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

/**
 * Runs a program of test/programs to its end; it is told the place. `onOutput` may act on what it
 * prints.
 */
async function run(t, name, place, onOutput = () => {}) {
  const child = spawn(
    process.execPath,
    [path.join(__dirname, 'programs', name), JSON.stringify(place)],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  atEnd(t, () => child.kill('SIGKILL'));
  const output = { out: '', err: '' };
  child.stderr.on('data', (data) => (output.err += data));
  child.stdout.on('data', (data) => {
    output.out += data;
    onOutput(String(data), child);
  });
  const [code, signal] = await once(child, 'close');
  assert.equal(signal, null, output.err);
  return { code, ...output };
}

const limit = { timeout: 30_000 * patience };

function endsWith(name, expected, newPlace) {
  test(`${name} ends with code ${expected.code}`, limit, async (t) => {
    const { code, out, err } = await run(t, name, newPlace(t));
    assert.deepEqual({ code, out }, expected, err);
  });
}

for (const [name, expected] of [
  ['open_store.js', { code: 0, out: 'done\n' }],
  ['awaited_append.mjs', { code: 0, out: '1n\n' }],
  ['unref_stream.js', { code: 0, out: 'delivered\n' }],
  ['closed_after_unsubscribe.mjs', { code: 0, out: 'done\n' }],
  ['handler_never_settles.js', { code: 0, out: 'done\n' }],
  ['unobserved_failure.js', { code: 0, out: 'done\n' }],
  ['unobserved_registration.js', { code: 1, out: '' }],
  ['on_error_throws.js', { code: 1, out: '' }],
  ['on_progress_throws.js', { code: 0, out: 'uncaught: from onProgress\nregistered\n' }],
]) {
  endsWith(name, expected, places.memory);
}

test('a process ends that closed a store whose server does not answer', limit, async (t) => {
  const between = await relay(t, databaseUrl());
  const place = {
    store: 'FactstrPostgresStore',
    args: [between.url, { schema: newName(), closeTimeoutMs: 100, onLog: null }],
  };
  const name = 'handler_never_settles_without_server.js';
  const { code, out, err } = await run(t, name, place, async (text, child) => {
    if (text === 'ready\n') {
      await between.silence();
      child.stdin.end();
    }
  });
  assert.deepEqual({ code, out }, { code: 0, out: 'ready\ndone\n' }, err);
});

test('a process ends while a server does not answer its opening', limit, async (t) => {
  const server = net
    .createServer((socket) => socket.on('error', () => {}).resume())
    .listen(0, '127.0.0.1');
  atEnd(t, () => server.close());
  await once(server, 'listening');
  const place = {
    store: 'FactstrPostgresStore',
    args: [
      `postgres://clerk@127.0.0.1:${server.address().port}/facts`,
      { connectTimeoutMs: 20_000 },
    ],
  };
  const { code, out, err } = await run(t, 'exit_while_opening.js', place);
  assert.deepEqual({ code, out }, { code: 7, out: '' }, err);
});

eachSharedPlace('the end of a process', (newPlace) => {
  endsWith('exit_in_handler.js', { code: 7, out: '' }, newPlace);
  endsWith('uncaught_exception.js', { code: 1, out: '' }, newPlace);
  endsWith('awaited_opening.mjs', { code: 0, out: '1n\n' }, newPlace);
  endsWith('exit_while_opening.js', { code: 7, out: '' }, newPlace);

  test('a process with an open stream runs until the stream is unsubscribed', limit, async (t) => {
    const place = newPlace(t);
    const { code, out, err } = await run(t, 'open_stream.js', place, (data) => {
      if (data === 'open\n') {
        const store = openPlace(place);
        store.append([{ event_type: 'from another process', payload: null }]);
        store.close();
      }
    });
    assert.deepEqual({ code, out }, { code: 0, out: 'open\nfrom another process\n' }, err);
  });

  test('a process that ends stores the cursors of its durable streams', limit, async (t) => {
    // G23
    const place = newPlace(t);
    const { code, out, err } = await run(t, 'cursor_at_exit.js', place);
    assert.deepEqual({ code, out }, { code: 0, out: '1n\n' }, err);
    const store = openAt(t, place);
    const handled = [];
    const subscription = await store.streamAllDurable(
      { name: 'model' },
      (events) => void handled.push(events),
    );
    subscription.unsubscribe();
    await subscription.closed;
    assert.deepEqual(handled, []);
  });
});
