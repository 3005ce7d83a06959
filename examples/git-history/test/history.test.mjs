// The programs of this example on a generated history, killed at given points. The library and both packages must have been built.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const example = (path) => join(root, 'examples/git-history', path);
const folder = mkdtempSync(join(tmpdir(), 'git-history-'));
after(() => rmSync(folder, { recursive: true }));

execFileSync(join(root, 'examples/link-node-package.sh'));
const repository = join(folder, 'generated.git');
execFileSync('python3', [example('generate/generate.py'), repository, '--commits', '150']);
const lister = join(folder, 'commits_of_path');
execFileSync('gcc', [
  ...['-std=c11', '-I', join(root, 'include'), '-o', lister, example('c/commits_of_path.c'), example('c/json.c')],
  ...['-L', join(root, 'build/lib'), '-lfactstr', `-Wl,-rpath,${join(root, 'build/lib')}`],
]);

const python = { ...process.env, PYTHONPATH: join(root, 'bindings/python/src'), PYTHONDONTWRITEBYTECODE: '1' };
const run = (command, words, env = process.env) => spawnSync(command, words, { encoding: 'utf8', env });
const importInto = (store, env = {}) => run('node', [example('node/import.mjs'), store, repository], { ...process.env, ...env });
const follow = (store, model, env = {}) => run('python3', [example('python/read_model.py'), store, model], { ...python, ...env });

function compare(store, model, ...listings) {
  return run('python3', [example('check/compare.py'), store, model, repository, 'HEAD', ...listings], python);
}

function succeeded(result) {
  assert.equal(result.status, 0, result.stdout + result.stderr);
  return result.stdout;
}

// What most tests begin with.
const store = join(folder, 'facts.db');
const firstImport = succeeded(importInto(store));

test('the first import records everything and the second nothing', () => {
  assert.match(firstImport, /^imported 150 commits and \d+ tags; 0 and 0 were recorded before\n$/);
  assert.match(succeeded(importInto(store)), /^imported 0 commits and 0 tags; 150 and \d+ were recorded before\n$/);
});

test('an import that was killed goes on where it stopped', () => {
  const store = join(folder, 'killed.db');
  assert.equal(importInto(store, { IMPORT_KILL_AFTER_BATCHES: '3' }).signal, 'SIGKILL');
  assert.match(succeeded(importInto(store)), /^imported 129 commits and \d+ tags; 21 and 0 were recorded before\n$/); // batches of 150 / 20 = 7
  const model = join(folder, 'killed-model.db');
  succeeded(follow(store, model));
  succeeded(compare(store, model));
});

test('two imports at once record each commit once', async () => {
  const store = join(folder, 'two.db');
  const imports = [1, 2].map(() =>
    spawn('node', [example('node/import.mjs'), store, repository], { stdio: ['ignore', 'ignore', 'inherit'] }),
  );
  for (const [status] of await Promise.all(imports.map((child) => once(child, 'exit')))) assert.equal(status, 0);
  const model = join(folder, 'two-model.db');
  succeeded(follow(store, model));
  succeeded(compare(store, model));
});

for (const place of ['before-commit', 'after-commit']) {
  test(`a model that is killed ${place.replace('-', ' its ')} ends with the numbers of git`, () => {
    // G19 G21 G23
    const model = join(folder, `${place}.db`);
    assert.equal(follow(store, model, { MODEL_KILL_AT: `${place}:10` }).signal, 'SIGKILL');
    const again = succeeded(follow(store, model));
    // Batch 10 was stored or not; in both cases the model counts each commit once.
    const before = place === 'before-commit' ? 63 : 70;
    assert.match(again, new RegExp(`^began after fact ${before}, .* counted ${150 - before} commits, stands at fact 150\n$`));
    assert.match(succeeded(follow(store, model)), /^began after fact 150, got 0 batches,/);
    succeeded(compare(store, model));
  });
}

test('a model whose file was thrown away is built again from the first fact', () => {
  const model = join(folder, 'again.db');
  succeeded(follow(store, model));
  rmSync(model);
  assert.match(succeeded(follow(store, model)), /^began after fact 0, .* counted 150 commits/);
});

test('the listing of a path equals that of git, whatever signs the path has', () => {
  // G13
  const model = join(folder, 'listing-model.db');
  succeeded(follow(store, model));
  const listings = [
    'README.md',
    'tab\there',
    'new\nline',
    'with "double" and \'single\' quotes',
    '\\t\\n\\001 only looks quoted',
    'grüße/смех/笑い/🙂',
  ].map((path, number) => {
    const file = join(folder, `listing-${number}.txt`);
    writeFileSync(file, succeeded(run(lister, [store, path])));
    return [path, file];
  });
  succeeded(compare(store, model, ...listings.flat()));
});

test('the listing prints the version of the context, none when no commit touches the path', () => {
  // G8
  assert.match(succeeded(run(lister, [store, 'README.md'])), /\n {2}13 commits, context version \d+\n$/);
  assert.match(succeeded(run(lister, [store, 'no such path'])), /^ {2}0 commits, context version null\n$/);
});

test('of two programs that race one decision one wins and the other gets both versions', async () => {
  // G10 G11
  const racers = [
    spawn('node', [example('node/race.mjs'), store, 'c0ffee']),
    spawn('python3', [example('python/race.py'), store, 'c0ffee'], { env: python }),
  ];
  const lines = racers.map((racer) => createInterface({ input: racer.stdout })[Symbol.asyncIterator]());
  for (const line of lines) assert.equal((await line.next()).value, 'ready');
  for (const racer of racers) racer.stdin.end('go\n');
  const results = (await Promise.all(lines.map((line) => line.next()))).map(({ value }) => value).sort();
  const [conflict, winner] = results[0].includes('conflict') ? results : results.reverse();
  const [, fact] = /^(?:Node|Python) won: it expected no such fact and appended fact (\d+)$/.exec(winner);
  assert.match(conflict, new RegExp(`^(Node|Python) got the conflict: it expected no such fact, the context is at version ${fact}$`));
});

test('a figure that differs from that of git is exit status 1', () => {
  const model = join(folder, 'wrong.db');
  succeeded(follow(store, model));
  const change = `import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("UPDATE lines SET added = added + 1 WHERE path = 'README.md'")
database.commit()`;
  succeeded(run('python3', ['-c', change, model]));
  const result = compare(store, model);
  assert.equal(result.status, 1);
  assert.match(result.stdout, /lines added .* DIFFERENT/);
  assert.match(result.stderr, /figures differ/);
});
