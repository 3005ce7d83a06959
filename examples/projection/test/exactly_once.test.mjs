// Projections that keep their position in the transaction in which they write what they count:
// whenever they are killed, each event counts once.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { FactstrPostgresStore, FactstrSqliteStore } from '@factstr/factstr-node';
import pg from 'pg';

import { killingRelay } from './killing_relay.mjs';

const here = import.meta.dirname;
const programs = {
  node: [process.execPath, join(here, 'follow.mjs')],
  python: [process.env.PYTHON, join(here, 'follow.py')],
};
const wanted = { a: 6, b: 3, position: 9 };
const totals = 'SELECT event_type, events FROM totals';
const position = "SELECT 'position' AS event_type, position AS events FROM place";

function fill(store) {
  for (const size of [2, 1, 3]) {
    const types = [...Array(size).fill('a'), 'b'];
    store.append(types.map((event_type) => ({ event_type, payload: null })));
  }
  store.close();
}

/** What a log is, and where a projection is to count: gone with the test. */
const places = {
  async sqlite(t) {
    const folder = mkdtempSync(join(tmpdir(), 'factstr-projection-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const log = { path: join(folder, 'log.db') };
    const place = join(folder, 'counts.db');
    fill(new FactstrSqliteStore(log.path));
    const { DatabaseSync } = await import('node:sqlite');
    const rows = async () => {
      const database = new DatabaseSync(place);
      const found = [...database.prepare(totals).all(), ...database.prepare(position).all()];
      database.close();
      return found;
    };
    return { log, place, rows };
  },
  async postgres(t) {
    const url = process.env.DATABASE_URL;
    assert.ok(url, 'DATABASE_URL must name a PostgreSQL database: ./build.sh examples has one');
    const name = `projection_${randomBytes(8).toString('hex')}`;
    const log = { url, schema: `${name}_log` };
    const place = new URL(url);
    place.searchParams.set('options', `-csearch_path=${name}`);
    const client = new pg.Client({ connectionString: place.href });
    await client.connect();
    await client.query(`CREATE SCHEMA ${name}`);
    t.after(async () => {
      await client.query(`DROP SCHEMA ${name}, ${log.schema} CASCADE`);
      await client.end();
    });
    fill(new FactstrPostgresStore(url, { schema: log.schema }));
    const rows = async () => [
      ...(await client.query(totals)).rows,
      ...(await client.query(position)).rows,
    ];
    return { log, place: place.href, rows };
  },
};

/**
 * Starts a program that is killed before its step with the given ordinal, or that waits for another
 * one once it knows its position: 'together'. `end` is how it ends.
 */
async function started(kind, [command, ...args], { log, place }, step) {
  const running = {};
  const relay =
    kind === 'postgres' &&
    step !== 'together' &&
    (await killingRelay(place, step, () => running.child.kill('SIGKILL')));
  const rest = [JSON.stringify(log), relay ? relay.url : place, wanted.position, step];
  const child = spawn(command, [...args, ...rest], { stdio: 'pipe' });
  running.child = child;
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  running.end = once(child, 'close').then(([status, signal]) => {
    if (relay) relay.close();
    return { status, signal, errors };
  });
  return running;
}

async function countedOnce({ rows }) {
  const found = (await rows()).map((row) => [row.event_type, Number(row.events)]);
  assert.deepEqual(Object.fromEntries(found), wanted);
  assert.equal(found.length, 3);
}

for (const [recipe, kind, language] of [
  ['better-sqlite3', 'sqlite', 'node'],
  ['node-sqlite', 'sqlite', 'node'],
  ['pg', 'postgres', 'node'],
  ['psycopg', 'postgres', 'python'],
  ['sqlite3', 'sqlite', 'python'],
]) {
  describe(recipe, { concurrency: true }, () => {
    const program = [...programs[language], recipe];

    // bindings/python/tests/test_exactly_once.py kills that of sqlite3.
    if (recipe !== 'sqlite3') {
      // G19
      test(`${recipe}: each event counts once wherever the program is killed`, async (t) => {
        const place = await places[kind](t);
        let killed = 0;
        for (;;) {
          const { end } = await started(kind, program, place, killed + 1);
          const { status, signal, errors } = await end;
          if (status === 0) break;
          assert.equal(signal, 'SIGKILL', errors);
          killed += 1;
        }
        await countedOnce(place);
        assert.ok(killed > 8, `killed ${killed} times`);
      });
    }

    // G19
    test(`${recipe}: each event counts once though two programs count at once`, async (t) => {
      const place = await places[kind](t);
      const start = () => started(kind, program, place, 'together');
      const both = await Promise.all([start(), start()]);
      // One that ends before it is ready ends the test, too.
      await Promise.all(
        both.map(({ child, end }) => Promise.race([once(child.stdout, 'data'), end])),
      );
      for (const { child } of both) child.stdin.end();
      const ends = await Promise.all(both.map(({ end }) => end));
      ends.sort((a, b) => a.status - b.status);
      assert.equal(ends[0].status, 0, ends[0].errors);
      assert.match(ends[1].errors, /another program counts, too/);
      await countedOnce(place);
    });
  });
}
