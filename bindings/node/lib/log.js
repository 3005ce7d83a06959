'use strict';

const { describe } = require('./errors.js');
const { receivers } = require('./native.js');
const { parse } = require('./numbers.js');

// Who is told what a store logs, by the store's handle as text. An onLog is the store's to keep: it
// may lead to the store, as a method of the object that has it does, and must not keep a dropped
// one from being collected.
const logs = new Map();

// Records of a store come a little after the fact, also after it was closed.
const CLOSED_MAX = 100;
const closed = [];

// Records of stores that are not known yet: an opening may log before its store is handed over.
const UNCLAIMED_MAX = 100;
let unclaimed = [];

// Told from here, where the failure itself is known, and at once: the process may end with a
// stream.
const fromStreams = new Set(['handler_failed', 'stream_ended']);

/** What onLog is without being set: warnings and errors become warnings of the process. */
function warn({ level, event, message, stack }) {
  if (level !== 'info') {
    process.emitWarning(message, { type: 'FactstrWarning', code: event, detail: stack });
  }
}

/** What `tell` throws harms nothing; it is a warning of the process. */
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

/** `onLog` as it is given: absent is the default, null and false are silence. */
function register(handle, onLog) {
  const key = String(handle);
  logs.set(key, onLog ? new WeakRef(onLog) : onLog === undefined ? warn : undefined);
  const waited = unclaimed;
  unclaimed = [];
  waited.forEach(hand);
}

/**
 * Who is told, undefined for silence: of a store that was collected, whose onLog is gone, the
 * default.
 */
function listener(key) {
  const tell = logs.get(key);
  return tell instanceof WeakRef ? (tell.deref() ?? warn) : tell;
}

/** The store was closed. What it logged until then is still told. */
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
    queueMicrotask(() => call(tell, { time, level, event, message, ...attributes }));
  }
}

module.exports = { log, logs, register, unregister };
