'use strict';

const { describe } = require('./errors.js');
const { microtask } = require('./microtask.js');
const { receivers } = require('./native.js');
const { parse } = require('./numbers.js');

// The listener of each store's records, by the store's handle as text. The store itself keeps its
// onLog, and only a weak reference stands here: an onLog may refer to the store, and must not keep
// a dropped store from being collected.
const logs = new Map();

// Records of a store come a little after the fact, also after it was closed.
const CLOSED_MAX = 100;
const closed = [];

// Records of stores that are not known yet: an opening may log before its store is handed over.
const UNCLAIMED_MAX = 100;
let unclaimed = [];

// These are logged by this package, which has the failure itself, and at once: the process may end
// with a stream. The library's own records of them are left out.
const fromStreams = new Set(['handler_failed', 'stream_ended']);

/** The default of onLog: warnings and errors become warnings of the process. */
function warn({ level, event, message, stack }) {
  if (level !== 'info') {
    process.emitWarning(message, { type: 'FactstrWarning', code: event, detail: stack });
  }
}

/** An exception of `tell` becomes a warning of the process. */
function call(tell, record) {
  try {
    tell(record);
  } catch (failure) {
    process.emitWarning(`onLog failed: ${describe(failure)}`, {
      type: 'FactstrWarning',
      code: 'log_failed',
    });
  }
}

/** `onLog` as the program gave it: absent is the default, null and false are silence. */
function register(handle, onLog) {
  const key = String(handle);
  logs.set(key, onLog ? new WeakRef(onLog) : onLog === undefined ? warn : undefined);
  const waited = unclaimed;
  unclaimed = [];
  waited.forEach(hand);
}

/**
 * Returns the listener of a store, undefined for silence. A store that was collected has lost its
 * onLog and gets the default.
 */
function listener(key) {
  const tell = logs.get(key);
  return tell instanceof WeakRef ? (tell.deref() ?? warn) : tell;
}

/** The store was closed. Records of before still reach its listener. */
function unregister(handle) {
  const key = String(handle);
  logs.set(key, listener(key));
  closed.push(key);
  if (closed.length > CLOSED_MAX) {
    logs.delete(closed.shift());
  }
}

function hand({ store, ...record }) {
  const key = String(store);
  const tell = store === null ? warn : listener(key);
  if (tell !== undefined) {
    call(tell, record);
  } else if (!logs.has(key)) {
    // Of another thread's store, or of one that is being opened.
    unclaimed.push({ store, ...record });
    unclaimed.splice(0, unclaimed.length - UNCLAIMED_MAX);
  }
}

receivers.log = (text) => {
  const record = parse(text);
  if (!fromStreams.has(record.event)) {
    hand(record);
  }
};

/** Logs what happened to a stream of the store with this handle. */
function log(handle, level, event, message, attributes) {
  const tell = listener(String(handle));
  if (tell !== undefined) {
    const time = new Date().toISOString().replace('Z', '000Z');
    microtask(() => call(tell, { time, level, event, message, ...attributes }));
  }
}

module.exports = { log, logs, register, unregister };
