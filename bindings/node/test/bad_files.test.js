'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { FactstrSqliteStore } = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { lockedByAnother } = require('./locked.js');
const { isWindows, onWindows, without } = require('./skips.js');
const { atEnd, facts, folder, noHandleIsLeftOpen, openSqlite, withCode } = require('./stores.js');

noHandleIsLeftOpen();

function refusesToOpen(file, code, more) {
  assert.throws(() => new FactstrSqliteStore(file), withCode(code, more));
}

test('a path must be text that can name a file', () => {
  for (const bad of [
    undefined,
    null,
    5,
    {},
    '',
    ':memory:',
    'with \u0000 inside',
    'half \ud83d of a pair',
  ]) {
    refusesToOpen(bad, 'InvalidArgument', (error) => error.message.includes('path'));
  }
});

test('missing folders of the path are created', (t) => {
  const file = path.join(folder(t), 'not', 'there', 'facts.sqlite');
  openSqlite(t, undefined, file).append(facts('a'));
  assert.ok(fs.existsSync(file));
});

test('a path below a file cannot be opened', (t) => {
  const file = path.join(folder(t), 'file');
  fs.writeFileSync(file, 'text');
  refusesToOpen(
    path.join(file, 'facts.sqlite'),
    'BackendFailure',
    (error) => typeof error.reason === 'string',
  );
});

const anyFolder = { skip: onWindows('has no folder that no user can write to') };
test('a folder that nothing can be written to is a BackendFailure', anyFolder, () => {
  // The file system of processes: read-only for every user, root too.
  refusesToOpen(
    '/proc/self/facts.sqlite',
    'BackendFailure',
    (error) => typeof error.reason === 'string',
  );
});

test('a path that is a folder is refused', (t) => {
  refusesToOpen(folder(t), 'InvalidArgument', (error) => error.message.includes('directory'));
});

test('a file that is not a database is UnsupportedFormat and stays as it is', (t) => {
  const file = path.join(folder(t), 'letter.txt');
  fs.writeFileSync(file, 'Dear database,\n'.repeat(100));
  refusesToOpen(file, 'UnsupportedFormat');
  assert.equal(fs.readFileSync(file, 'utf8'), 'Dear database,\n'.repeat(100));
});

const changeable = { skip: without('python3') };
test('a database of a newer format is UnsupportedFormat', changeable, (t) => {
  const file = path.join(folder(t), 'facts.sqlite');
  openSqlite(t, undefined, file).close();
  const update =
    'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()';
  const sql = "UPDATE store_metadata SET value = '2' WHERE key = 'store_format_version'";
  const { status, stderr } = spawnSync('python3', ['-c', update, file, sql], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  refusesToOpen(file, 'UnsupportedFormat', (error) => error.message.includes('newer'));
});

test('a full disk is a BackendFailure that wrote nothing, and smaller batches still fit', (t) => {
  // G2 G5
  const options = JSON.stringify({ sequence_numbers: 'string', testing_max_page_count: 40 });
  const handle = native.openSqlite(path.join(folder(t), 'facts.sqlite'), options);
  atEnd(t, () => native.closeStore(handle));
  const batch = (bytes) => JSON.stringify([{ event_type: 'a', payload: 'x'.repeat(bytes) }]);
  assert.throws(
    () => native.append(handle, batch(1 << 20)),
    withCode('BackendFailure', (error) => error.reason === 'disk_full'),
  );
  assert.equal(JSON.parse(native.append(handle, batch(1))).first_sequence_number, '1');
});

test(
  'a database that another program has locked is Busy, and works once it is free',
  changeable,
  async (t) => {
    // G5
    const file = path.join(folder(t), 'facts.sqlite');
    const store = openSqlite(t, { busyTimeoutMs: 50 }, file);
    const unlock = await lockedByAnother(t, file);
    assert.throws(() => store.append(facts('a')), withCode('Busy'));
    await assert.rejects(store.appendAsync(facts('a')), withCode('Busy'));
    await unlock();
    assert.equal(store.append(facts('b')).first_sequence_number, 1n);
  },
);

// The dynamic linker shares a library by its name, so a true second copy needs another one.
function secondCopy(into) {
  const platforms = path.join(__dirname, '../native');
  const platform = `${process.platform}-${process.arch}`;
  const native = fs.readdirSync(platforms).find((name) => name.startsWith(platform));
  const name = isWindows ? 'factstr.dll' : 'libfactstr.so.0';
  const other = isWindows ? 'factst9.dll' : 'libfactstr.so.9';
  for (const [from, to] of [
    [name, other],
    ['factstr_node.node', 'factstr_node.node'],
  ]) {
    const bytes = fs.readFileSync(path.join(platforms, native, from));
    let at = -1;
    while ((at = bytes.indexOf(name, at + 1)) >= 0) {
      bytes.write(other, at);
    }
    fs.writeFileSync(path.join(into, to), bytes);
  }
  return path.join(into, 'factstr_node.node');
}

const secondCopyProgram = `
const { FactstrSqliteStore } = require(process.argv[1]);
const [, , addon, file] = process.argv;
const store = new FactstrSqliteStore(file);
const makeError = (status, text) => new Error(text);
const nothing = () => {};
const second = require(addon).attach(nothing, nothing, makeError);
try {
  second.openSqlite(file, '{}');
} catch (error) {
  console.log(error.message);
}
store.append([{ event_type: 'a', payload: 1 }]);
console.log(store.query().event_records.length);
`;

const copyable = {
  skip:
    process.platform === 'darwin' && 'macOS loads no library that was changed once it was signed',
};
test(
  'a second copy of the library in one process may not open the same file',
  copyable,
  async (t) => {
    const made = folder(t);
    const child = spawn(
      process.execPath,
      [
        '-e',
        secondCopyProgram,
        require.resolve('../lib/index.js'),
        secondCopy(made),
        path.join(made, 'facts.sqlite'),
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const output = (await child.stdout.toArray()).join('');
    const [error, count] = output.trim().split('\n');
    assert.equal(JSON.parse(error).code, 'InvalidState', output);
    assert.equal(count, '1');
  },
);
