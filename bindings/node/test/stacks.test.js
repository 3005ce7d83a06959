'use strict';

// The stack of an error leads to the program's own lines, also where the answer came later.
const assert = require('node:assert/strict');
const { test } = require('node:test');

const { FactstrSqliteStore } = require('../lib/index.js');
const { facts, noHandleIsLeftOpen, openMemory, withCode } = require('./stores.js');

noHandleIsLeftOpen();

async function theProgram(call) {
  await call();
}

/** Matches an error of this code whose stack has the lines of the program that awaits. */
function from(code) {
  return withCode(code, ({ stack }) => {
    assert.match(stack, /at async theProgram \(.*stacks\.test\.js/, stack);
    return true;
  });
}

test('an error that came later has the frames of those who await', async (t) => {
  const store = openMemory(t);
  store.append(facts('a'));
  const wrong = { filters: [{ payload_predicates: [{ x: 'y'.repeat(17 << 20) }] }] };
  const fail = () => {
    throw new Error('on purpose');
  };
  await assert.rejects(
    theProgram(() => store.queryAsync(wrong)),
    withCode('InvalidArgument'),
  );
  await assert.rejects(
    theProgram(() => FactstrSqliteStore.open('/proc/none/facts.sqlite')),
    from('BackendFailure'),
  );
  await assert.rejects(
    theProgram(() => store.waitForCursor('model', 9n, { timeoutMs: 1 })),
    from('Timeout'),
  );
  await assert.rejects(
    theProgram(() => store.streamAllDurable({ name: 'model' }, fail)),
    from('HandlerFailed'),
  );
  await assert.rejects(
    theProgram(() => store.streamFrom(0n, {}, fail)),
    from('HandlerFailed'),
  );
  const conflicting = () => {
    store.append(facts('a'));
    return facts('b');
  };
  await assert.rejects(
    theProgram(() => store.decide({}, conflicting, { attempts: 2 })),
    from('ConditionalAppendConflict'),
  );
});

test('an error of a blocking call begins at the call', async (t) => {
  const store = openMemory(t);
  const failure = (() => {
    try {
      return store.append([]);
    } catch (error) {
      return error;
    }
  })();
  const [, first, second] = failure.stack.split('\n');
  assert.match(first, /at FactstrMemoryStore\.append/);
  assert.match(second, /stacks\.test\.js/);
});
