import factstr from './index.js';

export const {
  EventStreamSubscription,
  FactstrError,
  FactstrMemoryStore,
  FactstrPostgresStore,
  FactstrSqliteStore,
  configure,
} = factstr;

export default factstr;
