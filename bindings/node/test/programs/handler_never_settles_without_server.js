// A handler that never settles, with batches waiting behind it, keeps no process running after
// close(), also if the server has stopped to answer. The end of standard input says that it has.
const { openPlace } = require('../open_place.js');

const store = openPlace(JSON.parse(process.argv[2]));
process.stdin.resume().once('end', () => {
  process.on('exit', () => console.log('done'));
  store.close();
});
store.streamAll(async () => {
  setTimeout(() => console.log('ready'), 100); // when the others wait in JavaScript
  await new Promise(() => {});
});
for (let i = 0; i < 3; i++) {
  store.append([{ event_type: 'a', payload: i }]);
}
