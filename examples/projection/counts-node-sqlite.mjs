/**
 * A projection that keeps its position with what it made: each event counts exactly once.
 * `database` is a DatabaseSync of node:sqlite.
 */
export async function follow(store, database) {
  database.exec('CREATE TABLE IF NOT EXISTS place (position INTEGER NOT NULL)');
  database.exec('CREATE TABLE IF NOT EXISTS totals (event_type TEXT PRIMARY KEY, events INTEGER)');
  database.exec('INSERT INTO place SELECT 0 WHERE NOT EXISTS (SELECT * FROM place)');
  const move = database.prepare('UPDATE place SET position = ? WHERE position = ?');
  const count = database.prepare(
    'INSERT INTO totals VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1',
  );
  let after = BigInt(database.prepare('SELECT position FROM place').get().position);
  for await (const batch of store.stream({ after })) {
    database.exec('BEGIN IMMEDIATE');
    if (move.run(batch.position, after).changes !== 1) {
      throw new Error('another program counts, too');
    }
    for (const { event_type } of batch) count.run(event_type);
    database.exec('COMMIT');
    after = batch.position;
  }
}
