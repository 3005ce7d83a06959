// A program that ends without closing its store: what its durable stream handled is not handled
// again.
const { openPlace } = require('../open_place.js');

const store = openPlace(JSON.parse(process.argv[2]));
store.append([{ event_type: 'a', payload: 1 }]);
store
  .streamAllDurable({ name: 'model' }, (events) => {
    console.log(events[0].sequence_number);
  })
  .then((subscription) => subscription.unref());
