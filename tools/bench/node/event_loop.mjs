// How Node's event loop fares beside many appends: CALLERS (1000) loops of `await appendAsync` for
// SECONDS (3) on each store, with a timer, an HTTP server that another thread asks, and live
// streams (STREAMS, 1) in the same process. A delivery's age counts from before its append, which
// waits for those in flight before it; how late it is counts from the commit. `node
// tools/bench/node/event_loop.mjs [memory sqlite postgres]`; postgres needs DATABASE_URL. Node 24
// also tells the processor time between two firings of the timer, which other programs on the
// machine do not disturb.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const factstr = createRequire(import.meta.url)(
  process.env.FACTSTR_NODE ?? '../../../bindings/node',
);
const callers = Number(process.env.CALLERS ?? 1000);
const seconds = Number(process.env.SECONDS ?? 3);
const streams = Number(process.env.STREAMS ?? 1);
const folder = mkdtempSync(join(tmpdir(), 'factstr-loop-'));

const stores = {
  memory: () => new factstr.FactstrMemoryStore(),
  sqlite: () => new factstr.FactstrSqliteStore(join(folder, 'facts.sqlite')),
  postgres: () =>
    factstr.FactstrPostgresStore.open(process.env.DATABASE_URL, { schema: `loop_${process.pid}` }),
};

function spread(times) {
  const sorted = times.sort((a, b) => a - b);
  const at = (share) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN).toFixed(1);
  return `p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms (${sorted.length})`;
}

const asker = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { get, Agent } = require('node:http');
  const agent = new Agent({ keepAlive: true });
  let running = true;
  parentPort.on('message', () => (running = false));
  const ask = () => new Promise((resolve, reject) => get({ port: workerData, agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject));
  (async () => {
    const times = [];
    while (running) {
      const start = performance.now();
      await ask();
      times.push(performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    agent.destroy();
    parentPort.postMessage(times);
    parentPort.close();
  })();`;

async function measure(name) {
  const store = await stores[name]();
  const server = createServer((request, response) => response.end('ok')).listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  const worker = new Worker(asker, { eval: true, workerData: server.address().port });
  const requests = new Promise((resolve, reject) =>
    worker.once('message', resolve).once('error', reject),
  );

  const lateness = [];
  const busy = []; // processor time of this thread between two firings
  const used = () =>
    process.threadCpuUsage ? process.threadCpuUsage() : { user: NaN, system: NaN };
  const ages = [];
  const delays = [];
  let delivered = 0;
  let answered = 0;
  let running = true;
  for (let i = 0; i < streams; i++) {
    store.streamAll((events) => {
      delivered++;
      const now = performance.now();
      ages.push(now - events[0].payload.at);
      delays.push(performance.timeOrigin + now - Date.parse(events[0].occurred_at));
    });
  }
  const timer = (async () => {
    while (running) {
      const due = performance.now() + 1;
      const before = used();
      await sleep(1);
      lateness.push(performance.now() - due);
      const { user, system } = used();
      busy.push((user + system - before.user - before.system) / 1000);
    }
  })();
  await sleep(100);
  lateness.length = 0;
  busy.length = 0;

  const start = performance.now();
  const end = start + seconds * 1000;
  const call = async (i) => {
    while (performance.now() < end) {
      await store.appendAsync([
        {
          event_type: 'reserved',
          payload: { at: performance.now(), by: i, text: 'x'.repeat(200) },
        },
      ]);
      answered++;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => call(i)));
  const rate = answered / ((performance.now() - start) / 1000);
  const behind = answered * streams - delivered;
  running = false;
  worker.postMessage('stop');
  await timer;
  console.log(
    `${name}: ${Math.round(rate)} appends/s; timer late ${spread(lateness)}; HTTP ${spread(await requests)}`,
  );
  console.log(
    `  ${streams} streams: ${delivered} of ${answered * streams} delivered by then, ${behind} behind; age ${spread(ages)}, late ${spread(delays)}`,
  );
  if (process.threadCpuUsage) {
    console.log(`  processor time between two firings: ${spread(busy)}`);
  }
  server.close();
  await store[Symbol.asyncDispose]();
}

const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(stores)) {
  await measure(name);
}
rmSync(folder, { recursive: true, force: true });
