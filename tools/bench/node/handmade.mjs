// What an application may write by hand over a SQLite package, to be measured beside: one table,
// and an index of the one property of the payload that it knows decisions to depend on. FACTSTR is
// not told which property that will be. Both commit durably, each call in a transaction.

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS events (
    sequence_number INTEGER PRIMARY KEY, occurred_at TEXT NOT NULL,
    event_type TEXT NOT NULL, payload TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS by_account ON events (payload ->> '$.accountId', event_type);`;

async function open(name, path) {
  if (name === 'node:sqlite') {
    const { DatabaseSync } = await import('node:sqlite');
    return new DatabaseSync(path);
  }
  const { default: Database } = await import(process.env.BENCH_BETTER_SQLITE3);
  return new Database(path);
}

export async function handmade(name, path) {
  const database = await open(name, path);
  database.exec(schema);
  const ofAccount = `FROM events WHERE payload ->> '$.accountId' = ?`;
  const statements = Object.fromEntries(
    Object.entries({
      insert: 'INSERT INTO events (occurred_at, event_type, payload) VALUES (?, ?, ?)',
      newest: `SELECT max(sequence_number) AS version ${ofAccount}`,
      newestOfType: `SELECT max(sequence_number) AS version ${ofAccount} AND event_type = ?`,
      read: `SELECT * ${ofAccount} AND event_type = ? ORDER BY sequence_number`,
      all: 'SELECT * FROM events ORDER BY sequence_number',
      begin: 'BEGIN IMMEDIATE',
      commit: 'COMMIT',
      rollback: 'ROLLBACK',
    }).map(([key, sql]) => [key, database.prepare(sql)]),
  );
  const accountId = (account) => `account-${String(account).padStart(8, '0')}`;
  const newest = (account, type) =>
    type === undefined
      ? statements.newest.get(accountId(account)).version
      : statements.newestOfType.get(accountId(account), `type-${type}`).version;
  const record = (row) => ({ ...row, payload: JSON.parse(row.payload) });

  function transaction(work) {
    statements.begin.run();
    try {
      const result = work();
      statements.commit.run();
      return result;
    } catch (error) {
      statements.rollback.run();
      throw error;
    }
  }

  function insert(facts) {
    let last;
    for (const { event_type, payload } of facts) {
      const row = statements.insert.run(
        new Date().toISOString(),
        event_type,
        JSON.stringify(payload),
      );
      last = row.lastInsertRowid;
    }
    return Number(last);
  }

  return {
    append: (facts) => transaction(() => insert(facts)),
    newest,
    read(account, type) {
      const records = statements.read.all(accountId(account), `type-${type}`).map(record);
      return { found: records.length, version: records.at(-1)?.sequence_number ?? null };
    },
    appendIf: (facts, account, type, version) =>
      transaction(() => {
        if (newest(account, type) !== (version ?? null)) throw new Error('conflict');
        return insert(facts);
      }),
    readAll: () => statements.all.all().map(record).length,
    close: () => database.close(),
  };
}
