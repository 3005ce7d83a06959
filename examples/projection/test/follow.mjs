// Runs a projection in Node until all is counted: follow.mjs RECIPE LOG PLACE LAST [STATEMENTS].
// Over SQLite it kills itself before the statement with that ordinal; over PostgreSQL the test,
// which carries its messages, does. With the word "together" for an ordinal it says when it knows
// its position, and goes on when its input ends.
import { once } from 'node:events';

import { FactstrPostgresStore, FactstrSqliteStore } from '@factstr/factstr-node';

const [recipe, logText, place, lastText, statements] = process.argv.slice(2);
const log = JSON.parse(logText);
const last = BigInt(lastText);
const { follow } = await import(`../counts-${recipe}.mjs`);

let left = Number(statements);
function statement() {
  left -= 1;
  if (left === 0) process.kill(process.pid, 'SIGKILL');
}

const databases = {
  async 'better-sqlite3'() {
    const { default: Database } = await import('better-sqlite3');
    const database = new Database(place, { verbose: statement });
    return { database, end: () => database.close() };
  },
  async 'node-sqlite'() {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(place, { timeout: 5000 });
    return { database: traced(database, 'exec', 'prepare'), end: () => database.close() };
  },
  async pg() {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: place });
    await client.connect();
    return { database: client, end: () => client.end() };
  },
};

/** The object, with a call of `statement` before each of these methods. */
function traced(object, ...names) {
  return new Proxy(object, {
    get(_, name) {
      return (...args) => {
        if (name === 'prepare') return traced(object.prepare(...args), 'run', 'get');
        if (names.includes(name)) statement();
        return object[name](...args);
      };
    },
  });
}

const store = log.path
  ? new FactstrSqliteStore(log.path)
  : new FactstrPostgresStore(log.url, { schema: log.schema });
/** A store whose stream ends behind the last fact of the test. */
const upToLast = {
  async *stream({ after }) {
    if (statements === 'together') {
      process.stdout.write('ready\n');
      await once(process.stdin.resume(), 'end');
    }
    if (after === last) return;
    for await (const batch of store.stream({ after })) {
      yield batch;
      if (batch.position === last) return;
    }
  },
};
const { database, end } = await databases[recipe]();
await follow(upToLast, database);
await end();
store.close();
