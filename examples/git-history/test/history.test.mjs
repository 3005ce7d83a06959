// The programs of this example on a generated history, on both stores, killed at given points. The
// library and both packages must have been built, and DATABASE_URL must name a PostgreSQL database
// that may be filled.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const example = (path) => join(root, 'examples/git-history', path);
const folder = mkdtempSync(join(tmpdir(), 'git-history-'));
after(() => rmSync(folder, { recursive: true }));

execFileSync(join(root, 'examples/link-node-package.sh'));
const { FactstrPostgresStore } = await import('@factstr/factstr-node');
const repository = join(folder, 'generated.git');
execFileSync('python3', [example('generate/generate.py'), repository, '--commits', '150']);
const lister = join(folder, 'commits_of_path');
execFileSync('gcc', [
  ...[
    '-std=c11',
    '-I',
    join(root, 'include'),
    '-o',
    lister,
    example('c/commits_of_path.c'),
    example('c/json.c'),
  ],
  ...['-L', join(root, 'build/lib'), '-lfactstr', `-Wl,-rpath,${join(root, 'build/lib')}`],
]);

const modules = [join(root, 'bindings/python/src'), example('python')];
const python = { ...process.env, PYTHONPATH: modules.join(':'), PYTHONDONTWRITEBYTECODE: '1' };
const run = (command, words, env = process.env) =>
  spawnSync(command, words, { encoding: 'utf8', env });
const importInto = (store, env = {}, ...more) =>
  run('node', [example('node/import.mjs'), store, repository, ...more], { ...process.env, ...env });
const follow = (store, model, env = {}) =>
  run('python3', [example('python/read_model.py'), store, model], { ...python, ...env });

