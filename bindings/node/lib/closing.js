'use strict';

// The end of a store: closed by the program, or dropped and collected.

const { performance } = require('node:perf_hooks');
const { setTimeout } = require('node:timers');

const decode = require('./decode.js');
const { log, register, unregister } = require('./log.js');
const { native } = require('./native.js');
const { cutStreams, hasLiveStreams, keepProgress, streamsBehind } = require('./open_streams.js');
const { request } = require('./requests.js');

// The memory that the collector is told a store uses. Without it the collector is in no hurry to
// collect so small an object, and a dropped store holds descriptors, of which a process has 1,024.
const WEIGHT_BYTES = 8 << 20;

// The pause between two looks at whether the live streams are done, when a store is closed.
const DRAIN_PAUSE_MS = 2;

// 0.5.2 had no close(): a store that is dropped without it is closed when it is collected. Open
// streams and requests keep it from that.
const dropped = new FinalizationRegistry((handle) => {
  try {
    native.closeStore(handle);
  } catch {
    // No caller is left to act on it.
  }
  released(handle);
});

function released(handle) {
  unregister(handle);
  native.weigh(-WEIGHT_BYTES);
}

function closeNow(store, handle) {
  keepProgress(store);
  try {
    native.closeStore(handle);
  } finally {
    released(handle);
  }
}

/**
 * Closes when the live streams have got everything that was committed before: they have no cursor,
 * so a fact that they do not get now they never get. // G17
 */
function closeDrained(store, handle, { timeoutMs, committed, remote }) {
  const deadline = performance.now() + timeoutMs;
  let head; // undefined until it is known
  if (remote) {
    // The event loop must not wait for a server, which may not answer. What this store committed
    // itself is known without it.
    request(
      store,
      handle,
      undefined,
      (tag) => native.statisticsSubmit(handle, tag),
      decode.statistics,
    ).then(
      (statistics) => (head = statistics.head),
      () => (head = committed),
    );
  } else {
    head = headOf(handle, committed);
  }
  const isDone = () =>
    performance.now() >= deadline ||
    (head !== undefined && streamsBehind(store, head).length === 0);
  const close = () => {
    cutStreams(store, head, committed);
    closeNow(store, handle);
  };
  const later = () => {
    if (!isDone()) {
      setTimeout(later, DRAIN_PAUSE_MS);
      return;
    }
    try {
      close();
    } catch (error) {
      // close() has returned, so no caller gets the error; the store is closed all the same.
      log(handle, 'warning', 'task_failed', `closing a store: ${error.message}`, {
        task: 'closing',
        error: error.message,
      });
    }
  };
  if (isDone()) {
    close();
  } else {
    setTimeout(later, DRAIN_PAUSE_MS);
  }
}

// A log that cannot be read does not hold the closing up.
function headOf(handle, committed) {
  try {
    return decode.statistics(native.statistics(handle)).head;
  } catch {
    return committed;
  }
}

function opened(store, handle, onLog) {
  register(handle, onLog);
  native.weigh(WEIGHT_BYTES);
  dropped.register(store, handle, store);
}

/**
 * Closes an opened store: at once, or when its live streams are done, after `timeoutMs` at most.
 * `committed` is the newest fact that its appends were answered with; the head of a `remote` store
 * is not known without a server.
 */
function closing(store, handle, options) {
  dropped.unregister(store);
  if (hasLiveStreams(store)) {
    closeDrained(store, handle, options);
  } else {
    closeNow(store, handle);
  }
}

module.exports = { closing, opened };
