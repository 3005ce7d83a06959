// One of two programs that each try to take the review of a commit. Only one of them can.
//
//   node race.mjs STORE COMMIT
//
// It reads the context, prints "ready", waits for a line on standard input, and then decides by
// what it has read. The Python program beside it does the same at the same time.
import { once } from 'node:events';
import { openStore } from './stores.mjs';

const [storeName, commit] = process.argv.slice(2);
const store = openStore(storeName);

const reviewsOfCommit = {
  filters: [{ event_types: ['ReviewTaken'], payload_predicates: [{ commit }] }],
};
const seen = store.query(reviewsOfCommit).current_context_version;
console.log('ready');
await once(process.stdin, 'data');
process.stdin.destroy();

const fact = { event_type: 'ReviewTaken', payload: { commit, by: 'Node' } };
const { append_result: appended, conflict } = store.appendIf([fact], reviewsOfCommit, seen);
if (conflict === undefined) {
  console.log(
    `Node won: it expected ${shown(seen)} and appended fact ${appended.first_sequence_number}`,
  );
} else {
  const { expected_context_version: expected, actual_context_version: actual } = conflict;
  console.log(
    `Node got the conflict: it expected ${shown(expected)}, the context is at ${shown(actual)}`,
  );
}
store.close();

function shown(version) {
  return version === undefined || version === null ? 'no such fact' : `version ${version}`;
}
