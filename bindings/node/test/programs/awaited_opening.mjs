// An opening keeps the process running: otherwise a top-level await ends it with code 13.
import place from '../open_place.js';

const store = await place.openPlaceAsync(JSON.parse(process.argv[2]));
console.log(store.append([{ event_type: 'a', payload: 1 }]).last_sequence_number);
