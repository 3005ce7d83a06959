import { FactstrSqliteStore } from '@factstr/factstr-node';

const store = new FactstrSqliteStore(process.argv[2] ?? 'hello.db');
const seat = { filters: [{ event_types: ['SeatReserved'], payload_predicates: [{ seat: 'A1' }] }] };
const fact = { event_type: 'SeatReserved', payload: { seat: 'A1', by: 'Ada' } };

const { current_context_version } = store.query(seat); // nothing yet
console.log(store.appendIf([fact], seat, current_context_version).append_result); // fact 1
console.log(store.appendIf([fact], seat, current_context_version).conflict); // somebody was first: version 1
store.close();
