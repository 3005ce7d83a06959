'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const commonjs = require('../lib/index.js');
const { check, explain } = require('../lib/loader.js');
const { native } = require('../lib/native.js');
const { Deliveries } = require('./deliveries.js');
const { databaseUrl, facts, folder, noHandleIsLeftOpen } = require('./stores.js');

noHandleIsLeftOpen();

const root = path.join(__dirname, '..');
const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const version = fs.readFileSync(path.join(root, '../../VERSION'), 'utf8').trim();

test('import, also by default, and require give the same classes, and nothing else is exported', async () => {
  const module = await import('../lib/index.mjs');
  assert.deepEqual(Object.keys(module).sort(), [
    'EventStreamSubscription',
    'FactstrError',
    'FactstrMemoryStore',
    'FactstrPostgresStore',
    'FactstrSqliteStore',
    'configure',
    'default',
  ]);
  for (const [name, value] of Object.entries(module)) {
    assert.equal(name === 'default' ? commonjs : commonjs[name], value, name);
  }
});

test('the manifests carry the version of the project, pin the platform package exactly and run nothing at install', () => {
  assert.equal(manifest.version, version);
  assert.equal(manifest.scripts, undefined);
  for (const [name, range] of Object.entries(manifest.optionalDependencies)) {
    assert.equal(range, version, name);
    const platform = name.replace('@factstr/factstr-node-', '');
    const other = JSON.parse(
      fs.readFileSync(path.join(root, 'npm', platform, 'package.json'), 'utf8'),
    );
    assert.equal(other.name, name);
    assert.equal(other.version, version);
    assert.equal(`${other.os}-${other.cpu}-${other.libc}`.replace('glibc', 'gnu'), platform);
    assert.equal(other.scripts, undefined);
  }
});

test('the codes of the types are the codes of the library', () => {
  const types = fs.readFileSync(path.join(root, 'lib/types/errors.d.ts'), 'utf8');
  const union = types.slice(
    types.indexOf('FactstrErrorCode ='),
    types.indexOf(';', types.indexOf('FactstrErrorCode =')),
  );
  const typed = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1]);
  const known = [];
  for (let status = 10; native.statusName(status) !== 'Unknown'; status++) {
    known.push(native.statusName(status));
  }
  assert.ok(known.length > 20);
  assert.deepEqual(typed.sort(), known.sort());
});

test('a library or addon of another version is refused, and the error says which', () => {
  const right = {
    libraryVersion: version,
    addonVersion: version,
    libraryAbiVersion: 1,
    addonAbiVersion: 1,
  };
  assert.equal(check(right), right);
  for (const wrong of [
    { libraryVersion: '0.5.9' },
    { addonVersion: '9.9.9' },
    { libraryAbiVersion: 2 },
  ]) {
    assert.throws(
      () => check({ ...right, ...wrong }),
      (error) =>
        error.code === 'FACTSTR_LOAD_FAILED' &&
        error.message.includes(String(Object.values(wrong)[0])),
    );
  }
});

test('the load error names every cause', () => {
  const missing = Object.assign(new Error('Cannot find module x'), { code: 'MODULE_NOT_FOUND' });
  assert.match(explain('linux-x64-gnu', false, [missing]), /npm install --include=optional/);
  assert.match(explain('linux-x64-gnu', false, [missing]), /Cannot find module x/);
  assert.match(explain('linux-x64-gnu', true, [missing]), /linux-x64-musl[^]*Alpine[^]*glibc/);
  assert.match(
    explain('sunos-sparc', false, []),
    /no prebuilt library for this platform[^]*linux-x64-gnu/,
  );
  assert.match(
    explain('linux-x64-gnu', false, [new Error('libc.so.6: version GLIBC_9 not found')]),
    /refused to load[^]*GLIBC_9/,
  );
});

test('a package without its native part says how to install it', (t) => {
  const made = folder(t);
  fs.cpSync(path.join(root, 'lib'), path.join(made, 'lib'), { recursive: true });
  fs.copyFileSync(path.join(root, 'package.json'), path.join(made, 'package.json'));
  const { status, stderr } = spawnSync(
    process.execPath,
    ['-e', `require(${JSON.stringify(made)})`],
    { encoding: 'utf8' },
  );
  assert.equal(status, 1);
  assert.match(stderr, /FACTSTR_LOAD_FAILED/);
  assert.match(
    stderr,
    /@factstr\/factstr-node-linux-x64-gnu is not installed[^]*--include=optional/,
  );
});

