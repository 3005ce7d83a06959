'use strict';

const { performance } = require('node:perf_hooks');
const { clearTimeout, setTimeout } = require('node:timers');

const { begin, cancelled } = require('./abort.js');
const { FactstrError, invalidArgument } = require('./errors.js');

// Before the next attempt a caller waits for a random time up to a bound that doubles. Callers that
// conflicted together would conflict together again, so their times are spread.
const ATTEMPTS = 20;
const PAUSE_MIN_MS = 4;
const PAUSE_MAX_MS = 250;

function attemptsOf({ attempts = ATTEMPTS }) {
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw invalidArgument('options.attempts must be a whole number, 1 or more');
  }
  return attempts;
}

function pause(ms, { signal }) {
  return new Promise((resolve, reject) => {
    let timer;
    const ignoreAbort = begin(
      () => {
        timer = setTimeout(() => {
          ignoreAbort?.();
          resolve();
        }, ms);
      },
      signal,
      () => {
        clearTimeout(timer);
        reject(cancelled(signal, 'aborted before the next attempt; nothing was written'));
      },
    );
  });
}

/**
 * Queries, decides and appends on the context that was seen, again after each conflict. `query` and
 * `appendIf` are those of the store, and take what is left of the limits.
 */
async function decide({ query, appendIf }, fn, attempts, { signal, timeoutMs }) {
  const begun = performance.now();
  const left = () => {
    const ms =
      timeoutMs === undefined ? undefined : Math.ceil(begun + timeoutMs - performance.now());
    if (ms < 0) {
      throw new FactstrError('Timeout', `not decided in ${timeoutMs} ms; nothing was written`);
    }
    return { signal, timeoutMs: ms };
  };
  for (let pauseMax = PAUSE_MIN_MS; ; pauseMax = Math.min(2 * pauseMax, PAUSE_MAX_MS)) {
    const seen = await query(left());
    const events = await fn(seen);
    if (events === undefined || events === null || events.length === 0) {
      return undefined;
    }
    const { append_result, conflict } = await appendIf(
      events,
      seen.current_context_version,
      left(),
    );
    if (append_result) {
      return append_result;
    }
    if (--attempts === 0) {
      throw new FactstrError(
        'ConditionalAppendConflict',
        'the context has changed at every attempt; nothing was written: try again later, or with more attempts',
        { conflict },
      );
    }
    await pause(Math.random() * pauseMax, { signal });
  }
}

module.exports = { attemptsOf, decide };
