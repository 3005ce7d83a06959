// The first steps with FACTSTR in Node: node quickstart.mjs [DATABASE]
import { FactstrSqliteStore } from '@factstr/factstr-node';

const store = new FactstrSqliteStore(process.argv[2] ?? 'quickstart.db');

// Facts are appended in batches. A batch is committed whole or not at all.
const appended = store.append([
  { event_type: 'ConcertAnnounced', payload: { concert: 'c-7', seats: ['A1', 'A2', 'A3'] } },
  { event_type: 'SeatReserved', payload: { concert: 'c-7', seat: 'A1', by: 'Ada' } },
]);
console.log(`appended facts ${appended.first_sequence_number} to ${appended.last_sequence_number}`);

// Before a decision, read the facts that matter to it: its context. Here, whether seat A2 is reserved.
const seatA2 = {
  filters: [{ event_types: ['SeatReserved'], payload_predicates: [{ concert: 'c-7', seat: 'A2' }] }],
};
const before = store.query(seatA2);
console.log(`seat A2: ${before.event_records.length} facts, version ${before.current_context_version ?? 'none'}`);

// The decision is appended only if the context is still what was read. Ben is first, Cleo decided on the same view and is too late.
for (const by of ['Ben', 'Cleo']) {
  const fact = { event_type: 'SeatReserved', payload: { concert: 'c-7', seat: 'A2', by } };
  const { append_result, conflict } = store.appendIf([fact], seatA2, before.current_context_version);
  if (conflict) {
    const { expected_context_version, actual_context_version } = conflict;
    console.log(`${by} is too late: expected version ${expected_context_version ?? 'none'}, found version ${actual_context_version}`);
  } else {
    console.log(`${by} has seat A2: fact ${append_result.first_sequence_number}`);
  }
}

// A durable stream delivers what was committed after its stored cursor and then goes on live. It resolves when the replay is done.
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
store.append([{ event_type: 'SeatReserved', payload: { concert: 'c-7', seat: 'A3', by: 'Dora' } }]);
await readSeatPlan();
store.close();
