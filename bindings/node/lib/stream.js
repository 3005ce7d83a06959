'use strict';

const { performance } = require('node:perf_hooks');

const { begin, cancelled, signalOf } = require('./abort.js');
const decode = require('./decode.js');
const { HandlerRunner } = require('./handler.js');
const encode = require('./encode.js');
const { describe, invalidArgument } = require('./errors.js');
const { OK, holdLoop, makeError, native, releaseLoop } = require('./native.js');
const { Lateness } = require('./lateness.js');
const { microtask } = require('./microtask.js');
const { watch } = require('./progress.js');
const { request } = require('./requests.js');
const { settlement } = require('./settlement.js');
const { StreamLog } = require('./stream_log.js');
const { Waiters } = require('./waiters.js');

let lastId = 0;

/**
 * One registration, from its opening to its end: passes batches on to its deliveries and their
 * outcomes back to the library, and settles `ready` and `closed`.
 *
 * Three things end a stream, in any order: the library reports the end (`onEnd`), the program or
 * its signal unsubscribes, and the last handler's outcome is known. `closed` settles after the
 * first and the last.
 */
class Stream {
  id = ++lastId;
  store; // until the end: a subscription that is kept must not keep its store
  #storeHandle;
  #handle; // undefined before the library opened it and after the end
  #isLive;
  #name; // of a durable stream
  #handlerRunner;
  #log;
  #onError;
  #retries; // a failed batch is delivered again
  #signal;
  #ignoreAbort;
  #stopWatching; // during the replay
  #ready = settlement();
  #closed = settlement();
  #isReady = false;
  #unsubscribed = false;
  #holdsLoop = false;
  #lateness;
  #waiters = new Waiters(); // for the handler of a live stream
  #handled; // the position that the handler of a live stream is done with
  #failure; // { value } that the handler threw last
  #unreadable; // why a batch could not be given to the handler, which ended the stream
  #lastProgress; // its text, for when the library does not know the stream any more
  #end; // { status, text } once the library reported it
  #isOver = false; // #finish was called

