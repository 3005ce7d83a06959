'use strict';

const { performance } = require('node:perf_hooks');

const { begin, cancelled, signalOf } = require('./abort.js');
const decode = require('./decode.js');
const encode = require('./encode.js');
const { describe, invalidArgument } = require('./errors.js');
const { log } = require('./log.js');
const {
  OK,
  handOver,
  holdLoop,
  makeError,
  native,
  receivers,
  releaseLoop,
} = require('./native.js');
const { watch } = require('./progress.js');

// Open streams by id. An entry keeps its store and its handler from being collected until the
// stream has ended.
const streams = new Map();
let lastId = 0;

function settlement() {
  const result = {};
  result.promise = new Promise((resolve, reject) => {
    result.resolve = resolve;
    result.reject = reject;
  });
  // Nobody has to look: a failure that is not looked at must not end the process as an unhandled
  // rejection.
  result.promise.catch(() => {});
  return result;
}

function stackAttribute(failure) {
  return typeof failure?.stack === 'string' ? { stack: failure.stack } : {};
}

/**
 * One registration: turns what the library reports into calls of the handler and answers of its
 * deliveries.
 */
class Stream {
  #handle; // undefined before it is opened and after it was closed
  #handler;
  #rawPayloads;
  #onError;
  #signal;
  #ignoreAbort;
  #id = ++lastId;
  #ready = settlement();
  #closed = settlement();
  #unsubscribed = false;
  #end; // { status, text } once the library reported it
  #running = false; // an asynchronous handler has not settled yet
  #waiting = []; // batches of a live stream that came meanwhile
  #handled; // the last number that the handler of a live stream has got over
  #storeHandle;
  #isReady = false;
  #retries; // a failed batch is delivered again
  #durableName; // undefined: live
  #lastTold = -Infinity; // when a failure of the handler was logged
  #untold = 0;
  #isHandling = false; // from the call of the handler until its outcome
  #isOver = false; // #finish was called
  #dropped = false; // batches were left unhandled
  #holdsLoop = false;
  #failure; // what the handler threw last
  #unreadable; // why a batch could not be given to the handler, which ended the stream
  #stopWatching; // while onProgress is called
  #lastProgress; // text, for when the library does not know the stream any more

  constructor({ store, handle, rawPayloads }, durableName, handler, options) {
    if (typeof handler !== 'function') {
      throw invalidArgument('handle must be a function');
    }
    const { onError } = options;
    if (!encode.isAbsent(onError) && typeof onError !== 'function') {
      throw invalidArgument('options.onError must be a function');
    }
    this.store = store;
    this.#storeHandle = handle;
    this.#durableName = durableName;
    this.#rawPayloads = rawPayloads;
    this.#handler = handler;
    this.#onError = onError;
    this.#retries = !encode.isAbsent(options.retry);
    this.#signal = signalOf(options);
  }

  get ready() {
    return this.#ready.promise;
  }

  get closed() {
    return this.#closed.promise;
  }

  get isLive() {
    return this.#durableName === undefined;
  }

