'use strict';

const decode = require('./decode.js');
const { load } = require('./loader.js');
const { turns } = require('./turns.js');

const OK = 0;

// The kinds of item that the addon dispatches; src/addon.h has the same numbers.
const COMPLETION = 0;
const BATCH = 1;
const READY = 2;
const END = 3;
const OPENED = 4;
const PROGRESS = 5;

// Who gets the items: set by requests.js, streams.js and openings.js.
const receivers = { completion: undefined, batch: undefined, ready: undefined, end: undefined, opened: undefined, progress: undefined };

function dispatch(kind, id, status, number, text) {
  switch (kind) {
    case COMPLETION:
      return receivers.completion(id, status, text);
    case BATCH:
      return receivers.batch(id, number, text);
    case READY:
      return receivers.ready(id);
    case END:
      return receivers.end(id, status, text);
    case OPENED:
      return receivers.opened(id, status, number, text);
    case PROGRESS:
      return receivers.progress(id, text);
  }
}

function makeError(status, text, cause) {
  return decode.error(native.statusName(status), text, cause);
}

// The event loop stays alive while somebody waits for something: a request, an opening or an open stream. An open store alone holds nothing.
let waiting = 0;

const native = load().attach(dispatch, () => begin(), makeError);
const begin = turns({
  next(preferDelivery) {
    const kind = native.next(preferDelivery);
    return kind === undefined ? undefined : kind === COMPLETION || kind === OPENED ? 'answer' : 'delivery';
  },
  rest: native.rest,
  isHeld: () => waiting > 0,
});

function holdLoop() {
  if (waiting++ === 0) {
    native.refLoop();
  }
}

function releaseLoop() {
  if (--waiting === 0) {
    native.unrefLoop();
  }
}

module.exports = { OK, holdLoop, makeError, native, receivers, releaseLoop };
