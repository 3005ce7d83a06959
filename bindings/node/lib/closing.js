'use strict';

// The end of a store: closed by the program, or dropped and collected.

const { performance } = require('node:perf_hooks');
const { clearTimeout, setTimeout } = require('node:timers');

const decode = require('./decode.js');
const { FactstrError } = require('./errors.js');
const { log, register, unregister } = require('./log.js');
const { native } = require('./native.js');
const { cutStreams, hasLiveStreams, keepProgress, streamsBehind } = require('./open_streams.js');
const { request } = require('./requests.js');

// The memory that the collector is told a store uses. Without it the collector is in no hurry to
// collect so small an object, and a dropped store holds descriptors, of which a process has 1,024.
const WEIGHT_BYTES = 8 << 20;

// The pause between two looks at whether the live streams are done, when a store is closed.
const DRAIN_PAUSE_MS = 2;

// What running handlers get at least after the store was closed.
const HANDLERS_LEFT_MS = 1000;

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

/** The same on a thread of the library: it may wait for a server. */
async function closeOnThread(store, handle) {
  keepProgress(store);
  try {
    await request(
      store,
      handle,
      {},
      (tag) => native.closeStoreSubmit(handle, tag),
      () => undefined,
    );
  } finally {
    released(handle);
  }
}

/**
 * What live streams still get of a store that is closed: everything that was committed before. They
 * have no cursor, so a fact that they do not get now they never get. // G17
 */
class Draining {
  #store;
  #committed;
  #deadline;
  #head; // undefined until it is known

  constructor(store, handle, { timeoutMs, committed, remote }) {
    this.#store = store;
    this.#committed = committed;
    this.#deadline = performance.now() + timeoutMs;
    if (remote) {
      // The event loop must not wait for a server, which may not answer. What this store committed
      // itself is known without it.
      request(
        store,
        handle,
        {},
        (tag) => native.statisticsSubmit(handle, tag),
        decode.statistics,
      ).then(
        (statistics) => (this.#head = statistics.head),
        () => (this.#head = committed),
      );
    } else {
      this.#head = headOf(handle, committed);
    }
  }

  get isDone() {
    return (
      performance.now() >= this.#deadline ||
      (this.#head !== undefined && streamsBehind(this.#store, this.#head).length === 0)
    );
  }

  /** Gives up what is left. */
  cut() {
    cutStreams(this.#store, this.#head, this.#committed);
  }
}

function closeDrained(store, handle, options) {
  const draining = new Draining(store, handle, options);
  const close = () => {
    draining.cut();
    closeNow(store, handle);
  };
  const later = () => {
    if (!draining.isDone) {
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
  if (draining.isDone) {
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

/** The same without blocking: the promise settles when the store is closed. */
async function closingLater(store, handle, options) {
  dropped.unregister(store);
  if (hasLiveStreams(store)) {
    const draining = new Draining(store, handle, options);
    while (!draining.isDone) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_PAUSE_MS));
    }
    draining.cut();
  }
  await closeOnThread(store, handle);
}

/**
 * Waits until a store is closed and the handlers of its streams have settled: `timeoutMs` at most,
 * since one may never settle, or itself wait for this. Handlers that are running when the store was
 * closed at the last moment get a little longer.
 */
async function closedWithHandlers(closed, ended, timeoutMs) {
  const deadline = performance.now() + timeoutMs;
  await closed;
  let timer;
  const late = new Promise((resolve, reject) => {
    const error = new FactstrError(
      'Timeout',
      'a handler is still running; the store is closed all the same',
    );
    timer = setTimeout(reject, Math.max(deadline - performance.now(), HANDLERS_LEFT_MS), error);
  });
  try {
    await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

module.exports = { closedWithHandlers, closing, closingLater, opened };
