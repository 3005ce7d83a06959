// process.exit() inside a handler, with streams, requests and another delivery under way.
const { openPlace } = require('../open_place.js');

const store = openPlace(JSON.parse(process.argv[2]));
store.streamAll(() => {
  for (let i = 0; i < 100; i++) {
    store.appendAsync([{ event_type: 'b', payload: i }]);
  }
  process.exit(7);
});
store.streamAllDurable({ name: 'model' }, () => new Promise(() => {}));
store.append([{ event_type: 'a', payload: 1 }]);
