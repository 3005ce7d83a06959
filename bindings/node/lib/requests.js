'use strict';

const { clearTimeout } = require('node:timers');

const { afterTimeout, begin, cancelled } = require('./abort.js');
const { FactstrError } = require('./errors.js');
const { OK, holdLoop, makeError, native, receivers, releaseLoop } = require('./native.js');

// What was submitted to the library and has no answer yet, by tag: requests to a store, and
// openings of stores.
const pending = new Map();
let lastTag = 0;

/**
 * Calls `send(tag)`, which submits something to the library, and promises the answer: { status,
 * handle, text, isLate }. When the signal aborts or the time is over first, calls
 * `abort(tag, sent)`, where `sent` is what `send` returned. `keep` is not collected before the
 * answer has come.
 *
 * The answer is read, and an error of it is made, by those who await it: only there does the stack
 * have the frames of the call.
 */
function submit({ keep, limits: { signal, timeoutMs }, abortedEarly, send, abort }) {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      throw cancelled(signal, abortedEarly);
    }
    const tag = ++lastTag;
    const request = { keep, resolve, ignoreAbort: undefined, timer: undefined, isLate: false };
    let sent;
    request.ignoreAbort = begin(
      () => (sent = send(tag)),
      signal,
      () => abort(tag, sent),
    );
    request.timer = afterTimeout(timeoutMs, () => {
      request.isLate = true;
      abort(tag, sent);
    });
    pending.set(tag, request);
    holdLoop();
  });
}

receivers.answer = (tag, status, handle, text) => {
  const { resolve, ignoreAbort, timer, isLate } = pending.get(tag);
  pending.delete(tag);
  releaseLoop();
  ignoreAbort?.();
  clearTimeout(timer);
  resolve({ status, handle, text, isLate });
};

/**
 * Submits a request to a store and promises its decoded answer. `limits` are those of abort.js.
 * When the signal aborts or the time is over, a request that still waits in the queue rejects with
 * `Cancelled` or `Timeout` and wrote nothing; one that the store has begun goes on and settles as
 * it ends.
 */
async function request(store, handle, limits, send, decodeAnswer) {
  const { status, text, isLate } = await submit({
    keep: store,
    limits,
    abortedEarly: 'aborted before it was submitted; nothing was written',
    send,
    abort: (tag) => native.cancel(handle, tag),
  });
  const code = status === OK ? 'Ok' : native.statusName(status);
  // For the caller of a conditional append a conflict is an answer, not an error.
  if (code === 'Ok' || code === 'ConditionalAppendConflict') {
    return decodeAnswer(text);
  }
  if (code === 'Cancelled' && limits.signal?.aborted) {
    throw cancelled(limits.signal, 'aborted while it waited; nothing was written');
  }
  if (code === 'Cancelled' && isLate) {
    throw new FactstrError('Timeout', `not done in ${limits.timeoutMs} ms; nothing was written`);
  }
  throw makeError(status, text);
}

/**
 * As `request`, for a question that the library cannot cancel: when the signal aborts or the time
 * is over, the promise rejects at once, and the answer that comes later is dropped.
 */
async function question(store, handle, limits, send, decodeAnswer) {
  let giveUp;
  const givenUp = new Promise((resolve) => (giveUp = resolve));
  const answer = submit({
    keep: store,
    limits,
    abortedEarly: 'aborted before it was asked',
    send,
    abort: giveUp,
  });
  const answered = await Promise.race([answer, givenUp.then(() => undefined)]);
  if (answered === undefined) {
    throw limits.signal?.aborted
      ? cancelled(limits.signal, 'aborted before it was answered')
      : new FactstrError('Timeout', `not answered in ${limits.timeoutMs} ms`);
  }
  const { status, text } = answered;
  if (status !== OK) {
    throw makeError(status, text);
  }
  return decodeAnswer(text);
}

/**
 * Submits the opening of a store and promises what `wrap` makes of the store's handle. When the
 * signal aborts or the time is over first, the promise rejects with `Cancelled` or `Timeout`, and a
 * store that was opened all the same is closed, because nobody would know of it.
 */
async function opening(limits, send, wrap) {
  let isGivenUp = false;
  const { status, handle, text, isLate } = await submit({
    limits,
    abortedEarly: 'aborted before the store was opened',
    send,
    abort(tag, sent) {
      isGivenUp = true;
      native.cancelOpening(sent);
    },
  });
  if (isGivenUp) {
    if (status === OK) {
      native.closeStore(handle);
    }
    const stays = 'what was created until then stays';
    throw isLate
      ? new FactstrError('Timeout', `the store was not open in ${limits.timeoutMs} ms; ${stays}`)
      : cancelled(limits.signal, `aborted before the store was open; ${stays}`);
  }
  if (status !== OK) {
    throw makeError(status, text);
  }
  return wrap(handle);
}

module.exports = { opening, question, request };
