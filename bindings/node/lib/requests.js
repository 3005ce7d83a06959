'use strict';

const { begin, cancelled } = require('./abort.js');
const { OK, holdLoop, makeError, native, receivers, releaseLoop } = require('./native.js');

// Submitted and not yet answered, by tag. An entry keeps its store from being collected.
const pending = new Map();
let lastTag = 0;

/**
 * Submits a request and promises its decoded answer. When the signal aborts, a request that still
 * waits in the queue is rejected with `Cancelled` and wrote nothing; one that the store has begun
 * goes on and settles as it ends.
 */
function submit(store, handle, signal, send, decodeAnswer) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      throw cancelled(signal, 'aborted before it was submitted; nothing was written');
    }
    const tag = ++lastTag;
    const ignoreAbort = begin(
      () => send(tag),
      signal,
      () => native.cancel(handle, tag),
    );
    pending.set(tag, { store, resolve, reject, decodeAnswer, signal, ignoreAbort });
    holdLoop();
  });
}

function settle(entry, status, text) {
  const code = status === OK ? 'Ok' : native.statusName(status);
  // A conflict is an answer to the caller of a conditional append, as it is in the blocking call.
  if (code === 'Ok' || code === 'ConditionalAppendConflict') {
    entry.resolve(entry.decodeAnswer(text));
  } else {
    entry.reject(makeError(status, text, code === 'Cancelled' ? entry.signal?.reason : undefined));
  }
}

receivers.completion = (tag, status, text) => {
  const entry = pending.get(tag);
  pending.delete(tag);
  releaseLoop();
  entry.ignoreAbort?.();
  try {
    settle(entry, status, text);
  } catch (error) {
    entry.reject(error);
  }
};

module.exports = { submit };
