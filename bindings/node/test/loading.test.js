'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const commonjs = require('../lib/index.js');
const { check, explain, supported } = require('../lib/loader.js');
const { native } = require('../lib/native.js');
const { Deliveries } = require('./deliveries.js');
const { without } = require('./skips.js');
const { databaseUrl, facts, folder, noHandleIsLeftOpen } = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const root = path.join(__dirname, '..');
const manifest = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));
const version = fs.readFileSync(path.join(root, '../../VERSION'), 'utf8').trim();
const here = fs
  .readdirSync(path.join(root, 'native'))
  .find((name) => name.startsWith(`${process.platform}-${process.arch}`));
const nativePackage = `@factstr/factstr-node-${here}`;

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

const packable = { skip: without('python3') };

/** Lets the script that packs write the manifest, page and entry of the package of a platform. */
function writePlatformPackage(platform, to) {
  const script = path.join(root, '../../tools/platforms.py');
  execFileSync('python3', [script, 'npm', platform, to]);
  return JSON.parse(fs.readFileSync(path.join(to, 'package.json'), 'utf8'));
}

test(
  'the manifests carry the version of the project, pin each platform package exactly and run nothing at install',
  packable,
  (t) => {
    assert.equal(manifest.version, version);
    assert.equal(manifest.scripts, undefined);
    assert.deepEqual(
      Object.keys(manifest.optionalDependencies),
      supported.map((platform) => `${manifest.name}-${platform}`),
    );
    for (const [name, range] of Object.entries(manifest.optionalDependencies)) {
      assert.equal(range, version, name);
      const platform = name.replace('@factstr/factstr-node-', '');
      const other = writePlatformPackage(platform, folder(t));
      assert.equal(other.name, name);
      assert.equal(other.version, version);
      assert.equal(`${other.os}-${other.cpu}`, platform.replace(/-(gnu|msvc)$/, ''));
      assert.deepEqual(other.libc, platform.endsWith('gnu') ? ['glibc'] : undefined);
      assert.equal(other.scripts, undefined);
    }
  },
);

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
    attach() {},
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

test('the load error names the platform, the libc, the file that was looked for and the cause', () => {
  const missing = Object.assign(new Error('Cannot find module x'), { code: 'MODULE_NOT_FOUND' });
  const notInstalled = explain('linux-x64-gnu', missing);
  const libc = process.platform === 'linux' ? ', glibc 2\\.\\d+' : '';
  const system = `${process.platform} ${process.arch}${libc}`;
  assert.match(notInstalled, new RegExp(`for linux-x64-gnu \\(Node\\.js [\\d.]+, ${system}\\)`));
  assert.match(notInstalled, /looked for @factstr\/factstr-node-linux-x64-gnu\/factstr_node\.node/);
  assert.ok(notInstalled.includes(`from ${path.join(root, 'lib')}`), notInstalled);
  assert.match(notInstalled, /npm install --include=optional[^]*Cannot find module x/);
  assert.match(explain('linux-x64-gnu', missing, 'musl'), /, musl\)[^]*Alpine[^]*glibc/);
  assert.match(
    explain('sunos-sparc', undefined),
    /no prebuilt library for this platform[^]*win32-x64-msvc/,
  );
  assert.match(
    explain('linux-x64-gnu', new Error('libc.so.6: version GLIBC_9 not found')),
    /refused to load[^]*GLIBC_9/,
  );
  assert.match(
    explain('linux-x64-gnu', missing, 'glibc 2.36', '/srv/app/bundle.js'),
    /bundled into \/srv\/app\/bundle\.js[^]*external[^]*Cannot find module x/,
  );
});

test('the name of a file in place of the addon, as some bundlers give it, is told', () => {
  assert.throws(() => check('./factstr_node-3f2a.node'), {
    code: 'FACTSTR_LOAD_FAILED',
    message: /got string instead of its native library: a bundler/,
  });
});

test('the loader asks for no file outside of the packages, by literal names that bundlers follow', () => {
  const code = fs.readFileSync(path.join(root, 'lib/loader.js'), 'utf8');
  const asked = [...code.matchAll(/require\(([^)]*)\)/g)].map((match) => match[1]);
  assert.deepEqual(asked.sort(), [
    "'../package.json'",
    ...supported.map((platform) => `'@factstr/factstr-node-${platform}/factstr_node.node'`),
    "'node:path'",
  ]);
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
  assert.ok(stderr.includes(`${nativePackage} is not installed`), stderr);
  assert.match(stderr, /--include=optional/);
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
      fs.cpSync(path.join(root, 'native', here), to, { recursive: true });
      writePlatformPackage(here, to);
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

test(
  'the platform package is found beside the main package, without the checkout',
  packable,
  (t) => {
    const program = `
    import factstr, { FactstrMemoryStore } from '@factstr/factstr-node';
    import platform from '${nativePackage}';
    console.log(new FactstrMemoryStore().append([{ event_type: 'a', payload: 1 }]).committed_count, platform === factstr);`;
    prints(installed(t, 'factstr-node', `factstr-node-${here}`), program, '1n true\n');
  },
);

test('the platform package by itself gives the classes, as that of 0.5.2 did', packable, (t) => {
  const program = `
    import factstr from '${nativePackage}';
    console.log(Object.keys(factstr).filter((name) => /Store|Subscription/.test(name)).sort().join());
    console.log(new factstr.FactstrMemoryStore().append([{ event_type: 'a', payload: 1 }]).committed_count);`;
  const names =
    'EventStreamSubscription,FactstrMemoryStore,FactstrPostgresStore,FactstrSqliteStore';
  prints(installed(t, `factstr-node-${here}`), program, `${names}\n1n\n`);
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

test('the examples of the README run as they are printed', packable, (t) => {
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```js\n([^]*?)```/g)].map((match) => match[1]);
  assert.ok(examples.length > 0);
  for (const example of examples) {
    const made = installed(t, 'factstr-node', `factstr-node-${here}`);
    fs.writeFileSync(path.join(made, 'example.mjs'), example);
    const env = { ...process.env, DATABASE_URL: databaseUrl() };
    const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], {
      cwd: made,
      env,
      encoding: 'utf8',
      timeout: 30_000 * patience,
    });
    assert.equal(status, 0, stderr);
    const printed = [...example.matchAll(/\/\/ prints (.*)/g)].map((match) => match[1]);
    assert.deepEqual(stdout.trim().split('\n'), printed);
  }
});
