// The parts of docs/node-typescript.md, each run as a test.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';

import { FactstrMemoryStore, FactstrSqliteStore } from '@factstr/factstr-node';

function scratch(t) {
  const folder = mkdtempSync(join(tmpdir(), 'factstr-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'facts.db');
}

const deposited = (account, amount) => ({ event_type: 'Deposited', payload: { account, amount } });

test('open and close', async (t) => {
  const path = scratch(t);
  // #region open
  const store = await FactstrSqliteStore.open(path); // does not block the event loop
  try {
    await store.appendAsync([{ event_type: 'Deposited', payload: { account: 'a1', amount: 50 } }]);
  } finally {
    store.close();
  }
  // #endregion
  const again = new FactstrSqliteStore(path);
  assert.equal(again.query().event_records.length, 1);
  again.close();
});

// #region decide
/** Withdraws if the balance allows it, whoever else deposits and withdraws at the same time. */
async function withdraw(store, account, amount) {
  const context = {
    filters: [{ event_types: ['Deposited', 'Withdrawn'], payload_predicates: [{ account }] }],
  };
  return store.decide(context, ({ event_records }) => {
    const balance = event_records.reduce(
      (sum, { event_type, payload }) =>
        event_type === 'Deposited' ? sum + payload.amount : sum - payload.amount,
      0,
    );
    if (balance < amount) throw new RangeError(`account ${account} has ${balance}`);
    return [{ event_type: 'Withdrawn', payload: { account, amount } }];
  });
}
// #endregion

test('decide', async (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  store.append([deposited('a1', 50)]);
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => withdraw(store, 'a1', 10)),
  );
  const refused = results.filter(({ reason }) => reason instanceof RangeError);
  assert.equal(refused.length, 5);
});

// #region http
/** A handler for POST /accounts/ACCOUNT/withdrawals/AMOUNT */
function withdrawals(store) {
  return async (request, response) => {
    const [, , account, , amount] = request.url.split('/');
    try {
      const { last_sequence_number } = await withdraw(store, account, Number(amount));
      response.writeHead(201).end(`${last_sequence_number}`);
    } catch (error) {
      const status = {
        ConditionalAppendConflict: 409, // others were faster at every attempt
        Busy: 503,
        Timeout: 503,
      }[error.code];
      if (error instanceof RangeError) response.writeHead(422).end(error.message);
      else response.writeHead(status ?? 500).end();
    }
  };
}
// #endregion

test('http', async (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  store.append([deposited('a1', 50)]);
  const server = createServer(withdrawals(store)).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const post = (amount) =>
    fetch(`http://127.0.0.1:${server.address().port}/accounts/a1/withdrawals/${amount}`, {
      method: 'POST',
    });
  assert.equal((await post(20)).status, 201);
  assert.equal((await post(40)).status, 422);
});

test('a view that is kept current', async (t) => {
  const store = new FactstrMemoryStore();
  t.after(() => store.close());
  store.append([deposited('a1', 50)]);
  // #region view
  const balances = new Map();
  const view = await store.streamToDurable(
    { name: 'balances' },
    { filters: [{ event_types: ['Deposited'] }] },
    (batch) => {
      for (const { payload } of batch) {
        balances.set(payload.account, (balances.get(payload.account) ?? 0) + payload.amount);
      }
    },
  );
  // Everything that was there is counted now, and what comes will be.
  // #endregion
  assert.equal(balances.get('a1'), 50);
  view.unsubscribe();
  await view.closed;
});

test('worker threads', async (t) => {
  const path = scratch(t);
  // #region worker
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { path } });
  // #endregion
  const [code] = await once(worker, 'exit');
  assert.equal(code, 0);
  const store = new FactstrSqliteStore(path);
  assert.equal(store.query().event_records.length, 1);
  store.close();
});
