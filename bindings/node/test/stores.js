'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe } = require('node:test');

const { FactstrError } = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { allClosed } = require('../lib/open_streams.js');
const { openPlace } = require('./open_place.js');
const { patience } = require('./until.js');

const endings = new WeakMap();

/**
 * Runs `end` after the test, before what was registered earlier: a store is closed before its
 * folder goes.
 */
function atEnd(t, end) {
  if (!endings.has(t)) {
    const ends = [];
    endings.set(t, ends);
    t.after(async () => {
      while (ends.length > 0) {
        await ends.pop()();
      }
    });
  }
  endings.get(t).push(end);
}

/**
 * An empty folder that goes away with the test. Windows removes no file that is open, and a close
 * that gave up on a handler goes on after its Timeout.
 */
function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'factstr-node-'));
  const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 * patience };
  atEnd(t, () => fs.promises.rm(made, removal));
  return made;
}

function closedAfter(t, store) {
  atEnd(t, async () => {
    const ended = allClosed(store);
    store.close();
    await ended;
  });
  return store;
}

/** The PostgreSQL database of the tests. Without one they fail: they are not left out silently. */
function databaseUrl() {
  const url = process.env.DATABASE_URL;
  assert.ok(
    url,
    'DATABASE_URL must name a PostgreSQL database that the tests may fill: go run ./tools/pgserver -- node --test bindings/node/test/*.test.js',
  );
  return url;
}

/** A name that nothing else on the server has. */
function newName() {
  return `node_${randomBytes(8).toString('hex')}`;
}

/**
 * The name of a database that goes away with the test, where psql is at hand; else it goes with the
 * server.
 */
function newDatabase(t) {
  const name = newName();
  atEnd(t, () =>
    spawnSync('psql', ['-qX', '-c', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, databaseUrl()]),
  );
  return name;
}

// Where a new store of each kind is to be opened.
const places = {
  memory: (t, options) => ({ store: 'FactstrMemoryStore', args: [options] }),
  sqlite: (t, options) => ({
    store: 'FactstrSqliteStore',
    args: [path.join(folder(t), 'facts.sqlite'), options],
  }),
  postgres: (t, options) => ({
    store: 'FactstrPostgresStore',
    args: [databaseUrl(), { schema: newName(), ...options }],
  }),
};

function openAt(t, place) {
  return closedAfter(t, openPlace(place));
}

function openMemory(t, options) {
  return openAt(t, places.memory(t, options));
}

function openSqlite(t, options, file = path.join(folder(t), 'facts.sqlite')) {
  return openAt(t, { store: 'FactstrSqliteStore', args: [file, options] });
}

function openPostgres(t, options) {
  return openAt(t, places.postgres(t, options));
}

/** Defines the same tests for every store. */
function eachStore(topic, define) {
  for (const [kind, place] of Object.entries(places)) {
    describe(`${topic}, ${kind}`, () => define((t, options) => openAt(t, place(t, options))));
  }
}

/**
 * Defines the same tests for every place that several threads or processes can open, one after the
 * other or together.
 */
function eachSharedPlace(topic, define) {
  for (const kind of ['sqlite', 'postgres']) {
    describe(`${topic}, ${kind}`, () => define(places[kind]));
  }
}

/** Ends a test file with the proof that nothing was left open in the library. */
function noHandleIsLeftOpen() {
  after(() =>
    assert.equal(native.openHandles(), 0, 'handles of stores, streams or requests are still open'),
  );
}

/** Matches a FactstrError by its code; the message must say something. */
function withCode(code, more = () => true) {
  return (error) => {
    assert.ok(error instanceof FactstrError, String(error?.stack ?? error));
    assert.equal(error.code, code, error.message);
    assert.match(
      error.name,
      error.code === 'Cancelled' ? /^(AbortError|FactstrError)$/ : /^FactstrError$/,
    );
    assert.ok(error.message.length > 10, `the message says nothing: ${error.message}`);
    return more(error);
  };
}

function facts(...types) {
  return types.map((event_type) => ({ event_type, payload: { type: event_type } }));
}

function ofType(...event_types) {
  return { filters: [{ event_types }] };
}

module.exports = {
  atEnd,
  closedAfter,
  databaseUrl,
  eachSharedPlace,
  eachStore,
  facts,
  folder,
  newDatabase,
  newName,
  noHandleIsLeftOpen,
  ofType,
  openAt,
  openMemory,
  openPostgres,
  openSqlite,
  places,
  withCode,
};