  open(registration) {
    if (this.#signal?.aborted) {
      throw cancelled(this.#signal, 'aborted before the stream was opened');
    }
    this.#ignoreAbort = begin(
      () =>
        (this.#handle = native.openStream(this.#storeHandle, registration, this.#id, this.isLive)),
      this.#signal,
      () => this.unsubscribe(),
    );
    streams.set(this.#id, this);
    this.ref();
  }

  /** Calls onProgress until the replay is done or given up. */
  watchReplay(onProgress) {
    this.#stopWatching = watch(this, onProgress);
  }

  progress() {
    const text = this.#handle === undefined ? undefined : native.progress(this.#handle);
    if (text === undefined) {
      return { ...this.#place(this.#lastProgress), state: 'ended', failure: null };
    }
    this.#lastProgress = text;
    return this.#place(text);
  }

  // The library takes batches for handled that a live stream has still to handle.
  #place(text) {
    const progress = decode.progress(text);
    const isBehind =
      this.isLive &&
      (this.#isHandling ||
        this.#waiting.length > 0 ||
        this.#dropped ||
        native.hasBatches(this.#id));
    return isBehind ? { ...progress, position: this.#handled ?? progress.stored_cursor } : progress;
  }

  isBehind(head) {
    if (this.#unsubscribed) {
      return false;
    }
    try {
      const { position, state, failure } = this.progress();
      return position < head && state !== 'ended' && failure === null;
    } catch {
      return false; // a defect of the library must not keep the store from being closed
    }
  }

  /** Gives up what is to be delivered up to `head`: closing the store has taken its time. */
  cut(head) {
    const { position } = this.progress();
    this.unsubscribe();
    const message = `the store was closed before a live stream got the facts after ${position} up to ${head}: its handler took longer than closeTimeoutMs`;
    log(this.#storeHandle, 'warning', 'deliveries_cut', message, { position, through: head });
  }

  unsubscribe() {
    if (!this.#unsubscribed) {
      this.#unsubscribed = true;
      this.#stopWatching?.();
      // A handler that never settles must not keep the process for what it will never get.
      this.#dropped ||= this.#waiting.length > 0;
      this.#waiting = [];
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
    if (!this.#unsubscribed && (this.#running || this.#waiting.length > 0)) {
      this.#waiting.push({ delivery, text });
    } else {
      this.#deliver(delivery, text);
    }
  }

  #deliver(delivery, text) {
    // Queued before unsubscribe() returned: it must not start any more, and stays unanswered. //
    // G17
    if (this.#unsubscribed) {
      this.#dropped = true;
      return;
    }
    let events;
    try {
      events = decode.batch(text, this.#rawPayloads);
    } catch (error) {
      // No failure of the handler: trying again would not help, and going on would leave facts out.
      this.#unreadable = error;
      this.unsubscribe();
      return;
    }
    const batch = {
      delivery,
      first: events[0].sequence_number,
      last: events[events.length - 1].sequence_number,
    };
    let outcome;
    this.#isHandling = true;
    try {
      const handler = this.#handler;
      outcome = handler(events);
      if (typeof outcome?.then === 'function') {
        outcome = Promise.resolve(outcome);
      }
    } catch (failure) {
      this.#refuse(batch, failure);
      return;
    }
    if (outcome instanceof Promise) {
      this.#running = true;
      outcome.then(
        (value) => this.#settle(() => this.#answer(batch, value)),
        (failure) => this.#settle(() => this.#refuse(batch, failure)),
      );
    } else {
      this.#answer(batch, outcome);
    }
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
    streams.delete(this.#id);
    this.#stopWatching?.();
    this.#ignoreAbort?.();
    // A delivery that is still being handled takes no answer any more, so the handle has no further
    // use.
    native.closeStream(this.#handle);
    this.#handle = undefined;
    this.#finishIfOver();
  }

  #settle(answer) {
    this.#running = false;
    answer();
    if (this.#waiting.length > 0) {
      handOver(() => this.#deliverWaiting());
    } else {
      this.#finishIfOver();
    }
  }

  #deliverWaiting() {
    if (!this.#unsubscribed) {
      const { delivery, text } = this.#waiting.shift();
      this.#deliver(delivery, text);
    }
    if (this.#waiting.length > 0 && !this.#running) {
      handOver(() => this.#deliverWaiting());
    } else {
      this.#finishIfOver();
    }
  }

  #finishIfOver() {
    if (this.#end === undefined || this.#waiting.length > 0) {
      return;
    }
    this.unref(); // from here on only a handler could still be running
    if (!this.#isHandling && !this.#isOver) {
      this.#isOver = true;
      this.#finish();
    }
  }

  // A delivery that is no longer open (unsubscribed, store closed) takes no answer, and none is
  // needed.
  #answer(batch, outcome) {
    this.#isHandling = false;
    if (outcome === false) {
      this.#refuse(batch, new Error('the handler answered false'));
    } else {
      this.#acknowledge(batch);
    }
  }

  #acknowledge({ delivery, last }) {
    this.#handled = last;
    if (this.#handle !== undefined && delivery !== 0n) {
      native.acknowledge(this.#handle, delivery);
    }
  }

  #refuse(batch, failure) {
    this.#isHandling = false;
    this.#failure = { value: failure };
    if (this.isLive) {
      this.#acknowledge(batch); // it goes on behind it
    } else if (this.#handle !== undefined) {
      native.refuse(this.#handle, batch.delivery, describe(failure));
    }
    if (this.#onError) {
      // On its own: what onError throws is the program's uncaught exception and leaves the stream
      // as it is.
      queueMicrotask(() => this.#onError(failure));
    } else if (this.isLive || this.#retries) {
      this.#logFailure(batch, failure);
    }
  }

  // Once a second at most; a durable stream that ends by it logs its end.
  #logFailure({ first, last }, failure) {
    if (performance.now() - this.#lastTold < 1000) {
      this.#untold++;
      return;
    }
    const what = this.isLive
      ? 'a live stream'
      : `the durable stream ${JSON.stringify(this.#durableName)}`;
    log(
      this.#storeHandle,
      'warning',
      'handler_failed',
      `the handler of ${what} failed on facts ${first} to ${last}: ${describe(failure)}`,
      {
        ...this.#nameAttribute(),
        error: describe(failure),
        first,
        last,
        ...(this.#untold > 0 ? { untold: this.#untold } : {}),
        ...stackAttribute(failure),
      },
    );
    this.#lastTold = performance.now();
    this.#untold = 0;
  }

  #logEnd(error) {
    const what = this.isLive
      ? 'a live stream'
      : `the durable stream ${JSON.stringify(this.#durableName)}`;
    const { position, stored_cursor } = this.progress();
    log(this.#storeHandle, 'error', 'stream_ended', `${what} has ended: ${error.message}`, {
      ...this.#nameAttribute(),
      code: error.code,
      error: error.message,
      position,
      stored_cursor,
      ...stackAttribute(error.cause ?? error),
    });
  }

  #nameAttribute() {
    return this.isLive ? {} : { durable_name: this.#durableName };
  }

  // The stream has ended and none of its handlers is running.
  #finish() {
    this.#handler = undefined;
    const error = this.#endError();
    // Who registers is told by the promise of the registration.
    if (error !== undefined && error.code !== 'StoreClosed' && (this.isLive || this.#isReady)) {
      this.#logEnd(error);
    }
    this.store = undefined; // a subscription that is kept must not keep its store
    this.#ready.reject(
      error ?? cancelled(this.#signal ?? {}, 'unsubscribed before the replay was done'),
    );
    // Closing the store is a normal end for who watches the stream, though not for who waits for
    // its replay.
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

receivers.batch = (id, delivery, text) => streams.get(id)?.onBatch(delivery, text);
receivers.ready = (id) => streams.get(id)?.onReady();
receivers.progress = (id, text) => streams.get(id)?.onLastProgress(text);
receivers.end = (id, status, text) => streams.get(id)?.onEnd(status, text);

const fromThisFile = Symbol('EventStreamSubscription');

class EventStreamSubscription {
  #stream;

  constructor(token, stream) {
    if (token !== fromThisFile) {
      throw new TypeError(
        'an EventStreamSubscription comes from a store, for example store.streamAll(handle)',
      );
    }
    this.#stream = stream;
  }

  get closed() {
    return this.#stream.closed;
  }

  progress() {
    return this.#stream.progress();
  }

  unsubscribe() {
    this.#stream.unsubscribe();
  }

  ref() {
    this.#stream.ref();
    return this;
  }

  unref() {
    this.#stream.unref();
    return this;
  }
}

if (Symbol.dispose !== undefined) {
  EventStreamSubscription.prototype[Symbol.dispose] = function dispose() {
    this.unsubscribe();
  };
}
if (Symbol.asyncDispose !== undefined) {
  EventStreamSubscription.prototype[Symbol.asyncDispose] = async function asyncDispose() {
    this.unsubscribe();
    await this.closed;
  };
}

const liveOptions = ['signal', 'onError'];
const durableOptions = [...liveOptions, 'onProgress', 'retry', 'cursorEvery'];

/** Opens a stream on `source`, the { store, handle, rawPayloads } of a store. */
function open(source, durableName, registration, handler, options) {
  const stream = new Stream(source, durableName, handler, options);
  stream.open(registration);
  return { stream, subscription: new EventStreamSubscription(fromThisFile, stream) };
}

function openLive(source, query, handler, options) {
  const given = encode.options(options, liveOptions);
  const { subscription } = open(
    source,
    undefined,
    encode.registration(query, undefined, {}),
    handler,
    given,
  );
  return subscription;
}

async function openDurable(source, durable, query, handler, options) {
  const given = encode.options(options, durableOptions);
  const { onProgress } = given;
  if (!encode.isAbsent(onProgress) && typeof onProgress !== 'function') {
    throw invalidArgument('options.onProgress must be a function');
  }
  const registration = encode.registration(query, durable, given);
  const { stream, subscription } = open(source, durable.name, registration, handler, given);
  if (onProgress) {
    stream.watchReplay(onProgress);
  }
  await stream.ready;
  return subscription;
}

function streamsOf(store) {
  return [...streams.values()].filter((stream) => stream.store === store);
}

function hasLiveStreams(store) {
  return streamsOf(store).some((stream) => stream.isLive);
}

/** The live streams that have still to handle something up to `head`, and can. */
function streamsBehind(store, head) {
  return streamsOf(store).filter((stream) => stream.isLive && stream.isBehind(head));
}

/**
 * Before the store is closed, which releases the handles of its streams: they can tell afterwards
 * where they stood.
 */
function keepProgress(store) {
  for (const stream of streamsOf(store)) {
    try {
      stream.progress();
    } catch {
      // A defect of the library must not keep the store from being closed.
    }
  }
}

/** Settles when every stream of the store has ended. */
function allClosed(store) {
  return Promise.allSettled(streamsOf(store).map((stream) => stream.closed));
}

module.exports = {
  EventStreamSubscription,
  allClosed,
  hasLiveStreams,
  keepProgress,
  openDurable,
  openLive,
  streamsBehind,
};
