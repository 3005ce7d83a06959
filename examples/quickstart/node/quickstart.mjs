// The first steps with FACTSTR in Node: node quickstart.mjs [DATABASE]
import { FactstrSqliteStore } from '@factstr/factstr-node';

const store = new FactstrSqliteStore(process.argv[2] ?? 'quickstart.db');

// Facts are appended in batches. A batch is committed whole or not at all, here only if nobody has
// announced the concert yet.
const announcement = {
  filters: [{ event_types: ['ConcertAnnounced'], payload_predicates: [{ concert: 'c-7' }] }],
};
const first = store.appendIf(
  [
    { event_type: 'ConcertAnnounced', payload: { concert: 'c-7', seats: ['A1', 'A2', 'A3'] } },
    { event_type: 'SeatReserved', payload: { concert: 'c-7', seat: 'A1', by: 'Ada' } },
  ],
  announcement,
  null,
);
if (first.conflict) {
  console.log(`concert c-7 is announced already, by fact ${first.conflict.actual_context_version}`);
} else {
  console.log(
    `appended facts ${first.append_result.first_sequence_number} to ${first.append_result.last_sequence_number}`,
  );
}

// Before a decision, read the facts that matter to it: its context. The decision is appended only
// if that is still what was read.
function reserve(seat, ...people) {
  const context = {
    filters: [{ event_types: ['SeatReserved'], payload_predicates: [{ concert: 'c-7', seat }] }],
  };
  const before = store.query(context);
  if (before.event_records.length > 0) {
    console.log(`seat ${seat} is taken, by fact ${before.current_context_version}`);
    return;
  }
  // They all decide on the same view. The first one's decision changes it.
  for (const by of people) {
    const fact = { event_type: 'SeatReserved', payload: { concert: 'c-7', seat, by } };
    const { append_result, conflict } = store.appendIf(
      [fact],
      context,
      before.current_context_version,
    );
    if (conflict) {
      const { expected_context_version, actual_context_version } = conflict;
      console.log(
        `${by} is too late: expected version ${expected_context_version ?? 'none'}, found version ${actual_context_version}`,
      );
    } else {
      console.log(`${by} has seat ${seat}: fact ${append_result.first_sequence_number}`);
    }
  }
}
reserve('A2', 'Ben', 'Cleo');

// A durable stream delivers what was committed after its stored cursor and then goes on live. It
// resolves when the replay is done.
const reservations = { filters: [{ event_types: ['SeatReserved'] }] };
async function readSeatPlan() {
  const subscription = await store.streamToDurable({ name: 'seat-plan' }, reservations, (batch) => {
    for (const { payload } of batch) console.log(`seat plan: ${payload.seat} is ${payload.by}'s`);
  });
  subscription.unsubscribe();
  await subscription.closed;
}
await readSeatPlan();

// Started again, it gets only what it has not handled yet.
reserve('A3', 'Dora');
await readSeatPlan();
store.close();
