import { FactstrSqliteStore } from '@factstr/factstr-node';

const store = new FactstrSqliteStore(process.argv[2] ?? 'hello.db');
const seat = { filters: [{ event_types: ['SeatReserved'], payload_predicates: [{ seat: 'A1' }] }] };

const seen = store.query(seat); // what this decision depends on
if (seen.event_records.length > 0) {
  console.log('seat A1 is taken');
} else {
  // Two people decide on what was seen. It holds for the first of them only.
  for (const by of ['Ada', 'Ben']) {
    const fact = { event_type: 'SeatReserved', payload: { seat: 'A1', by } };
    const { conflict } = store.appendIf([fact], seat, seen.current_context_version);
    console.log(conflict ? `${by} is too late: seat A1 is taken` : `${by} has seat A1`);
  }
}
store.close();
// prints Ada has seat A1
// prints Ben is too late: seat A1 is taken
