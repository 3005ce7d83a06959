// The end of a stream can be awaited at the top level after it was unsubscribed.
import { FactstrMemoryStore } from '../../lib/index.mjs';

const store = new FactstrMemoryStore();
const subscription = await store.streamAllDurable({ name: 'model' }, () => {});
subscription.unsubscribe();
await subscription.closed;
console.log('done');
