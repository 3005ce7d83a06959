'use strict';

const { begin, cancelled } = require('./abort.js');
const { OK, holdLoop, makeError, native, receivers, releaseLoop } = require('./native.js');

// Submitted and not yet ended, by tag.
const pending = new Map();
let lastTag = 0;

/**
 * Submits an opening and promises what `wrap` makes of the store's handle. When the signal aborts
 * before the promise has settled it rejects with `Cancelled`, and a store that was opened all the
 * same is closed: nobody would know of it.
 */
function open(signal, send, wrap) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      throw cancelled(signal, 'aborted before the store was opened');
    }
    const tag = ++lastTag;
    const entry = { resolve, reject, wrap, signal, aborted: false };
    let opening;
    entry.ignoreAbort = begin(
      () => (opening = send(tag)),
      signal,
      () => {
        entry.aborted = true;
        native.cancelOpening(opening);
      },
    );
    pending.set(tag, entry);
    holdLoop();
  });
}

function settle(entry, status, handle, text) {
  if (entry.aborted) {
    if (status === OK) {
      native.closeStore(handle);
    }
    entry.reject(
      cancelled(
        entry.signal,
        'aborted before the store was open; what was created until then stays',
      ),
    );
  } else if (status === OK) {
    entry.resolve(entry.wrap(handle));
  } else {
    entry.reject(makeError(status, text));
  }
}

receivers.opened = (tag, status, handle, text) => {
  const entry = pending.get(tag);
  pending.delete(tag);
  releaseLoop();
  entry.ignoreAbort?.();
  try {
    settle(entry, status, handle, text);
  } catch (error) {
    entry.reject(error);
  }
};

module.exports = { open };
