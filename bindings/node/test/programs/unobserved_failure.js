// Failures of handlers that nobody looks at do not end the process.
const { FactstrMemoryStore } = require('../../lib/index.js');

const store = new FactstrMemoryStore();
const live = store.streamAll(() => {
  live.unsubscribe();
  throw new Error('live');
});
Promise.all([
  store.streamAllDurable({ name: 'model' }, async () => {
    throw new Error('durable');
  }),
  store.streamAllDurable({ name: 'other' }, () => false),
]).then(() => {
  store.append([{ event_type: 'a', payload: 1 }]);
});
process.on('exit', () => console.log('done'));
