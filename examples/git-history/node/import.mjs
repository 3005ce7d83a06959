// Imports the history of a git repository as facts, one CommitRecorded per commit and one
// TagCreated per tag:
//
//   node import.mjs STORE REPOSITORY [REVISION [SHARE/SHARES]]
//
// Importing again adds only what is new. An import that was killed goes on where it stopped, and
// two at the same time do not record a commit twice: each batch is appended on the condition that
// none of its commits is recorded. Several at once are best dealt a share each, as 1/3, 2/3 and
// 3/3, so that they need not find out who was first.
import { commitFacts, countCommits, tagFacts } from './git.mjs';
import { Progress } from './progress.mjs';
import { openStore } from './stores.mjs';

const [storeName, repository, revision = 'HEAD', shareOfShares = '1/1'] = process.argv.slice(2);
const [share, shares] = (/^(\d+)\/(\d+)$/.exec(shareOfShares) ?? []).slice(1).map(Number);
if (repository === undefined || !(share >= 1 && share <= shares)) {
  console.error('usage: node import.mjs STORE REPOSITORY [REVISION [SHARE/SHARES]]');
  process.exit(2);
}

// The identity of a fact is the part of its payload by which it is known: no two facts of a type
// are recorded with the same one.
const COMMIT = { type: 'CommitRecorded', identity: ({ hash }) => ({ hash }) };
const TAG = { type: 'TagCreated', identity: ({ name, commit }) => ({ name, commit }) };

// So much is read ahead of the appends at most: facts, and characters of them.
const WINDOW_FACTS = 1_000;
const WINDOW_CHARACTERS = 16 << 20;

// For tests: the process ends as if the power had gone, right after it appended so many batches.
const killAfterBatches = Number(process.env.IMPORT_KILL_AFTER_BATCHES ?? Infinity);
let batchesAppended = 0;

/**
 * Appends, in batches, those facts that are not recorded yet. Returns how many they were; reports
 * how many are done.
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
      // Somebody recorded a part of the batch. Ask which ones, for all that was read ahead, and go
      // on with the others.
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
