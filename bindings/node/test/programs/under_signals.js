// Uses a store in every way while signals come, until standard input ends. Handlers are installed
// after the import, as every ES module does.
const os = require('node:os');
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const { openPlace } = require('../open_place.js');

let over = false;

async function useStore(place) {
  const store = openPlace(place);
  store.streamAll(() => {});
  await store.streamAllDurable({ name: isMainThread ? 'main' : 'worker' }, async () => {});
  while (!over) {
    store.append([{ event_type: 'a', payload: { k: [1, { deep: [2] }] } }]);
    store.query({ filters: [{ event_types: ['a'], payload_predicates: [{ k: [1] }] }], limit: 2 });
    await Promise.all(
      Array.from({ length: 16 }, (_, i) => store.appendAsync([{ event_type: 'b', payload: i }])),
    );
    await store.queryAsync({ limit: 1 });
  }
  store.close();
}

if (isMainThread) {
  const place = JSON.parse(process.argv[2]);
  let handled = 0;
  for (const name of Object.keys(os.constants.signals)) {
    try {
      process.on(name, () => handled++);
    } catch {
      // Node keeps some for itself.
    }
  }
  const worker = new Worker(__filename, { workerData: place });
  process.stdin.on('end', () => {
    over = true;
    worker.postMessage('over');
  });
  process.stdin.resume();
  useStore(place).then(() => {
    process.on('exit', () => console.log(handled > 0 ? 'handled' : 'no signal came'));
  });
  console.log('ready');
} else {
  require('node:worker_threads').parentPort.once('message', () => (over = true));
  useStore(workerData);
}
