// The parts of docs/node-typescript.md that are TypeScript, each run as a test: against the packed
// package, by tools/try_packages.py.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';

import {
  FactstrError,
  FactstrMemoryStore,
  FactstrSqliteStore,
  type QueryResult,
  type Store,
} from '@factstr/factstr-node';
import { z } from 'zod';

// #region events
interface BankEvents {
  Deposited: { account: string; amount: number };
  Withdrawn: { account: string; amount: number };
  Closed: { account: string };
}

function balance({ event_records }: QueryResult<BankEvents>): number {
  let sum = 0;
  for (const { event_type, payload } of event_records) {
    if (event_type === 'Deposited') sum += payload.amount;
    if (event_type === 'Withdrawn') sum -= payload.amount;
  }
  return sum;
}

async function close(store: Store<BankEvents>, account: string): Promise<void> {
  const context = { filters: [{ payload_predicates: [{ account }] }] };
  await store.decide(context, (seen) => {
    if (balance(seen) !== 0) throw new RangeError(`account ${account} is not empty`);
    return [{ event_type: 'Closed', payload: { account } }];
  });
}
// #endregion

test('events', async (t) => {
  const store = new FactstrMemoryStore<BankEvents>();
  t.after(() => store.close());
  store.append([{ event_type: 'Deposited', payload: { account: 'a1', amount: 50 } }]);
  await assert.rejects(close(store, 'a1'), RangeError);
  store.append([{ event_type: 'Withdrawn', payload: { account: 'a1', amount: 50 } }]);
  await close(store, 'a1');
  assert.equal(store.query().event_records.at(-1)?.event_type, 'Closed');
});

test('schemas', (t) => {
  // #region schemas
  const store = new FactstrMemoryStore({
    schemas: {
      Deposited: z.object({ account: z.string(), amount: z.number().positive() }),
      Closed: z.object({ account: z.string() }),
    },
  });
  try {
    store.append([{ event_type: 'Deposited', payload: { account: 'a1', amount: -5 } }]);
  } catch (error) {
    console.log((error as FactstrError).message);
    // InvalidArgument: events[0].payload.amount: Too small: expected number to be >0
  }
  // #endregion
  t.after(() => store.close());
  assert.throws(
    () => store.append([{ event_type: 'Deposited', payload: { account: 'a1', amount: -5 } }]),
    {
      code: 'InvalidArgument',
      message: 'InvalidArgument: events[0].payload.amount: Too small: expected number to be >0',
    },
  );
  store.append([{ event_type: 'Deposited', payload: { account: 'a1', amount: 5 } }]);
  const [event] = store.query().event_records;
  assert.equal(event?.event_type === 'Deposited' && event.payload.amount, 5);
});

// #region json
/** For JSON.stringify: sequence numbers become strings, which every reader takes as they are. */
function bigIntsAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** A sequence number that a client sent back, such as `?after=17`; undefined if it is none. */
function sequenceNumber(text: string | null): bigint | undefined {
  return text !== null && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}
// #endregion

test('json', (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  store.append([{ event_type: 'Deposited', payload: { amount: 9007199254740993n } }]);
  const text = JSON.stringify(store.query(), bigIntsAsText);
  const { event_records, current_context_version } = JSON.parse(text);
  assert.equal(event_records[0].payload.amount, '9007199254740993');
  assert.equal(sequenceNumber(current_context_version), 1n);
  assert.equal(sequenceNumber('1.5'), undefined);
});

// #region conflict
const contextOf = (account: string) => ({ filters: [{ payload_predicates: [{ account }] }] });

/**
 * GET /accounts/ACCOUNT answers the balance with its version as ETag; POST to it withdraws, if the
 * account is still as it was seen: the version comes back in If-Match.
 */
function accounts(store: Store<BankEvents>) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const account = request.url?.split('/')[2] ?? '';
    const seen = await store.queryAsync(contextOf(account));
    if (request.method === 'GET') {
      const etag = `"${seen.current_context_version ?? 0n}"`;
      response.writeHead(200, { etag }).end(JSON.stringify({ balance: balance(seen) }));
      return;
    }
    const version = sequenceNumber(request.headers['if-match']?.replaceAll('"', '') ?? null);
    const { conflict } = await store.appendIfAsync(
      [{ event_type: 'Withdrawn', payload: { account, amount: 10 } }],
      contextOf(account),
      version === 0n ? null : version, // null: nothing was there
    );
    if (conflict) {
      const now = conflict.actual_context_version ?? 0n;
      response.writeHead(409).end(`the account is at ${now} by now: read it again`);
    } else {
      response.writeHead(201).end();
    }
  };
}
// #endregion

test('a conflict is 409', async (t) => {
  const store = new FactstrMemoryStore<BankEvents>();
  t.after(() => store.close());
  store.append([{ event_type: 'Deposited', payload: { account: 'a1', amount: 50 } }]);
  const server = createServer(accounts(store)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/accounts/a1`;
  const etag = (await fetch(url)).headers.get('etag') ?? '';
  const withdraw = () => fetch(url, { method: 'POST', headers: { 'if-match': etag } });
  assert.equal((await withdraw()).status, 201);
  const late = await withdraw();
  assert.equal(late.status, 409);
  assert.match(await late.text(), /is at 2 by now/);
  assert.deepEqual(await (await fetch(url)).json(), { balance: 40 });
});

test('aborting', async (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  const request = { signal: AbortSignal.abort() };
  const told: string[] = [];
  // #region limits
  try {
    await store.queryAsync({}, { signal: request.signal, timeoutMs: 2_000 });
  } catch (error) {
    if (error instanceof FactstrError && error.name === 'AbortError') {
      told.push('the client is gone'); // error.code is 'Cancelled'
    } else if (error instanceof FactstrError && error.code === 'Timeout') {
      told.push('the store is busy');
    } else {
      throw error;
    }
  }
  // #endregion
  assert.deepEqual(told, ['the client is gone']);
});

test('shutdown', async () => {
  const store = new FactstrMemoryStore<BankEvents>();
  const server = createServer(accounts(store)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const handled: string[] = [];
  const subscription = store.streamAll(async (batch) => {
    await new Promise(setImmediate);
    handled.push(...batch.map(({ event_type }) => event_type));
  });
  store.append([{ event_type: 'Closed', payload: { account: 'a1' } }]);
  // #region shutdown
  async function shutDown(): Promise<void> {
    await new Promise((resolve) => server.close(resolve)); // requests that run are answered
    await store.closeAsync(); // live streams got what was committed, and handlers have returned
  }
  process.once('SIGTERM', () => void shutDown());
  // #endregion
  process.kill(process.pid, 'SIGTERM');
  await subscription.closed;
  assert.deepEqual(handled, ['Closed']);
  assert.throws(() => store.query(), { code: 'StoreClosed' });
});

test('a file: URL', async (t) => {
  const folder = new URL(`file://${process.cwd()}/`);
  // #region url
  const store = new FactstrSqliteStore(new URL('facts.sqlite', folder));
  console.log(store); // FactstrSqliteStore { path: '/.../facts.sqlite', state: 'open' }
  // #endregion
  t.after(() => store.close());
  assert.equal(store.query().event_records.length, 0);
});
