// A store alone, even one that was used and never closed, does not keep the process running.
const { FactstrMemoryStore } = require('../../lib/index.js');

globalThis.store = new FactstrMemoryStore();
globalThis.store.append([{ event_type: 'a', payload: 1 }]);
console.log('done');
