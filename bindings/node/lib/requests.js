'use strict';

const encode = require('./encode.js');
const { FactstrError, invalidArgument } = require('./errors.js');
const { OK, holdLoop, makeError, native, receivers, releaseLoop } = require('./native.js');

// Submitted and not yet answered, by tag. An entry keeps its store from being collected.
const pending = new Map();
let lastTag = 0;

function abortSignal(options) {
  if (encode.isAbsent(options)) {
    return undefined;
  }
  const { signal } = encode.object(options, 'options');
  if (encode.isAbsent(signal)) {
    return undefined;
  }
  if (typeof signal.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') {
    throw invalidArgument('options.signal must be an AbortSignal');
  }
  return signal;
}

function cancelled(signal, message) {
  return new FactstrError('Cancelled', message, { cause: signal.reason });
}

/**
 * Submits a request and promises its decoded answer. When the signal aborts, a request that still waits in the queue is rejected with `Cancelled`
 * and wrote nothing; one that the store has begun goes on and settles as it ends.
 */
function submit(store, handle, signal, send, decodeAnswer) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      throw cancelled(signal, 'aborted before it was submitted; nothing was written');
    }
    const tag = ++lastTag;
    send(tag);
    const entry = { store, resolve, reject, decodeAnswer, signal, onAbort: undefined };
    if (signal !== undefined) {
      entry.onAbort = () => native.cancel(handle, tag);
      signal.addEventListener('abort', entry.onAbort, { once: true });
    }
    pending.set(tag, entry);
    holdLoop();
  });
}

const CONFLICT = 'ConditionalAppendConflict';

function settle(entry, status, text) {
  // A conflict is an answer to the caller of a conditional append, as it is in the blocking call.
  if (status === OK || native.statusName(status) === CONFLICT) {
    entry.resolve(entry.decodeAnswer(text));
  } else {
    entry.reject(makeError(status, text, entry.signal?.aborted ? entry.signal.reason : undefined));
  }
}

receivers.completion = (tag, status, text) => {
  const entry = pending.get(tag);
  pending.delete(tag);
  releaseLoop();
  entry.signal?.removeEventListener('abort', entry.onAbort);
  try {
    settle(entry, status, text);
  } catch (error) {
    entry.reject(error);
  }
};

module.exports = { abortSignal, cancelled, submit };
