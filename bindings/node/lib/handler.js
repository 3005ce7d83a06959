'use strict';

const decode = require('./decode.js');
const { handOver } = require('./native.js');

/**
 * Calls the handler of one stream, for one batch at a time and in order. Batches come several at
 * once, in one text. Each next one is handed over by a turn of its own (native.js), so timers and
 * I/O come in between; `#rest` holds those of a text whose handling has begun. Texts of a live
 * stream that come meanwhile wait in `#waiting`, and the addon bounds how many there are
 * (src/streams.c); those of a durable stream come one by one.
 *
 * `stream` gets the outcome of each batch, `handled(batch)` or `failed(batch, failure)`, and
 * returns whether the next batch of the same text may be handled; if not, the library has taken
 * back what is left. It also gets `unreadable(error)` for a batch that cannot be given to the
 * handler, and `idle()` when no handler runs and nothing waits.
 */
class HandlerRunner {
  #stream;
  #handler;
  #reads;
  #waiting = [];
  #rest; // { delivery, batches, next, error }
  #deliverNext = () => this.#deliverWaiting();
  #isPending = false; // the handler's promise has not settled yet
  #isHandling = false; // from the call of the handler until its outcome
  #isStopped = false;
  #hasDropped = false; // batches were left unhandled
  #last = 0n; // the position of the newest batch that a handler was called for

  constructor(stream, handler, reads) {
    this.#stream = stream;
    this.#handler = handler;
    this.#reads = reads;
  }

  get isHandling() {
    return this.#isHandling;
  }

  get hasWaiting() {
    return this.#rest !== undefined || this.#waiting.length > 0;
  }

  /** Reports whether batches that came were not handled, or not yet. */
  get isBehind() {
    return this.#isHandling || this.hasWaiting || this.#hasDropped;
  }

  /** Returns the position of the newest batch that came, 0n if none did. */
  lastReceived() {
    const waiting = this.#waiting.at(-1);
    try {
      return decode.batches(waiting.text, { raw: true }).batches.at(-1).position;
    } catch {
      return this.#last; // none waits
    }
  }

  /**
   * No delivery starts any more, not even of a batch that came before. A handler that never settles
   * must not keep the process alive for batches that it will never get. // G17
   */
  stop() {
    this.#isStopped = true;
    this.#hasDropped ||= this.hasWaiting;
    this.#waiting = [];
    this.#rest = undefined;
  }

  /** Leaves what came along with the batch that is being handled. */
  dropRest() {
    this.#rest = undefined;
  }

  /** The stream has ended: a subscription that is kept must not keep its handler. */
  release() {
    this.#handler = undefined;
  }

  add(delivery, text) {
    if (this.#isStopped) {
      this.#hasDropped = true; // and stays without an answer
    } else if (this.#isPending || this.hasWaiting) {
      this.#waiting.push({ delivery, text });
    } else {
      this.#begin(delivery, text);
      if (this.hasWaiting && !this.#isPending) {
        handOver(this.#deliverNext);
      }
    }
  }

  #begin(delivery, text) {
    this.#rest = { delivery, next: 0, ...decode.batches(text, this.#reads) };
    this.#deliver();
  }

  #deliver() {
    const { delivery, batches, next, error } = this.#rest;
    if (next === batches.length) {
      this.#rest = undefined;
      this.#stream.unreadable(error);
      return;
    }
    const events = batches[next];
    batches[next] = undefined;
    const isLast = ++this.#rest.next === batches.length && error === undefined;
    if (isLast) {
      this.#rest = undefined;
    }
    const batch = {
      delivery: delivery === 0n ? delivery : delivery + BigInt(next),
      isLast,
      first: events[0].sequence_number,
      last: events[events.length - 1].sequence_number,
      position: events.position,
    };
    this.#last = batch.position;
    let outcome;
    this.#isHandling = true;
    try {
      const handler = this.#handler;
      outcome = handler(events);
      if (typeof outcome?.then === 'function') {
        outcome = Promise.resolve(outcome);
      }
    } catch (failure) {
      this.#fail(batch, failure);
      return;
    }
    if (outcome instanceof Promise) {
      this.#isPending = true;
      outcome.then(
        (value) => this.#settle(() => this.#finish(batch, value)),
        (failure) => this.#settle(() => this.#fail(batch, failure)),
      );
    } else {
      this.#finish(batch, outcome);
    }
  }

  #finish(batch, outcome) {
    if (outcome === false) {
      this.#fail(batch, new Error('the handler answered false'));
    } else {
      this.#isHandling = false;
      this.#goesOn(this.#stream.handled(batch));
    }
  }

  #fail(batch, failure) {
    this.#isHandling = false;
    this.#goesOn(this.#stream.failed(batch, failure));
  }

  #goesOn(may) {
    if (!may) {
      this.#rest = undefined;
    }
  }

  #settle(tell) {
    this.#isPending = false;
    tell();
    this.#goOn();
  }

  #goOn() {
    if (this.hasWaiting && !this.#isPending) {
      handOver(this.#deliverNext);
    } else {
      this.#stream.idle();
    }
  }

  #deliverWaiting() {
    if (this.#rest !== undefined) {
      this.#deliver();
    } else if (this.#waiting.length > 0) {
      const { delivery, text } = this.#waiting.shift();
      this.#begin(delivery, text);
    }
    this.#goOn();
  }
}

module.exports = { HandlerRunner };
