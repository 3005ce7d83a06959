// Imports the history of a git repository as facts, one CommitRecorded per commit and one
// TagCreated per tag:
//
//   node import.mjs STORE REPOSITORY [REVISION [SHARE/SHARES]]
//
// A second import adds only what is new, also after one that was killed. Two imports at the same
// time do not record a commit twice: each batch is appended on the condition that none of its
// commits is recorded. Give each of several importers a share, such as 1/3, 2/3 and 3/3, so that
// they do not conflict.
import { commitFacts, countCommits, tagFacts } from './git.mjs';
import { Progress } from './progress.mjs';
import { openStore } from './stores.mjs';

const [storeName, repository, revision = 'HEAD', shareOfShares = '1/1'] = process.argv.slice(2);
const [share, shares] = (/^(\d+)\/(\d+)$/.exec(shareOfShares) ?? []).slice(1).map(Number);
if (repository === undefined || !(share >= 1 && share <= shares)) {
  console.error('usage: node import.mjs STORE REPOSITORY [REVISION [SHARE/SHARES]]');
  process.exit(2);
}

// The identity of a fact is a part of its payload. No two facts of a type have the same identity.
const COMMIT = { type: 'CommitRecorded', identity: ({ hash }) => ({ hash }) };
const TAG = { type: 'TagCreated', identity: ({ name, commit }) => ({ name, commit }) };

// How far reading may be ahead of the appends, in facts and in characters.
const WINDOW_FACTS = 1_000;
const WINDOW_CHARACTERS = 16 << 20;

// For tests: the process ends as in a power failure after it has appended this many batches.
const killAfterBatches = Number(process.env.IMPORT_KILL_AFTER_BATCHES ?? Infinity);
let batchesAppended = 0;

/**
 * Appends, in batches, the facts that are not recorded yet, and returns their number. Reports how
 * many are done.
 */
function appendMissing(store, facts, batchSize, kind, report = () => {}) {
  let missing = facts;
  let added = 0;
  while (missing.length > 0) {
    const batch = missing.slice(0, batchSize);
    // Without an expected version the append succeeds only if no fact matches the context.
    const { conflict } = store.appendIf(batch, recordedAs(batch, kind));
    if (conflict === undefined) {
      added += batch.length;
      missing = missing.slice(batch.length);
      batchesAppended += 1;
      if (batchesAppended === killAfterBatches) process.kill(process.pid, 'SIGKILL');
    } else {
      // Another importer recorded a part of the batch. Find out which of the facts read ahead are
      // recorded, and continue with the others.
      const records = store.query(recordedAs(missing, kind)).event_records;
      const recorded = new Set(records.map((record) => key(record, kind)));
      missing = missing.filter((fact) => !recorded.has(key(fact, kind)));
    }
    report(facts.length - missing.length);
  }
  return added;
}

/** The context of a decision to record these facts: the facts with the identity of any of them. */
function recordedAs(facts, kind) {
  return {
    filters: [
      {
        event_types: [kind.type],
        payload_predicates: facts.map((fact) => kind.identity(fact.payload)),
      },
    ],
  };
}

function key(fact, kind) {
  return JSON.stringify(kind.identity(fact.payload));
}

/** Facts are dealt out like cards: of three shares the first has the facts 1, 4, 7 and so on. */
async function* dealt(facts) {
  let number = 0;
  for await (const fact of facts) {
    if (number % shares === share - 1) yield fact;
    number += 1;
  }
}

async function* inWindows(facts) {
  let window = [];
  let characters = 0;
  for await (const fact of facts) {
    window.push(fact);
    characters += JSON.stringify(fact.payload).length;
    if (window.length === WINDOW_FACTS || characters >= WINDOW_CHARACTERS) {
      yield window;
      window = [];
      characters = 0;
    }
  }
  if (window.length > 0) yield window;
}

const store = openStore(storeName);
const total = await countCommits(repository, revision);
const batchSize = Math.min(Math.max(Math.floor(total / 20), 1), 100);
const progress = new Progress(Math.ceil((total - share + 1) / shares), 'commits', shares);

const commits = { read: 0, imported: 0 };
for await (const window of inWindows(dealt(commitFacts(repository, revision)))) {
  commits.imported += appendMissing(store, window, batchSize, COMMIT, (done) =>
    progress.show(commits.read + done),
  );
  commits.read += window.length;
}

const tags = { read: 0, imported: 0 };
for await (const window of inWindows(dealt(tagFacts(repository)))) {
  tags.imported += appendMissing(store, window, 100, TAG);
  tags.read += window.length;
}
store.close();

console.log(
  `imported ${commits.imported} commits and ${tags.imported} tags; ` +
    `${commits.read - commits.imported} and ${tags.read - tags.imported} were recorded before`,
);
