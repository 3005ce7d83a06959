// An open stream keeps the process running until it is unsubscribed. It waits for a line so that
// nothing but the stream decides.
const { openPlace } = require('../open_place.js');

const store = openPlace(JSON.parse(process.argv[2]));
const subscription = store.streamAll((events) => {
  console.log(events[0].event_type);
  subscription.unsubscribe();
});
console.log('open');
