// A pending request keeps the process running: otherwise a top-level await ends it with code 13.
import { FactstrMemoryStore } from '../../lib/index.mjs';

const store = new FactstrMemoryStore();
const answer = await store.appendAsync([{ event_type: 'a', payload: 1 }]);
await store.queryAsync();
console.log(answer.last_sequence_number);
