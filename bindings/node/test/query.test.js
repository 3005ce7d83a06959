'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { eachStore, facts, noHandleIsLeftOpen, ofType } = require('./stores.js');

noHandleIsLeftOpen();

function types(result) {
  return result.event_records.map((record) => record.event_type).join(' ');
}

eachStore('query', (open) => {
  test('a query of an empty store returns no records and no versions', (t) => {
    // G8
    const result = open(t).query();
    assert.deepEqual(result, { event_records: [] });
    assert.equal(result.current_context_version, undefined);
  });

  test('a record has exactly the four fields of the contract', (t) => {
    const store = open(t);
    store.append(facts('a'));
    const [record] = store.query().event_records;
    assert.deepEqual(Object.keys(record), [
      'sequence_number',
      'occurred_at',
      'event_type',
      'payload',
    ]);
    assert.equal(typeof record.sequence_number, 'bigint');
  });

  test('the cursor and the limit change the returned rows only', (t) => {
    // G7 G8
    const store = open(t);
    store.append(facts('a', 'b', 'c', 'd'));
    for (const limit of [2, 2n]) {
      const result = store.query({ min_sequence_number: 1n, limit });
      assert.equal(types(result), 'b c');
      assert.equal(result.last_returned_sequence_number, 3n);
      assert.equal(result.current_context_version, 4n);
    }
    assert.deepEqual(store.query({ min_sequence_number: 4n }), {
      event_records: [],
      current_context_version: 4n,
    });
  });

  test('undefined and null mean absent in every optional field', (t) => {
    // G12
    const store = open(t);
    store.append(facts('a', 'b'));
    const everything = [
      undefined,
      null,
      {},
      { filters: null, min_sequence_number: null, limit: null },
      { filters: undefined, min_sequence_number: undefined, limit: undefined },
      { filters: [] },
      { filters: [{}] },
      { filters: [{ event_types: null, payload_predicates: undefined }] },
      { misspelt: 1, filters: [{ misspelt: 2 }] },
    ];
    for (const query of everything) {
      assert.equal(types(store.query(query)), 'a b', JSON.stringify(query));
    }
  });

  test('present and empty lists match nothing', (t) => {
    // G12
    const store = open(t);
    store.append(facts('a'));
    assert.deepEqual(store.query({ filters: [{ event_types: [] }] }), { event_records: [] });
    assert.deepEqual(store.query({ filters: [{ payload_predicates: [] }] }), { event_records: [] });
  });

  test('filters are alternatives, and type and predicate of one filter must both hold', (t) => {
    // G12 G13
    const store = open(t);
    store.append([
      { event_type: 'a', payload: { tags: ['x', 'y'], n: 1 } },
      { event_type: 'a', payload: { tags: ['z'], n: 1 } },
      { event_type: 'b', payload: { tags: ['x'], n: 2 } },
      { event_type: 'c', payload: 5 },
    ]);
    const result = store.query({
      filters: [
        { event_types: ['a'], payload_predicates: [{ tags: ['x'] }] },
        { payload_predicates: [5] },
      ],
    });
    assert.deepEqual(
      result.event_records.map((record) => record.sequence_number),
      [1n, 4n],
    );
  });

  test('the promise resolves with the same result', async (t) => {
    const store = open(t);
    store.append(facts('a', 'b', 'a'));
    for (const query of [undefined, ofType('a'), { limit: 1 }]) {
      assert.deepEqual(await store.queryAsync(query), store.query(query));
    }
  });
});
