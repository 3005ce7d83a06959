/**
 * A projection that keeps its position with what it made: each event counts exactly once.
 * `client` is a connected Client of pg, which nothing else uses.
 */
export async function follow(store, client) {
  // One transaction. Its first statement lets programs in one after another: IF NOT EXISTS fails
  // where two of them make a table at once.
  await client.query(`
    SELECT pg_advisory_xact_lock(hashtext('totals'));
    CREATE TABLE IF NOT EXISTS place (projection text PRIMARY KEY, position bigint);
    CREATE TABLE IF NOT EXISTS totals (event_type text PRIMARY KEY, events bigint);
    INSERT INTO place VALUES ('totals', 0) ON CONFLICT DO NOTHING`);
  const move = "UPDATE place SET position = $1 WHERE projection = 'totals' AND position = $2";
  const count = `INSERT INTO totals VALUES ($1, 1)
    ON CONFLICT (event_type) DO UPDATE SET events = totals.events + 1`;
  const place = await client.query("SELECT position FROM place WHERE projection = 'totals'");
  let after = BigInt(place.rows[0].position);
  for await (const batch of store.stream({ after })) {
    await client.query('BEGIN');
    if ((await client.query(move, [batch.position, after])).rowCount !== 1) {
      throw new Error('another program counts, too');
    }
    for (const { event_type } of batch) await client.query(count, [event_type]);
    await client.query('COMMIT');
    after = batch.position;
  }
}
