// Open orders, as one feature sees them: a query model of its own in memory, fed live by streamTo.
// node open_orders.mjs [DATABASE]
import { fileURLToPath } from 'node:url';

import { FactstrSqliteStore } from '@factstr/factstr-node';

const ORDERS = { filters: [{ event_types: ['OrderPlaced', 'OrderShipped'] }] };

/** Who waits for which order. Follows what any process commits. */
export class OpenOrders {
  #customers = new Map();
  #handled = 0n;
  #failure;

  constructor(store) {
    // First the stream, then the past: what is committed in between comes by both, and its number
    // says that it was counted. (streamFrom(0n, ...) does the same in one call.) No handler runs
    // before this function has ended.
    this.subscription = store.streamTo(ORDERS, (batch) => this.#apply(batch), {
      // A live stream goes on behind a batch that failed; this model lacks it from now on.
      onError: (failure) => (this.#failure = failure),
    });
    this.subscription.closed.catch((failure) => (this.#failure = failure));
    this.#apply(store.query(ORDERS).event_records);
  }

  #apply(records) {
    for (const { sequence_number, event_type, payload } of records) {
      if (sequence_number <= this.#handled) continue;
      if (event_type === 'OrderPlaced') this.#customers.set(payload.order, payload.customer);
      else if (!this.#customers.delete(payload.order)) throw new Error(`no order ${payload.order}`);
      this.#handled = sequence_number;
    }
  }

  of(customer) {
    if (this.#failure) {
      throw new Error('the open orders are not known any more', { cause: this.#failure });
    }
    return [...this.#customers].filter(([, each]) => each === customer).map(([order]) => order);
  }
}

/** Appends a fact about an order if there is none of its type, and returns its number. */
async function once(store, event_type, payload) {
  const same = { event_types: [event_type], payload_predicates: [{ order: payload.order }] };
  let number;
  const appended = await store.decide({ filters: [same] }, ({ current_context_version }) => {
    number = current_context_version;
    return number ? undefined : [{ event_type, payload }];
  });
  return appended?.last_sequence_number ?? number;
}

async function main(path = 'orders.db') {
  const store = await FactstrSqliteStore.open(path);
  try {
    const orders = new OpenOrders(store);
    await once(store, 'OrderPlaced', { order: 'o-1', customer: 'Ada' });
    await once(store, 'OrderPlaced', { order: 'o-2', customer: 'Ada' });
    const last = await once(store, 'OrderShipped', { order: 'o-1' });
    await orders.subscription.waitFor(last); // so that what was just appended is seen
    console.log('Ada waits for', ...orders.of('Ada'));
  } finally {
    store.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]);
