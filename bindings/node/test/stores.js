'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe } = require('node:test');

const { FactstrError, FactstrMemoryStore, FactstrSqliteStore } = require('../lib/index.js');
const { native } = require('../lib/native.js');
const { allClosed } = require('../lib/streams.js');

const endings = new WeakMap();

/** Runs `end` after the test, before what was registered earlier: a store is closed before its folder goes. */
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

/** An empty folder that goes away with the test. */
function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'factstr-node-'));
  atEnd(t, () => fs.rmSync(made, { recursive: true, force: true }));
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

function openMemory(t, options) {
  return closedAfter(t, new FactstrMemoryStore(options));
}

function openSqlite(t, options, file = path.join(folder(t), 'facts.sqlite')) {
  return closedAfter(t, new FactstrSqliteStore(file, options));
}

/** Defines the same tests for every store. */
function eachStore(topic, define) {
  describe(`${topic}, memory`, () => define(openMemory));
  describe(`${topic}, sqlite`, () => define(openSqlite));
}

/** Ends a test file with the proof that nothing was left open in the library. */
function noHandleIsLeftOpen() {
  after(() => assert.equal(native.openHandles(), 0, 'handles of stores, streams or requests are still open'));
}

/** Matches a FactstrError by its code; the message must say something. */
function withCode(code, more = () => true) {
  return (error) => {
    assert.ok(error instanceof FactstrError, String(error?.stack ?? error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.name, 'FactstrError');
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

module.exports = { atEnd, closedAfter, eachStore, facts, folder, noHandleIsLeftOpen, ofType, openMemory, openSqlite, withCode };
