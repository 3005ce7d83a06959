'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { eachStore, facts, noHandleIsLeftOpen, ofType, withCode } = require('./stores.js');

noHandleIsLeftOpen();

const unless = (type, after) => ({ fail_if_events_match: ofType(type), after });

eachStore('append_when', (open) => {
  test('it appends when every condition holds, and else names the first that does not', async (t) => {
    // G9 G10
    const store = open(t);
    assert.deepEqual(store.appendWhen(facts('a'), [unless('a'), unless('b')]), {
      append_result: { first_sequence_number: 1n, last_sequence_number: 1n, committed_count: 1n },
    });
    assert.deepEqual(store.appendWhen(facts('b'), [unless('b', null), unless('a')]), {
      conflict: { actual_context_version: 1n, condition_index: 1 },
    });
    assert.deepEqual(await store.appendWhenAsync(facts('b'), [unless('a', 0n)]), {
      conflict: { actual_context_version: 1n, condition_index: 0 },
    });
    assert.ok((await store.appendWhenAsync(facts('b'), [unless('a', 1n)])).append_result);
    assert.ok(store.appendWhen(facts('a'), [unless('b', 2n ** 63n - 1n)]).append_result);
    assert.ok(store.appendWhen(facts('a'), []).append_result);
    assert.equal(store.query().event_records.length, 4);
  });

  test('what is no condition is refused by its name, and nothing is written', async (t) => {
    // G13
    const store = open(t);
    for (const [conditions, name] of [
      [undefined, 'conditions'],
      [{}, 'conditions'],
      ['[]', 'conditions'],
      [[, unless('a')], 'conditions[0]'], // eslint-disable-line no-sparse-arrays
      [[{}], 'conditions[0].fail_if_events_match'],
      [[{ fail_if_events_match: null }], 'conditions[0].fail_if_events_match'],
      [[unless('a'), unless('a', 1)], 'conditions[1].after'],
      [[unless('a', -1n)], 'conditions[0].after'],
      [[unless('a', 2n ** 63n)], 'conditions[0].after'],
      [
        [{ fail_if_events_match: { filters: [{ event_types: [7] }] } }],
        'conditions[0].fail_if_events_match.filters[0].event_types[0]',
      ],
      [
        [{ fail_if_events_match: { filters: [{ payload_predicates: [{ k: NaN }] }] } }],
        'conditions[0].fail_if_events_match.filters[0].payload_predicates[0]',
      ],
    ]) {
      const refused = withCode('InvalidArgument', ({ message }) => message.includes(name));
      assert.throws(() => store.appendWhen(facts('a'), conditions), refused, name);
      await assert.rejects(store.appendWhenAsync(facts('a'), conditions), refused, name);
    }
    assert.throws(() => store.appendWhen([], [unless('a')]), withCode('EmptyAppend'));
    assert.equal(store.query().event_records.length, 0);
  });

  test('of promises that race for the last place exactly one wins', async (t) => {
    // G11
    const store = open(t);
    const answers = await Promise.all(
      Array.from({ length: 32 }, () => store.appendWhenAsync(facts('place'), [unless('place')])),
    );
    assert.equal(answers.filter(({ append_result }) => append_result).length, 1);
    assert.ok(answers.every(({ conflict }) => !conflict || conflict.actual_context_version === 1n));
  });
});
