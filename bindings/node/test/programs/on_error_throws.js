// What onError throws is an uncaught exception.
const { FactstrMemoryStore } = require('../../lib/index.js');

const store = new FactstrMemoryStore();
store.streamAll(() => false, {
  onError: () => {
    throw new Error('from onError');
  },
});
store.append([{ event_type: 'a', payload: 1 }]);
