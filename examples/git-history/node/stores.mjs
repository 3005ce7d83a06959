// Opens the store that an argument names: a PostgreSQL database by its URL, a SQLite database by
// its path.
import { FactstrPostgresStore, FactstrSqliteStore } from '@factstr/factstr-node';

export function openStore(name) {
  return /^postgres(ql)?:\/\//.test(name)
    ? new FactstrPostgresStore(name)
    : new FactstrSqliteStore(name);
}
