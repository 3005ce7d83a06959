'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { eachStore, facts, noHandleIsLeftOpen, ofType, withCode } = require('./stores.js');

noHandleIsLeftOpen();

eachStore('append_if', (open) => {
  test('it appends when the context is unchanged, and null or nothing expects an empty context', (t) => {
    // G9
    const store = open(t);
    assert.deepEqual(store.appendIf(facts('a'), ofType('a'), null), {
      append_result: { first_sequence_number: 1n, last_sequence_number: 1n, committed_count: 1n },
    });
    assert.ok(store.appendIf(facts('b'), ofType('b')).append_result);
    assert.ok(store.appendIf(facts('a'), ofType('a'), 1n).append_result);
  });

  test('a conflict has both versions and writes nothing', (t) => {
    // G2 G10
    const store = open(t);
    store.append(facts('a', 'a'));
    assert.deepEqual(store.appendIf(facts('a'), ofType('a'), 1n), {
      conflict: { expected_context_version: 1n, actual_context_version: 2n },
    });
    assert.deepEqual(store.appendIf(facts('a'), ofType('a'), null), {
      conflict: { actual_context_version: 2n },
    });
    assert.deepEqual(store.appendIf(facts('a'), ofType('b'), 1n), {
      conflict: { expected_context_version: 1n },
    });
    assert.equal(store.append(facts('a')).first_sequence_number, 3n);
  });

  test('the read cursor of the context is ignored', (t) => {
    // G9
    const store = open(t);
    store.append(facts('a'));
    const query = { ...ofType('a'), min_sequence_number: 1n };
    assert.deepEqual(store.appendIf(facts('a'), query, null), {
      conflict: { actual_context_version: 1n },
    });
  });

  test('an append without events is EmptyAppend before its context is checked', async (t) => {
    // G4
    const store = open(t);
    store.append(facts('a'));
    assert.throws(() => store.appendIf([], ofType('a'), null), withCode('EmptyAppend'));
    await assert.rejects(store.appendIfAsync([], ofType('a'), null), withCode('EmptyAppend'));
  });

  test('of 100 racing promises that expect the same version exactly one wins', async (t) => {
    // G11
    const store = open(t);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => store.appendIfAsync(facts('a'), ofType('a'), null)),
    );
    assert.equal(answers.filter((answer) => answer.append_result).length, 1);
    for (const { conflict } of answers.filter((answer) => !answer.append_result)) {
      assert.deepEqual(conflict, { actual_context_version: 1n });
    }
    assert.equal(store.query().event_records.length, 1);
  });
});
