// Compiled by tsc --strict, never run: the default import of an ES module.
import factstr, { FactstrMemoryStore } from '@factstr/factstr-node';

const store: FactstrMemoryStore = new factstr.FactstrMemoryStore();
store.query();
