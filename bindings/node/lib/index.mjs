import factstr from './index.js';

export const { EventStreamSubscription, FactstrError, FactstrMemoryStore, FactstrSqliteStore, configure } = factstr;
