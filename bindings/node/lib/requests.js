'use strict';

const { begin, cancelled } = require('./abort.js');
const { OK, holdLoop, makeError, native, receivers, releaseLoop } = require('./native.js');

// What was submitted to the library and has no answer yet, by tag: requests to a store, and
// openings of stores.
const pending = new Map();
let lastTag = 0;

/**
 * Calls `send(tag)`, which submits something to the library, and promises what `settle(status,
 * handle, text)` makes of the answer: it returns the value or throws the error. When the signal
 * aborts first, calls `abort(tag, sent)`, where `sent` is what `send` returned. `keep` is not
 * collected before the answer has come.
 */
function submit({ keep, signal, abortedEarly, send, abort, settle }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      throw cancelled(signal, abortedEarly);
    }
    const tag = ++lastTag;
    let sent;
    const ignoreAbort = begin(
      () => (sent = send(tag)),
      signal,
      () => abort(tag, sent),
    );
    pending.set(tag, { keep, resolve, reject, settle, ignoreAbort });
    holdLoop();
  });
}

receivers.answer = (tag, status, handle, text) => {
  const { resolve, reject, settle, ignoreAbort } = pending.get(tag);
  pending.delete(tag);
  releaseLoop();
  ignoreAbort?.();
  try {
    resolve(settle(status, handle, text));
  } catch (error) {
    reject(error);
  }
};

/**
 * Submits a request to a store and promises its decoded answer. When the signal aborts, a request
 * that still waits in the queue rejects with `Cancelled` and wrote nothing; one that the store has
 * begun goes on and settles as it ends.
 */
function request(store, handle, signal, send, decodeAnswer) {
  return submit({
    keep: store,
    signal,
    abortedEarly: 'aborted before it was submitted; nothing was written',
    send,
    abort: (tag) => native.cancel(handle, tag),
    settle(status, _, text) {
      const code = status === OK ? 'Ok' : native.statusName(status);
      // For the caller of a conditional append a conflict is an answer, not an error.
      if (code === 'Ok' || code === 'ConditionalAppendConflict') {
        return decodeAnswer(text);
      }
      throw makeError(status, text, code === 'Cancelled' ? signal?.reason : undefined);
    },
  });
}

/**
 * Submits the opening of a store and promises what `wrap` makes of the store's handle. When the
 * signal aborts first, the promise rejects with `Cancelled`, and a store that was opened all the
 * same is closed, because nobody would know of it.
 */
function opening(signal, send, wrap) {
  let isAborted = false;
  return submit({
    signal,
    abortedEarly: 'aborted before the store was opened',
    send,
    abort(tag, sent) {
      isAborted = true;
      native.cancelOpening(sent);
    },
    settle(status, handle, text) {
      if (isAborted) {
        if (status === OK) {
          native.closeStore(handle);
        }
        throw cancelled(
          signal,
          'aborted before the store was open; what was created until then stays',
        );
      }
      if (status !== OK) {
        throw makeError(status, text);
      }
      return wrap(handle);
    },
  });
}

module.exports = { opening, request };
