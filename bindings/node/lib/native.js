'use strict';

const decode = require('./decode.js');
const { load } = require('./loader.js');

const OK = 0;

// The kinds of item that the addon dispatches; src/addon.h has the same numbers.
const COMPLETION = 0;
const BATCH = 1;
const READY = 2;
const END = 3;

// Who gets the items: set by requests.js and streams.js.
const receivers = { completion: undefined, batch: undefined, ready: undefined, end: undefined };

function dispatch(kind, id, status, delivery, text) {
  switch (kind) {
    case COMPLETION:
      return receivers.completion(id, status, text);
    case BATCH:
      return receivers.batch(id, delivery, text);
    case READY:
      return receivers.ready(id);
    case END:
      return receivers.end(id, status, text);
  }
}

function makeError(status, text, cause) {
  return decode.error(native.statusName(status), text, cause);
}

const native = load().attach(dispatch, makeError);

// The event loop stays alive while somebody waits for something: an open request or an open stream. An open store alone holds nothing.
let waiting = 0;

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
