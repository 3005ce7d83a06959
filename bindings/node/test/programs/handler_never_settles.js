// A handler that never settles, with batches waiting behind it, keeps no process running: neither
// after unsubscribe() nor after close().
const { FactstrMemoryStore } = require('../../lib/index.js');

for (const end of ['unsubscribe', 'close']) {
  const store = new FactstrMemoryStore({ closeTimeoutMs: 100, onLog: null });
  const subscription = store.streamAll(async () => {
    // When the others wait in JavaScript.
    setTimeout(() => (end === 'close' ? store : subscription)[end](), 100);
    await new Promise(() => {});
  });
  for (let i = 0; i < 3; i++) {
    store.append([{ event_type: 'a', payload: i }]);
  }
}
process.on('exit', () => console.log('done'));