  constructor({ store, handle, reads, answered }, { durable, after }, handler, options) {
    if (typeof handler !== 'function') {
      throw invalidArgument('handle must be a function');
    }
    const { onError } = options;
    if (!encode.isAbsent(onError) && typeof onError !== 'function') {
      throw invalidArgument('options.onError must be a function');
    }
    this.store = store;
    this.#storeHandle = handle;
    this.#lateness = new Lateness(answered);
    this.#isLive = durable === undefined && after === undefined;
    this.#name = durable?.name;
    this.#handlerRunner = new HandlerRunner(
      {
        handled: (batch) => this.#acknowledge(batch),
        failed: (batch, failure) => this.#onFailure(batch, failure),
        unreadable: (error) => this.#onUnreadable(error),
        idle: () => {
          this.#waiters.look();
          this.#finishIfOver();
        },
      },
      handler,
      reads,
    );
    this.#log = new StreamLog(handle, this.#isLive, durable?.name, () => this.#number());
    this.#onError = onError;
    this.#retries = !encode.isAbsent(options.retry);
    this.#signal = signalOf(options);
  }

  get isLive() {
    return this.#isLive;
  }

  get isUnsubscribed() {
    return this.#unsubscribed;
  }

  get ready() {
    return this.#ready.promise;
  }

  get closed() {
    return this.#closed.promise;
  }

  open(registration) {
    if (this.#signal?.aborted) {
      throw cancelled(this.#signal, 'aborted before the stream was opened');
    }
    this.#ignoreAbort = begin(
      () =>
        (this.#handle = native.openStream(this.#storeHandle, registration, this.id, this.isLive)),
      this.#signal,
      () => this.unsubscribe(),
    );
    this.ref();
  }

  /**
   * Calls onProgress until the replay is done or given up. It is given up after a time, also while
   * the handler has not settled, which it may never do.
   */
  watchReplay(onProgress, timeoutMs) {
    this.#stopWatching = watch(this, onProgress, timeoutMs, (late) => {
      this.#ready.reject(late);
      this.unsubscribe();
    });
  }

  progress() {
    const text = this.#handle === undefined ? undefined : native.progress(this.#handle);
    if (text === undefined) {
      return { ...this.#place(this.#lastProgress), state: 'ended', failure: null };
    }
    this.#lastProgress = text;
    return this.#place(text);
  }

  /** What util.inspect shows of it. */
  shown() {
    const { state, position } = this.progress();
    return { ...(this.#name === undefined ? {} : { durable: this.#name }), state, position };
  }

  /** Resolves when everything up to a number was handled or does not match. */
  async waitFor(number, options) {
    const given = encode.options(options, ['signal', 'timeoutMs']);
    const signal = signalOf(given);
    const text = encode.wait(`"stream":${this.#handle ?? 1n}`, number, given);
    const begun = performance.now();
    if (this.#handle !== undefined) {
      try {
        await request(
          this.store,
          this.#storeHandle,
          { signal },
          (tag) => native.waitForSubmit(this.#storeHandle, text, tag),
          () => undefined,
        );
      } catch (error) {
        if (
          signal?.aborted ||
          !['Cancelled', 'StoreClosed', 'InvalidHandle'].includes(error.code)
        ) {
          throw error;
        }
        await this.closed; // rejects with the reason of the end, if there is one
      }
    }
    // For the library the batches that a live stream has taken count as handled.
    const left =
      given.timeoutMs === undefined || given.timeoutMs === null
        ? undefined
        : begun + given.timeoutMs - performance.now();
    if (this.isLive && !this.#hasCome(number)) {
      const late = `the stream has not come to ${number} yet; it goes on, wait again`;
      await this.#waiters.until(() => this.#hasCome(number) || this.#isOver, left, signal, late);
    }
    if (this.#handle === undefined && this.progress().position < number) {
      await this.closed;
      throw cancelled({}, `unsubscribed before the stream came to ${number}`);
    }
  }

  #hasCome(number) {
    return this.#handled >= number || !(this.#handlerRunner.isBehind || native.hasBatches(this.id));
  }

  #number() {
    if (this.#lastProgress === undefined) {
      this.progress();
    }
    return decode.progress(this.#lastProgress).number;
  }

  // For the library the batches that a live stream has taken count as handled, also those that
  // still wait for their handler.
  #place(text) {
    const progress = decode.progress(text);
    delete progress.number; // of use in the log only
    const isBehind = this.isLive && (this.#handlerRunner.isBehind || native.hasBatches(this.id));
    return isBehind ? { ...progress, position: this.#handled ?? progress.stored_cursor } : progress;
  }

  /** Reports whether it has not handled everything up to `head`, and still can. */
  isBehind(head) {
    if (this.#unsubscribed || this.#handled >= head) {
      return false;
    }
    try {
      const { position, state, failure } = this.progress();
      return position < head && state !== 'ended' && failure === null;
    } catch {
      return false; // a defect of the library must not keep the store from being closed
    }
  }

  /**
   * Reports whether it is a live stream that has fallen behind the answers to this process's
   * appends. One whose handler's promise is pending is not: answers must not wait for that. // G18
   */
  isLate(now) {
    if (!this.isLive || this.#handlerRunner.isHandling) {
      return false;
    }
    return this.#lateness.look(now, (number) => this.isBehind(number));
  }

  /** Reports whether batches came that were not handled, or not yet, and still could be. */
  get hasUnhandled() {
    return !this.#unsubscribed && (this.#handlerRunner.isBehind || native.hasBatches(this.id));
  }

  /** Gives up what is to be delivered: see cutStreams. */
  cut(head, committed) {
    const { position } = this.progress();
    const received = this.#handlerRunner.lastReceived();
    this.unsubscribe();
    const through = head ?? (received > committed ? received : committed);
    if (position < through) {
      this.#log.cut(position, through);
    }
  }

  unsubscribe() {
    if (!this.#unsubscribed) {
      this.#unsubscribed = true;
      this.#stopWatching?.();
      this.#handlerRunner.stop();
      if (this.#handle !== undefined) {
        native.unsubscribe(this.#handle);
      }
      this.#finishIfOver();
    }
  }

  ref() {
    if (!this.#holdsLoop && this.#end === undefined) {
      this.#holdsLoop = true;
      holdLoop();
    }
  }

  unref() {
    if (this.#holdsLoop) {
      this.#holdsLoop = false;
      releaseLoop();
    }
  }

  onBatch(delivery, text) {
    this.#handlerRunner.add(delivery, text);
  }

  onReady() {
    this.#isReady = true;
    this.#stopWatching?.();
    this.#ready.resolve();
  }

  onLastProgress(text) {
    this.#lastProgress = text;
  }

  onEnd(status, text) {
    this.#end = { status, text };
    this.#stopWatching?.();
    this.#ignoreAbort?.();
    // The library takes no outcome after the end, not even of a handler that still runs, so the
    // handle has no further use.
    native.closeStream(this.#handle);
    this.#handle = undefined;
    if (!this.isLive) {
      this.#handlerRunner.dropRest(); // it comes again
    }
    this.#finishIfOver();
  }

  // Returns whether the next batch that came along may begin. A delivery that is not open any more
  // (unsubscribed, store closed) needs no outcome.
  #acknowledge({ delivery, isLast, position }) {
    this.#handled = position;
    this.#waiters.look();
    if (this.#handle === undefined) {
      return this.isLive;
    }
    if (!this.isLive) {
      return isLast
        ? native.acknowledge(this.#handle, delivery)
        : native.advance(this.#handle, delivery);
    }
    if (isLast && delivery !== 0n) {
      native.acknowledge(this.#handle, delivery);
    }
    return true;
  }

  #onFailure(batch, failure) {
    this.#failure = { value: failure };
    if (this.isLive) {
      this.#acknowledge(batch); // a live stream goes on with the next batch // G16
    } else if (this.#handle !== undefined) {
      native.refuse(this.#handle, batch.delivery, describe(failure)); // G21
    }
    if (this.#onError) {
      // In a microtask: an exception of onError is the program's uncaught exception and leaves the
      // stream as it is.
      microtask(() => this.#onError(failure));
    } else if (this.isLive || this.#retries) {
      this.#log.handlerFailed(batch, failure); // else the end is logged
    }
    return this.isLive;
  }

  // Not a failure of the handler: another attempt would not help, and going on would leave facts
  // out.
  #onUnreadable(error) {
    this.#unreadable = error;
    this.unsubscribe();
  }

  #finishIfOver() {
    if (this.#end === undefined || this.#handlerRunner.hasWaiting) {
      return;
    }
    this.unref(); // from here on only a handler can still be running
    if (!this.#handlerRunner.isHandling && !this.#isOver) {
      this.#isOver = true;
      this.#finish();
    }
  }

  #finish() {
    this.#handlerRunner.release();
    this.#waiters.look();
    const error = this.#endError();
    // A registration that fails rejects its promise, so it is not logged.
    if (error !== undefined && error.code !== 'StoreClosed' && (this.isLive || this.#isReady)) {
      this.#log.ended(error, this.progress());
    }
    this.store = undefined;
    this.#ready.reject(
      error ?? cancelled(this.#signal ?? {}, 'unsubscribed before the replay was done'),
    );
    // For an open subscription closing the store is a normal end; for a registration that waits for
    // its replay it is a failure.
    if (error === undefined || error.code === 'StoreClosed') {
      this.#closed.resolve();
    } else {
      this.#closed.reject(error);
    }
  }

  #endError() {
    const { status, text } = this.#end;
    if (status === OK || this.#unreadable !== undefined) {
      return this.#unreadable;
    }
    const error = makeError(status, text);
    if (error.code === 'HandlerFailed' && this.#failure !== undefined) {
      Object.defineProperty(error, 'cause', {
        value: this.#failure.value,
        configurable: true,
        writable: true,
      });
    }
    return error;
  }
}

module.exports = { Stream };
