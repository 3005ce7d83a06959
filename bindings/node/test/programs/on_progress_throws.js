// What onProgress throws is an uncaught exception, and the registration goes on.
const { FactstrMemoryStore } = require('../../lib/index.js');

let goOn;
process.on('uncaughtException', (error) => {
  console.log(`uncaught: ${error.message}`);
  goOn();
});

const store = new FactstrMemoryStore();
store.append([{ event_type: 'a', payload: 1 }]);
const options = {
  onProgress: () => {
    throw new Error('from onProgress');
  },
};
store
  .streamAllDurable({ name: 'model' }, () => new Promise((resolve) => (goOn = resolve)), options)
  .then((subscription) => {
    console.log('registered');
    subscription.unsubscribe();
  });
