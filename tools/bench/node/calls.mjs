// The Node half of the bench:
// node calls.mjs STORE PATH CALL BATCH CALLERS PAYLOAD_BYTES SECONDS EVENTS
// tools/bench/c/calls.c says what the arguments mean. STORE may also be better-sqlite3 or
// node:sqlite, see handmade.mjs. CALL is also fill, which fills a log with EVENTS facts.
import { createRequire } from 'node:module';
import { handmade } from './handmade.mjs';

const TYPES = 10;
const FACTS_OF_ACCOUNT = 100;
const TIMED_MAX = 300;

const [name, path, call, batch, callers, payloadBytes, seconds, events] = process.argv
  .slice(2)
  .map((text, i) => (i < 3 ? text : Number(text)));
const accounts = Math.max(1, Math.floor(events / FACTS_OF_ACCOUNT));
const drawn = (below) => Math.floor(Math.random() * below);

function fact(type, account, bytes = payloadBytes) {
  const accountId = `account-${String(account).padStart(8, '0')}`;
  const around = `{"accountId":"${accountId}","filler":""}`.length;
  const filler = 'x'.repeat(Math.max(0, bytes - around));
  return { event_type: `type-${type}`, payload: { accountId, filler } };
}

// One way to call each store: what is appended and read are facts, a context is an account and
// maybe a type, and a version is what the store calls so. Those of a store with a promise form are
// awaited, since then callers at once share what a commit costs.
function ours() {
  const factstr = createRequire(import.meta.url)('../../../bindings/node');
  const options = { resultBytesMax: 8_000_000_000 };
  const store =
    name === 'memory'
      ? new factstr.FactstrMemoryStore(options)
      : new factstr.FactstrSqliteStore(path, options);
  const context = (account, type, limit) => ({
    filters: [
      {
        ...(type === undefined ? {} : { event_types: [`type-${type}`] }),
        payload_predicates: [{ accountId: fact(0, account).payload.accountId }],
      },
    ],
    ...(limit === undefined ? {} : { limit }),
  });
  return {
    append: (facts) => store.append(facts),
    newest: (account) => store.query(context(account, undefined, 1)).current_context_version,
    read(account, type) {
      const { event_records, current_context_version } = store.query(context(account, type));
      return { found: event_records.length, version: current_context_version };
    },
    appendIf: (facts, account, type, version) =>
      store.appendIf(facts, context(account, type), version).append_result.last_sequence_number,
    newestAsync: async (account) =>
      (await store.queryAsync(context(account, undefined, 1))).current_context_version,
    appendIfAsync: async (facts, account, type, version) =>
      (await store.appendIfAsync(facts, context(account, type), version)).append_result
        .last_sequence_number,
    readAll: () => store.query().event_records.length,
    async replay() {
      let count = 0;
      const stream = await store.streamAllDurable(
        { name: `replay-node-${Date.now()}` },
        (facts) => {
          count += facts.length;
        },
      );
      stream.unsubscribe();
      await stream.closed;
      return count;
    },
    async replayIterated() {
      let count = 0;
      for await (const batch of store.stream({ durable: { name: `replay-node-${Date.now()}` } })) {
        count += batch.length;
        if (count >= events) break;
      }
      return count;
    },
    appendAsync: (facts) => store.appendAsync(facts),
    decide: (account, fn) => store.decide(context(account), fn),
    close: () => store.close(),
  };
}

const store = name === 'memory' || name === 'sqlite' ? ours() : await handmade(name, path);

// Callers at once are promises; a single one calls synchronously, as a script would.
async function rateOfCallers() {
  const start = performance.now();
  const end = start + seconds * 1000;
  let calls = 0;
  const facts = (n, account) =>
    Array.from({ length: batch }, (_, i) => fact((n + i) % TYPES, account));
  function callOnce(n, version) {
    if (call === 'append') return void store.append(facts(n, n % 1000));
    if (call === 'conditional') return store.appendIf(facts(n, 0), 0, undefined, version);
    const account =
      call === 'decide-fresh' ? 1_000_000 + n : call === 'decide-existing' ? n % 100 : 0;
    return store.appendIf(facts(n, account), account, undefined, store.newest(account));
  }
  async function callAtOnce(account) {
    let version;
    for (let n = 0; performance.now() < end; n++, calls++) {
      if (call === 'awaits') {
        await store.appendAsync(facts(n, account));
        continue;
      }
      if (call !== 'conditional') version = await store.newestAsync(account);
      version = await store.appendIfAsync(facts(n, account), account, undefined, version);
    }
  }
  if (callers > 1) {
    await Promise.all(Array.from({ length: callers }, (_, i) => callAtOnce(i)));
  } else {
    for (let version; performance.now() < end; calls++) version = callOnce(calls, version);
  }
  return (calls * batch) / ((performance.now() - start) / 1000);
}

const PIECES = 50;

// Callers decide at once on one stock of 50 after the other; each gets a piece or learns that all
// are sold. One that gives up ends the program.
async function sellOut() {
  const start = performance.now();
  let stocks = 0;
  for (; stocks === 0 || performance.now() < start + seconds * 1000; stocks++) {
    const sell = ({ event_records }) => (event_records.length < PIECES ? [fact(0, stocks)] : []);
    const bought = await Promise.all(
      Array.from({ length: callers }, () => store.decide(stocks, sell)),
    );
    const sold = bought.filter((result) => result !== undefined).length;
    if (sold !== PIECES) throw new Error(`${sold} of ${PIECES} pieces were sold`);
  }
  return (stocks * callers) / ((performance.now() - start) / 1000);
}

function timed() {
  const times = [];
  // Queries that do not count, while the store reads what its index does not cover yet.
  for (const warm = performance.now() + seconds * 1000; performance.now() < warm;) {
    store.read(drawn(accounts), drawn(TYPES));
  }
  const end = performance.now() + seconds * 1000;
  while (times.length < TIMED_MAX && (times.length === 0 || performance.now() < end)) {
    const account = drawn(accounts);
    const type = drawn(TYPES);
    let begun = performance.now();
    const { found, version } = store.read(account, type);
    if (found < FACTS_OF_ACCOUNT / TYPES) throw new Error(`a query found ${found} facts`);
    if (call === 'select-append') {
      begun = performance.now();
      store.appendIf([fact(type, account)], account, type, version);
    }
    times.push((performance.now() - begun) * 1000);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
}

async function perSecond(work) {
  const start = performance.now();
  const count = await work();
  return count / ((performance.now() - start) / 1000);
}

function fill() {
  for (let from = 0; from < events; from += 1000) {
    const facts = [];
    for (let n = from; n < Math.min(events, from + 1000); n++) {
      facts.push(fact(Math.floor(n / accounts) % TYPES, n % accounts));
    }
    store.append(facts);
  }
  return events;
}

const measured = {
  select: timed,
  'select-append': timed,
  'query-all': () => perSecond(() => store.readAll()),
  replay: () => perSecond(() => store.replay()),
  'replay-iterated': () => perSecond(() => store.replayIterated()),
  'sell-out': sellOut,
  fill: () => perSecond(fill),
};
console.log(await (measured[call] ?? rateOfCallers)());
store.close();
