import { workerData } from 'node:worker_threads';

import { FactstrSqliteStore } from '@factstr/factstr-node';

const store = new FactstrSqliteStore(workerData.path); // each thread opens the store for itself
store.append([{ event_type: 'Deposited', payload: { account: 'a1', amount: 50 } }]);
store.close();