/** An import that runs beside others. */
function startImport(store, ...share) {
  return spawn('node', [example('node/import.mjs'), store, repository, 'HEAD', ...share], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** A model that follows until its standard input ends; what it says comes line by line. */
async function startFollowing(t, store, model, env = {}) {
  const words = [example('python/read_model.py'), store, model, '--follow'];
  const child = spawn('python3', words, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...python, ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'ready');
  return { child, lines };
}

async function allSucceed(children) {
  for (const [status] of await Promise.all(children.map((child) => once(child, 'exit'))))
    assert.equal(status, 0);
}

function compare(store, model, ...listings) {
  return run(
    'python3',
    [example('check/compare.py'), store, model, repository, 'HEAD', ...listings],
    python,
  );
}

function succeeded(result) {
  assert.equal(result.status, 0, result.stdout + result.stderr);
  return result.stdout;
}

let made = 0;
const newFile = (name) => join(folder, `${(made += 1)}-${name}`);

// What the programs are to open, each time a store that is empty.
const newStores = {
  sqlite: () => newFile('facts.db'),
  postgres: () => {
    const url = process.env.DATABASE_URL;
    assert.ok(
      url,
      'DATABASE_URL must name a PostgreSQL database that the tests may fill: go run ./tools/pgserver -- node --test ...',
    );
    const schema = `git_history_${randomBytes(8).toString('hex')}`;
    new FactstrPostgresStore(url, { schema }).close();
    return `${url}${url.includes('?') ? '&' : '?'}options=-csearch_path%3D${schema}`;
  },
};

for (const [kind, newStore] of Object.entries(newStores))
  describe(`on ${kind}`, () => historyTests(newStore));

test('of a store that cannot be opened no program says the password', () => {
  const store = 'postgres://ann:unspeakable@127.0.0.1:1/facts';
  for (const result of [
    importInto(store),
    follow(store, newFile('model.db')),
    run(lister, [store, 'README.md']),
  ]) {
    assert.equal(result.status, 1);
    assert.match(result.stderr, /connection/);
    assert.doesNotMatch(result.stdout + result.stderr, /unspeakable/);
  }
});

test('a share that is none of the shares is a wrong usage', () => {
  for (const share of ['0/3', '4/3', '1/0', '1', '1/3/', 'x']) {
    assert.equal(
      run('node', [example('node/import.mjs'), newFile('facts.db'), repository, 'HEAD', share])
        .status,
      2,
      share,
    );
  }
});

function historyTests(newStore) {
  // What most tests begin with.
  const store = newStore();
  const firstImport = succeeded(importInto(store));

  test('the first import records everything and the second nothing', () => {
    assert.match(
      firstImport,
      /^imported 150 commits and \d+ tags; 0 and 0 were recorded before\n$/,
    );
    assert.match(
      succeeded(importInto(store)),
      /^imported 0 commits and 0 tags; 150 and \d+ were recorded before\n$/,
    );
  });

  test('an import that was killed goes on where it stopped', () => {
    const store = newStore();
    assert.equal(importInto(store, { IMPORT_KILL_AFTER_BATCHES: '3' }).signal, 'SIGKILL');
    assert.match(
      succeeded(importInto(store)),
      /^imported 129 commits and \d+ tags; 21 and 0 were recorded before\n$/,
    ); // batches of 150 / 20 = 7
    const model = newFile('model.db');
    succeeded(follow(store, model));
    succeeded(compare(store, model));
  });

  test('two imports at once record each commit once', async () => {
    const store = newStore();
    await allSucceed([startImport(store), startImport(store)]);
    const model = newFile('model.db');
    succeeded(follow(store, model));
    succeeded(compare(store, model));
  });

  test('an import that is dealt a share records every third commit', () => {
    const store = newStore();
    const [first, second, third] = ['1/3', '2/3', '3/3'].map((share) =>
      importInto(store, {}, 'HEAD', share),
    );
    for (const result of [first, second, third])
      assert.match(
        succeeded(result),
        /^imported 50 commits and \d tags; 0 and 0 were recorded before\n$/,
      );
    const model = newFile('model.db');
    succeeded(follow(store, model));
    succeeded(compare(store, model));
  });

  test(
    'a model follows three imports live, is killed meanwhile, and ends with the numbers of git',
    { timeout: 60_000 },
    async (t) => {
      // G11 G15 G19 G21 G23
      const store = newStore();
      const model = newFile('model.db');
      const { child: killed } = await startFollowing(t, store, model, {
        MODEL_KILL_AT: 'after-commit:10',
      });
      const imports = allSucceed(['1/3', '2/3', '3/3'].map((share) => startImport(store, share)));
      // Nothing was recorded when it began and its input is open, so the ten batches came live.
      assert.equal((await once(killed, 'exit'))[1], 'SIGKILL');
      const { child, lines } = await startFollowing(t, store, model);
      await imports;
      child.stdin.end();
      const [, repeated, counted] =
        /^began after fact \d+, got \d+ batches, \d+ of them live, (\d+) of them a second time, counted (\d+) commits/.exec(
          (await lines.next()).value,
        );
      assert.ok(Number(repeated) >= 1);
      assert.ok(Number(counted) >= 150 - 10 * 7 && Number(counted) < 150);
      succeeded(compare(store, model));
    },
  );

  test('a model that follows has counted all that was recorded when its input ends', async (t) => {
    const store = newStore();
    const model = newFile('model.db');
    const { child, lines } = await startFollowing(t, store, model);
    // It can handle nothing until everything is recorded and its input has ended.
    child.kill('SIGSTOP');
    await allSucceed([startImport(store)]);
    child.stdin.end();
    child.kill('SIGCONT');
    assert.match(
      (await lines.next()).value,
      /^began after fact 0, .* counted 150 commits, stands at fact 150$/,
    );
    succeeded(compare(store, model));
  });

  for (const place of ['before-commit', 'after-commit']) {
    test(`a model that is killed ${place.replace('-', ' its ')} ends with the numbers of git`, () => {
      // G19 G21 G23
      const model = newFile('model.db');
      assert.equal(follow(store, model, { MODEL_KILL_AT: `${place}:10` }).signal, 'SIGKILL');
      const again = succeeded(follow(store, model));
      // Batch 10 was stored or not; in both cases the model counts each commit once.
      const before = place === 'before-commit' ? 63 : 70;
      assert.match(
        again,
        new RegExp(
          `^began after fact ${before}, .* counted ${150 - before} commits, stands at fact 150\n$`,
        ),
      );
      assert.match(succeeded(follow(store, model)), /^began after fact 150, got 0 batches,/);
      succeeded(compare(store, model));
    });
  }

  test('a model whose file was thrown away is built again from the first fact', () => {
    const model = newFile('model.db');
    succeeded(follow(store, model));
    rmSync(model);
    assert.match(succeeded(follow(store, model)), /^began after fact 0, .* counted 150 commits/);
  });

  test('the listing of a path equals that of git, whatever signs the path has', () => {
    // G13
    const model = newFile('model.db');
    succeeded(follow(store, model));
    const listings = [
      'README.md',
      'tab\there',
      'new\nline',
      'with "double" and \'single\' quotes',
      '\\t\\n\\001 only looks quoted',
      'grüße/смех/笑い/🙂',
    ].map((path) => {
      const file = newFile('listing.txt');
      writeFileSync(file, succeeded(run(lister, [store, path])));
      return [path, file];
    });
    succeeded(compare(store, model, ...listings.flat()));
  });

  test('the listing prints the version of the context, none when no commit touches the path', () => {
    // G8
    assert.match(
      succeeded(run(lister, [store, 'README.md'])),
      /\n {2}13 commits, context version \d+\n$/,
    );
    assert.match(
      succeeded(run(lister, [store, 'no such path'])),
      /^ {2}0 commits, context version null\n$/,
    );
  });

  test('of two programs that race one decision one wins and the other gets both versions', async () => {
    // G10 G11
    const racers = [
      spawn('node', [example('node/race.mjs'), store, 'c0ffee']),
      spawn('python3', [example('python/race.py'), store, 'c0ffee'], { env: python }),
    ];
    const lines = racers.map((racer) =>
      createInterface({ input: racer.stdout })[Symbol.asyncIterator](),
    );
    for (const line of lines) assert.equal((await line.next()).value, 'ready');
    for (const racer of racers) racer.stdin.end('go\n');
    const results = (await Promise.all(lines.map((line) => line.next())))
      .map(({ value }) => value)
      .sort();
    const [conflict, winner] = results[0].includes('conflict') ? results : results.reverse();
    const [, fact] = /^(?:Node|Python) won: it expected no such fact and appended fact (\d+)$/.exec(
      winner,
    );
    assert.match(
      conflict,
      new RegExp(
        `^(Node|Python) got the conflict: it expected no such fact, the context is at version ${fact}$`,
      ),
    );
  });

  test('a figure that differs from that of git is exit status 1', () => {
    const model = newFile('model.db');
    succeeded(follow(store, model));
    const change = [
      'import sqlite3, sys',
      'database = sqlite3.connect(sys.argv[1])',
      `database.execute("UPDATE lines SET added = added + 1 WHERE path = 'README.md'")`,
      'database.commit()',
    ].join('\n');
    succeeded(run('python3', ['-c', change, model]));
    const result = compare(store, model);
    assert.equal(result.status, 1);
    assert.match(result.stdout, /lines added .* DIFFERENT/);
    assert.match(result.stderr, /figures differ/);
  });
}