/** The packages as npm lays them out, without the checkout. */
function installed(t, ...packages) {
  const made = folder(t);
  const scope = path.join(made, 'node_modules/@factstr');
  for (const name of packages) {
    const to = path.join(scope, name);
    fs.cpSync(path.join(root, 'lib'), path.join(to, 'lib'), { recursive: true });
    if (name === 'factstr-node') {
      fs.copyFileSync(path.join(root, 'package.json'), path.join(to, 'package.json'));
    } else {
      fs.cpSync(path.join(root, 'npm/linux-x64-gnu'), to, { recursive: true });
      fs.cpSync(path.join(root, 'native/linux-x64-gnu'), to, { recursive: true });
    }
  }
  return made;
}

function prints(cwd, program, expected) {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd,
    encoding: 'utf8',
  });
  assert.equal(stdout, expected, stderr);
}

test('the platform package is found beside the main package, without the checkout', (t) => {
  const program = `
    import factstr, { FactstrMemoryStore } from '@factstr/factstr-node';
    import platform from '@factstr/factstr-node-linux-x64-gnu';
    console.log(new FactstrMemoryStore().append([{ event_type: 'a', payload: 1 }]).committed_count, platform === factstr);`;
  prints(installed(t, 'factstr-node', 'factstr-node-linux-x64-gnu'), program, '1n true\n');
});

test('the platform package by itself gives the classes, as that of 0.5.2 did', (t) => {
  const program = `
    import factstr from '@factstr/factstr-node-linux-x64-gnu';
    console.log(Object.keys(factstr).filter((name) => /Store|Subscription/.test(name)).sort().join());
    console.log(new factstr.FactstrMemoryStore().append([{ event_type: 'a', payload: 1 }]).committed_count);`;
  const names =
    'EventStreamSubscription,FactstrMemoryStore,FactstrPostgresStore,FactstrSqliteStore';
  prints(installed(t, 'factstr-node-linux-x64-gnu'), program, `${names}\n1n\n`);
});

test('the JavaScript of the package can be loaded twice over one addon, as test runners do', async () => {
  const lib = path.join(root, 'lib') + path.sep;
  const loaded = Object.keys(require.cache).filter((file) => file.startsWith(lib));
  const kept = loaded.map((file) => [file, require.cache[file]]);
  loaded.forEach((file) => delete require.cache[file]);
  const second = require('../lib/index.js');
  kept.forEach(([file, module]) => (require.cache[file] = module));
  assert.notEqual(second.FactstrMemoryStore, commonjs.FactstrMemoryStore);

  const stores = [new commonjs.FactstrMemoryStore(), new second.FactstrMemoryStore()];
  const subscriptions = [];
  for (const [i, store] of stores.entries()) {
    const seen = new Deliveries();
    subscriptions.push(await store.streamAllDurable({ name: 'model' }, seen.handler));
    await store.appendAsync(facts(`of ${i}`));
    assert.deepEqual(await seen.types(1), [`of ${i}`]);
  }
  stores.forEach((store) => store.close());
  await Promise.all(subscriptions.map((subscription) => subscription.closed));
});

test('settings of the process are refused once a store was opened, and when they are no numbers', () => {
  new commonjs.FactstrMemoryStore().close();
  assert.throws(() => commonjs.configure({ memoryLimitBytes: 1 << 30 }), { code: 'InvalidState' });
  assert.throws(() => commonjs.configure({ memory: 1 }), { code: 'InvalidArgument' });
  const program = `require(${JSON.stringify(root)}).configure({ memoryLimitBytes: 2 ** 30, processorsMax: 1 })`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('the examples of the README run as they are printed', (t) => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```js\n([^]*?)```/g)].map((match) => match[1]);
  assert.ok(examples.length > 0);
  for (const example of examples) {
    const made = folder(t);
    fs.mkdirSync(path.join(made, 'node_modules/@factstr'), { recursive: true });
    fs.symlinkSync(root, path.join(made, 'node_modules/@factstr/factstr-node'));
    fs.writeFileSync(path.join(made, 'example.mjs'), example);
    const env = { ...process.env, DATABASE_URL: databaseUrl() };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], {
      cwd: made,
      env,
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 0, stderr);
    const printed = [...example.matchAll(/\/\/ prints (.*)/g)].map((match) => match[1]);
    assert.deepEqual(stdout.trim().split('\n'), printed);
  }
});
