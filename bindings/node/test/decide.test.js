'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { eachStore, facts, noHandleIsLeftOpen, ofType, withCode } = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

eachStore('decide', (open) => {
  test('eighty callers sell a stock of fifty, and none gives up', async (t) => {
    // G9 G10 G11
    const store = open(t);
    // Where a commit takes as long as the longest pause between attempts, the default does not do.
    const options = patience === 1 ? undefined : { attempts: 20 * patience };
    const sell = ({ event_records }) => (event_records.length < 50 ? facts('sold') : undefined);
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => store.decide(ofType('sold'), sell, options)),
    );
    assert.equal(answers.filter((result) => result === undefined).length, 30);
    assert.equal(store.query(ofType('sold')).event_records.length, 50);
  });

  test('a decision is made anew on each conflict, until the attempts are spent', async (t) => {
    // G9 G10
    const store = open(t);
    for (const attempts of [1, 3]) {
      const seen = [];
      const tooLate = async ({ event_records }) => {
        seen.push(event_records.length);
        await store.appendAsync(facts('sold')); // another caller is quicker each time
        return facts('mine');
      };
      await assert.rejects(
        store.decide(ofType('sold'), tooLate, { attempts }),
        withCode(
          'ConditionalAppendConflict',
          ({ conflict }) => typeof conflict.actual_context_version === 'bigint',
        ),
      );
      assert.deepEqual(
        seen,
        Array.from({ length: attempts }, (_, i) => seen[0] + i),
      );
    }
    assert.equal(store.query().event_records.length, 4);
  });

  test('what ends a decision comes as it is, and nothing is written', async (t) => {
    // G13
    const store = open(t);
    const refused = new RangeError('the account has too little');
    const refuse = () => {
      throw refused;
    };
    await assert.rejects(store.decide(null, refuse), (error) => error === refused);
    await assert.rejects(
      store.decide(null, () => Promise.reject(refused)),
      (error) => error === refused,
    );
    assert.equal(await store.decide(null, () => []), undefined);
    assert.equal(await store.decide(undefined, async () => null), undefined);
    for (const options of [{ attempts: 0 }, { attempts: 1.5 }, { attempts: '3' }, { tries: 3 }]) {
      await assert.rejects(
        store.decide(null, () => facts('a'), options),
        withCode('InvalidArgument'),
      );
    }
    await assert.rejects(store.decide(null, facts('a')), withCode('InvalidArgument'));
    await assert.rejects(
      store.decide(null, () => 'ab'),
      withCode('InvalidArgument'),
    );
    assert.deepEqual(store.query().event_records, []);
    assert.equal((await store.decide(null, () => facts('a', 'b'))).committed_count, 2n);
  });

  test('aborting ends the pause before the next attempt', async (t) => {
    const store = open(t);
    const abort = new AbortController();
    let calls = 0;
    const tooLate = () => {
      store.append(facts('a'));
      if (++calls === 4) {
        abort.abort(new Error('the user left'));
      }
      return facts('mine');
    };
    await assert.rejects(
      store.decide(ofType('a'), tooLate, { attempts: 1e6, signal: abort.signal }),
      withCode('Cancelled', ({ cause }) => cause.message === 'the user left'),
    );
    assert.equal(calls, 4);
  });
});
