'use strict';

const { setTimeout } = require('node:timers');

const encode = require('./encode.js');
const { AbortError, FactstrError, invalidArgument } = require('./errors.js');

// Each signal has one listener, however many calls share it: Node warns of a leak at the eleventh.
const callbacks = new WeakMap();

/** The signal among options that were read, or undefined. */
function signalOf({ signal }) {
  if (encode.isAbsent(signal)) {
    return undefined;
  }
  if (
    typeof signal.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function'
  ) {
    throw invalidArgument('options.signal must be an AbortSignal');
  }
  return signal;
}

/** What ends the wait for an answer, among options that were read. */
function limitsOf(options) {
  const { timeoutMs } = options;
  return {
    signal: signalOf(options),
    timeoutMs: encode.isAbsent(timeoutMs)
      ? undefined
      : encode.wholeNumber(timeoutMs, 'options.timeoutMs'),
  };
}

/** Calls `callback` when the signal aborts. Returns the function that undoes this. */
function onAbort(signal, callback) {
  let waiting = callbacks.get(signal);
  if (waiting === undefined) {
    waiting = { set: new Set() };
    waiting.listener = () => {
      callbacks.delete(signal);
      for (const waiter of waiting.set) {
        waiter();
      }
    };
    signal.addEventListener('abort', waiting.listener, { once: true });
    callbacks.set(signal, waiting);
  }
  waiting.set.add(callback);
  return () => {
    waiting.set.delete(callback);
    if (waiting.set.size === 0 && callbacks.get(signal) === waiting) {
      callbacks.delete(signal);
      signal.removeEventListener('abort', waiting.listener);
    }
  };
}

/**
 * Calls `start`, and `callback` when the signal aborts afterwards. Returns the function that undoes
 * the latter, undefined without a signal. A signal that is not Node's may throw, so it is listened
 * to before anything is begun that would have to be undone.
 */
function begin(start, signal, callback) {
  const ignoreAbort = signal && onAbort(signal, callback);
  try {
    start();
  } catch (error) {
    ignoreAbort?.();
    throw error;
  }
  return ignoreAbort;
}

// A longer one would end at once.
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Calls `callback` after this time. Returns the timer, undefined if there is no limit. */
function afterTimeout(timeoutMs, callback) {
  return timeoutMs <= TIMEOUT_MAX_MS ? setTimeout(callback, timeoutMs) : undefined;
}

/** The error of a wait that was given up: by the signal, or by the program in another way. */
function cancelled(signal, message) {
  return signal.aborted
    ? new AbortError('Cancelled', message, { cause: signal.reason })
    : new FactstrError('Cancelled', message);
}

module.exports = { afterTimeout, begin, cancelled, limitsOf, signalOf };
