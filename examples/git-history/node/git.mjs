// Reads a repository through git and yields facts. It reads git's output as a stream, so only one
// commit at a time is in memory, however long the history is.
import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';

// Git keeps names, subjects and paths as bytes. This decoder puts U+FFFD for what is not UTF-8, as
// web browsers do, and keeps a byte order mark, which belongs to the text here.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

const LOG = ['log', '-z', '--numstat', '--no-renames', '--reverse', '--topo-order'];
// Overrides settings of the user that would put other text between the commits.
const PLAIN = ['--encoding=UTF-8', '--no-show-signature', '--no-ext-diff', '--no-color'];
const FIELDS = ['%H', '%P', '%an', '%ae', '%cI', '%s'];

export async function countCommits(repository, revision) {
  let count = 0;
  for await (const line of tokens(git(repository, ['rev-list', '--count', revision, '--']), '\n'))
    count = Number(line);
  return count;
}

/** The commits that `revision` reaches, parents before children, as CommitRecorded facts. */
export async function* commitFacts(repository, revision) {
  const output = git(repository, [
    ...LOG,
    ...PLAIN,
    `--format=${FIELDS.join('%x00')}`,
    revision,
    '--',
  ]);
  // A commit has six fields and then its files, each "ADDED<tab>DELETED<tab>PATH". The hash of the
  // next commit follows. A hash has no tab, so it cannot be taken for a file.
  let fields = [];
  let files = [];
  for await (const token of tokens(output, '\0')) {
    if (fields.length === FIELDS.length) {
      const file = changedFile(token);
      if (file !== null) {
        files.push(file);
        continue;
      }
      yield commitRecorded(fields, files);
      fields = [];
      files = [];
    }
    fields.push(token);
  }
  if (fields.length > 0) yield commitRecorded(fields, files);
}

/**
 * The tags that lead to a commit, also through other tags, as TagCreated facts. Tags of files and
 * folders are left out.
 */
export async function* tagFacts(repository) {
  const tags = git(repository, [
    'for-each-ref',
    '--format=%(refname)^{} %(refname:strip=2)',
    'refs/tags',
  ]);
  const commits = git(
    repository,
    ['cat-file', '--batch-check=%(objectname) %(objecttype) %(rest)'],
    tags,
  );
  for await (const line of tokens(commits, '\n')) {
    const found = /^([0-9a-f]+) commit (.+)$/.exec(line);
    if (found !== null)
      yield { event_type: 'TagCreated', payload: { name: found[2], commit: found[1] } };
  }
}

function commitRecorded([hash, parents, name, email, committedAt, subject], files) {
  return {
    event_type: 'CommitRecorded',
    payload: {
      hash,
      parents: parents === '' ? [] : parents.split(' '),
      author: { name, email },
      committed_at: committedAt,
      subject,
      files,
    },
  };
}

function changedFile(token) {
  // The first file of a commit stands on a new line. A path may hold tabs and newlines too.
  const parts = /^\n?(\d+|-)\t(\d+|-)\t([^]+)$/.exec(token);
  return parts && { path: parts[3], added: lineCount(parts[1]), deleted: lineCount(parts[2]) };
}

// Git prints "-" for a binary file, which has no lines.
function lineCount(text) {
  return text === '-' ? null : Number(text);
}

/**
 * Yields the output of git in chunks of bytes, and throws if git fails. Git reads `input` from its
 * standard input.
 */
async function* git(repository, words, input) {
  const child = spawn('git', ['-C', repository, ...words], {
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('error', resolve).once('close', resolve));
  const fed = input && pipeline(input, child.stdin).catch((error) => error);
  try {
    yield* child.stdout;
    const failure = (await fed) ?? ((await ended) || null);
    if (failure !== null) throw new Error(`git ${words[0]} failed: ${failure}`);
  } finally {
    child.kill(); // when the reader left early; does nothing to a process that has ended
  }
}

/**
 * Splits a stream of bytes at a separator and decodes the pieces. The rest behind the last
 * separator is a piece too, unless it is empty.
 */
export async function* tokens(chunks, separator) {
  const mark = separator.charCodeAt(0);
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    for (let end; (end = bytes.indexOf(mark, start)) !== -1; start = end + 1)
      yield utf8.decode(bytes.subarray(start, end));
    rest = bytes.subarray(start);
  }
  if (rest.length > 0) yield utf8.decode(rest);
}
