// A stream that was unref'd does not keep the process running; one that was ref'd again does.
const { FactstrMemoryStore } = require('../../lib/index.js');

const store = new FactstrMemoryStore();
store.streamAll(() => {}).unref();
const subscription = store.streamAll(() => {
  console.log('delivered');
  subscription.unsubscribe();
});
subscription.unref().unref().ref().ref();
store.append([{ event_type: 'a', payload: 1 }]);
