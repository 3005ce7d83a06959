'use strict';

const decode = require('./decode.js');
const { load } = require('./loader.js');
const { turns } = require('./event_loop_turns.js');

const OK = 0;

// The kinds of item that the addon dispatches; src/addon.h has the same numbers.
const COMPLETION = 0;
const BATCH = 1;
const READY = 2;
const END = 3;
const OPENED = 4;
const PROGRESS = 5;
const LOG = 6;

// Who gets the items, and who knows whether a stream is late: set by requests.js, open_streams.js
// and log.js.
const receivers = {
  isLate: () => false,
  answer: undefined,
  batch: undefined,
  ready: undefined,
  end: undefined,
  progress: undefined,
  log: undefined,
};

function dispatch(kind, id, status, number, text) {
  switch (kind) {
    case COMPLETION:
    case OPENED:
      return receivers.answer(id, status, number, text);
    case BATCH:
      return receivers.batch(id, number, text);
    case READY:
      return receivers.ready(id);
    case END:
      return receivers.end(id, status, text);
    case PROGRESS:
      return receivers.progress(id, text);
    case LOG:
      return receivers.log(text);
  }
}

function makeError(status, text) {
  const error = decode.error(native.statusName(status), text);
  // A stack has ten frames: those that made it say nothing.
  Error.captureStackTrace?.(error, makeError);
  return error;
}

// How many requests, openings and streams keep the event loop alive. A store that is merely open
// does not.
let waiting = 0;

const native = load().attach(dispatch, () => begin(), makeError);

// Deliveries that waited until their handler was done with the batch before. They alternate with
// those that come from the library.
const waitingDeliveries = [];
let isTheirTurn = false;

function deliverWaiting() {
  isTheirTurn = false;
  waitingDeliveries.shift()();
  return 'delivery';
}

const { begin, poke } = turns({
  next(preferDelivery, holdAnswers) {
    if (preferDelivery && isTheirTurn && waitingDeliveries.length > 0) {
      return deliverWaiting();
    }
    isTheirTurn = true;
    // Deliveries that wait here come before answers, too.
    const waits = preferDelivery && waitingDeliveries.length > 0;
    const kind = native.next(preferDelivery, holdAnswers || waits);
    if (kind === undefined) {
      return waitingDeliveries.length > 0 ? deliverWaiting() : undefined;
    }
    return kind === COMPLETION || kind === OPENED ? 'answer' : 'delivery';
  },
  rest: () => waitingDeliveries.length === 0 && native.rest(),
  isHeld: () => waiting > 0,
  isLate: (now) => receivers.isLate(now),
});

/** Calls `deliver` in this turn or a later one. */
function handOver(deliver) {
  waitingDeliveries.push(deliver);
  poke();
}

function holdLoop() {
  if (waiting++ === 0) {
    native.holdLoop(true);
  }
}

function releaseLoop() {
  if (--waiting === 0) {
    native.holdLoop(false);
  }
}

module.exports = { OK, handOver, holdLoop, makeError, native, receivers, releaseLoop };
