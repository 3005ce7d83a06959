// A program that ends without closing its store: what its durable stream handled is not handled again.
const { FactstrSqliteStore } = require('../../lib/index.js');

const store = new FactstrSqliteStore(process.argv[2]);
store.append([{ event_type: 'a', payload: 1 }]);
store
  .streamAllDurable({ name: 'model' }, (events) => {
    console.log(events[0].sequence_number);
  })
  .then((subscription) => subscription.unref());
