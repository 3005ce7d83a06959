'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { pathToFileURL } = require('node:url');

const { FactstrError } = require('../lib/index.js');
const { isWindows } = require('./skips.js');
const {
  eachStore,
  facts,
  folder,
  noHandleIsLeftOpen,
  openAt,
  openSqlite,
  places,
} = require('./stores.js');

noHandleIsLeftOpen();

const fails = (code, words) => (error) =>
  error instanceof FactstrError && error.code === code && words.test(error.message);

eachStore('operating', (open) => {
  test('a log that only appends have written is sound', async (t) => {
    // G1 G2 G3
    const store = open(t);
    store.append(facts('a', 'b'));
    store.append(facts('c'));
    const { microseconds, index_through, ...report } = await store.verify();
    assert.ok(microseconds >= 0 && index_through === null);
    assert.deepEqual(report, {
      head: 3n,
      facts: 3n,
      batches: 2n,
      cursors: 0,
      findings: [],
      findings_more: 0,
    });
  });

  test('a closed store is neither verified nor copied, and a signal ends both', async (t) => {
    const store = open(t);
    const copy = path.join(folder(t), 'copy.db');
    const signal = AbortSignal.abort();
    await assert.rejects(store.verify({ signal }), fails('Cancelled', /./));
    await assert.rejects(store.backup(copy, { signal }), fails('Cancelled', /./));
    store.close();
    await assert.rejects(store.verify(), fails('StoreClosed', /./));
    await assert.rejects(store.backup(copy), fails('StoreClosed', /./));
    assert.equal(fs.existsSync(copy), false);
  });

  test('bad paths are refused', async (t) => {
    const store = open(t);
    for (const bad of [undefined, 7, 'a\0b', '\ud800', new URL('https://example.com/x')]) {
      await assert.rejects(store.backup(bad), fails('InvalidArgument', /path/), String(bad));
    }
  });
});

test('a backup is made while the store appends, and is a store', async (t) => {
  // G1 G3 G5
  const store = openSqlite(t);
  for (let i = 0; i < 200; i++) {
    store.append(facts('a', 'b', 'c'));
  }
  // Windows has no files with a question mark.
  const to = path.join(folder(t), isWindows ? 'what 100%.db' : 'what? 100%.db');
  const making = store.backup(pathToFileURL(to));
  const answers = [];
  for (let i = 0; i < 50; i++) {
    answers.push(store.appendAsync(facts('late')));
  }
  const { head, bytes } = await making;
  await Promise.all(answers);
  assert.equal(bytes, fs.statSync(to).size);
  assert.ok(head >= 600n && head <= 650n);
  const copy = openSqlite(t, undefined, to);
  const report = await copy.verify();
  assert.deepEqual([report.head, report.facts, report.findings], [head, head, []]);
  assert.deepEqual(copy.query().event_records, store.query({ limit: head }).event_records);
  await assert.rejects(store.backup(to), fails('InvalidArgument', /exists already/));
});

for (const kind of ['sqlite', 'postgres']) {
  test(`a store that only reads sees what others commit, ${kind}`, async (t) => {
    // G1 G5 G15
    const place = places[kind](t);
    const store = openAt(t, place);
    store.append(facts('a', 'b'));
    const [first, options] = place.args;
    const reader = openAt(t, { ...place, args: [first, { ...options, readOnly: true }] });
    assert.deepEqual(reader.query(), store.query());
    const delivered = new Promise((resolve) => {
      reader.streamAll(([record]) => resolve(record.sequence_number));
    });
    store.append(facts('c'));
    assert.equal(await delivered, 3n);
    assert.throws(() => reader.append(facts('d')), fails('ReadOnly', /read_only/));
    await assert.rejects(
      reader.streamAllDurable({ name: 'mine' }, () => {}),
      fails('ReadOnly', /read_only/),
    );
    assert.throws(() => reader.append([]), fails('EmptyAppend', /./));
  });
}

test('what is wrong is found, with its number and what to do', async (t) => {
  // G1
  const file = path.join(folder(t), 'facts.sqlite');
  const store = openSqlite(t, undefined, file);
  store.append(facts('a', 'b'));
  store.append([{ event_type: 'a', payload: { mark: 'recognized' } }]);
  await new Promise((settled) => {
    store.streamAll(() => {}).closed.then(settled);
    store.close();
  });
  const content = fs.readFileSync(file);
  content.write('"mark";', content.indexOf('"mark":"recognized"'));
  fs.writeFileSync(file, content);
  const { findings } = await openSqlite(t, undefined, file).verify();
  const [found] = findings;
  assert.deepEqual([found.kind, found.first, found.last], ['damaged_fact', 3n, 3n]);
  assert.match(found.message, /restore a backup/);
});
