// Imports the history of a git repository as facts, one CommitRecorded per commit and one TagCreated per tag:
//
//   node import.mjs STORE REPOSITORY [REVISION]
//
// Importing again adds only what is new. An import that was killed goes on where it stopped, and two at the same time do not record a commit
// twice: each batch is appended on the condition that none of its commits is recorded.
import { FactstrSqliteStore } from '@factstr/factstr-node';
import { commitFacts, countCommits, tagFacts } from './git.mjs';
import { Progress } from './progress.mjs';

const [storePath, repository, revision = 'HEAD'] = process.argv.slice(2);
if (repository === undefined) {
  console.error('usage: node import.mjs STORE REPOSITORY [REVISION]');
  process.exit(2);
}

// What makes a fact the same fact: its identity is the part of its payload that no other fact of its type has.
const COMMIT = { type: 'CommitRecorded', identity: ({ hash }) => ({ hash }) };
const TAG = { type: 'TagCreated', identity: ({ name, commit }) => ({ name, commit }) };

// A batch is also cut at this many characters, since a store takes 64 MiB at once.
const BATCH_CHARACTERS_MAX = 16 << 20;

/** Appends those facts of a batch that are not recorded yet and tells how many they were. */
function appendMissing(store, batch, kind) {
  let missing = batch;
  while (missing.length > 0) {
    const context = {
      filters: [{ event_types: [kind.type], payload_predicates: missing.map((fact) => kind.identity(fact.payload)) }],
    };
    // Without an expected version the append succeeds only if no fact matches the context.
    const { conflict } = store.appendIf(missing, context);
    if (conflict === undefined) return missing.length;
    const recorded = new Set(store.query(context).event_records.map((record) => key(record, kind)));
    missing = missing.filter((fact) => !recorded.has(key(fact, kind)));
  }
  return 0;
}

function key(fact, kind) {
  return JSON.stringify(kind.identity(fact.payload));
}

async function* inBatches(facts, size) {
  let batch = [];
  let characters = 0;
  for await (const fact of facts) {
    batch.push(fact);
    characters += JSON.stringify(fact.payload).length;
    if (batch.length === size || characters >= BATCH_CHARACTERS_MAX) {
      yield batch;
      batch = [];
      characters = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

// For tests: the process ends as if the power had gone, right after it appended so many batches.
const killAfterBatches = Number(process.env.IMPORT_KILL_AFTER_BATCHES ?? Infinity);

const store = new FactstrSqliteStore(storePath);
const total = await countCommits(repository, revision);
const batchSize = Math.min(Math.max(Math.floor(total / 20), 1), 100);
const progress = new Progress(total, 'commits');

let read = 0;
let imported = 0;
let appended = 0;
for await (const batch of inBatches(commitFacts(repository, revision), batchSize)) {
  const added = appendMissing(store, batch, COMMIT);
  read += batch.length;
  imported += added;
  appended += added > 0 ? 1 : 0;
  if (appended === killAfterBatches) process.kill(process.pid, 'SIGKILL');
  progress.show(read);
}

let tagsRead = 0;
let tagsImported = 0;
for await (const batch of inBatches(tagFacts(repository), 100)) {
  tagsRead += batch.length;
  tagsImported += appendMissing(store, batch, TAG);
}
store.close();

console.log(
  `imported ${imported} commits and ${tagsImported} tags; ${read - imported} and ${tagsRead - tagsImported} were recorded before`,
);
