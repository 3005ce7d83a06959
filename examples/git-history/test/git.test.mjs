// What the importer reads from git, case by case.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commitFacts, countCommits, tagFacts, tokens } from '../node/git.mjs';

const folder = mkdtempSync(join(tmpdir(), 'git-history-'));
after(() => rmSync(folder, { recursive: true }));
const repository = join(folder, 'generated.git');
execFileSync('python3', [
  fileURLToPath(new URL('../generate/generate.py', import.meta.url)),
  repository,
  '--commits',
  '150',
]);

const commits = [];
for await (const fact of commitFacts(repository, 'HEAD')) commits.push(fact.payload);
const files = commits.flatMap((commit) => commit.files);

test('every commit becomes one fact, parents before children', async () => {
  assert.equal(commits.length, await countCommits(repository, 'HEAD'));
  const seen = new Set();
  for (const { hash, parents } of commits) {
    for (const parent of parents)
      assert.ok(seen.has(parent), `${parent} comes before its child ${hash}`);
    assert.ok(!seen.has(hash));
    seen.add(hash);
  }
});

test('a fact has exactly the fields that are documented', () => {
  assert.deepEqual(commits[0], {
    hash: '11e1dc1771a54912556a540c253bfc59ff4fd311',
    parents: [],
    author: { name: 'Ada Lovelace', email: 'ada@example.org' },
    committed_at: commits[0].committed_at,
    subject: 'the first commit',
    files: [{ path: 'README.md', added: 3, deleted: 0 }],
  });
  assert.equal(Date.parse(commits[0].committed_at), Date.parse('2020-09-13T12:36:40Z'));
});

test('paths with spaces, quotes, tabs, newlines and other signs come back as they are', () => {
  const paths = new Set(files.map((file) => file.path));
  for (const path of [
    'with space',
    ' leading and trailing ',
    'with "double" and \'single\' quotes',
    'tab\there',
    'new\nline',
    '\nstarts with a newline',
    '\\t\\n\\001 only looks quoted',
    '-',
    '-\t-\tlooks like a binary entry',
    '1\t2\tlooks like an entry',
    'a => b',
    '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
    'grüße/смех/笑い/🙂',
    'nfc-\u00e9',
    'nfd-e\u0301',
    '\ufeffbyte order mark',
    '__proto__',
  ]) {
    assert.ok(paths.has(path), JSON.stringify(path));
  }
});

test('bytes that are not UTF-8 become U+FFFD in paths, names and subjects', () => {
  assert.equal(files.filter((file) => file.path === 'latin1-caf\ufffd').length, 4); // two files that differ only in such a byte, twice each
  assert.ok(files.some((file) => file.path === 'surrogate-\ufffd\ufffd\ufffd'));
  assert.ok(commits.some((commit) => commit.author.name === 'Jos\ufffd \ufffdngstr\ufffdm'));
  assert.ok(
    commits.some((commit) => commit.subject === 'subject in latin-1: na\ufffdve caf\ufffd'),
  );
});

test('a commit that declares its encoding is read in that encoding', () => {
  const declared = commits.find((commit) => commit.subject === 'naïve café');
  assert.equal(declared.author.name, 'José Ångström');
});

test('merges list their parents and no files', () => {
  const octopus = commits.find((commit) => commit.subject.startsWith('a merge of four'));
  assert.equal(octopus.parents.length, 5);
  assert.deepEqual(octopus.files, []);
});

test('empty commits and empty subjects are facts like any other', () => {
  assert.deepEqual(commits.find((commit) => commit.subject === 'an empty commit').files, []);
  assert.ok(
    commits.some(
      (commit) => commit.subject === '' && commit.parents.length === 1 && commit.files.length === 0,
    ),
  );
});

test('a binary file has no line counts, and text beside it does', () => {
  const { files } = commits.find((commit) => commit.subject === 'text becomes binary, beside text');
  assert.deepEqual(files, [
    { path: 'binary\twith tab', added: null, deleted: null },
    { path: 'kinds/text', added: 3, deleted: 0 },
  ]);
});

test('a rename is one file less and one more', () => {
  const { files } = commits.find((commit) => commit.subject.startsWith('a rename'));
  assert.deepEqual(files, [
    { path: 'kinds/renamed', added: 3, deleted: 0 },
    { path: 'kinds/text', added: 0, deleted: 3 },
  ]);
});

test('tags are followed to their commit, and tags of anything else are left out', async () => {
  const tags = new Map();
  for await (const { payload } of tagFacts(repository)) tags.set(payload.name, payload.commit);
  for (const name of ['v1', 'annotated', 'tag-of-a-tag', 'größe/"quoted"/🙂', 'latin1-\ufffd'])
    assert.equal(tags.get(name), commits[0].hash);
  assert.ok(!tags.has('of-a-file'));
});

test('a repository that git cannot read is an error and not an empty history', async () => {
  await assert.rejects(async () => {
    for await (const fact of commitFacts(join(folder, 'missing'), 'HEAD'))
      assert.fail(fact.payload.hash);
  }, /git log failed: 128/);
});

test('text is the same wherever the chunks of the stream are cut', async () => {
  const bytes = Buffer.from('one\0zwei ü 🙂\0\0three', 'utf8');
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = [];
    for (let start = 0; start < bytes.length; start += size)
      chunks.push(bytes.subarray(start, start + size));
    const read = [];
    for await (const token of tokens(chunks, '\0')) read.push(token);
    assert.deepEqual(read, ['one', 'zwei ü 🙂', '', 'three']);
  }
});
