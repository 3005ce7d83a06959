'use strict';

const decode = require('./decode.js');
const { handOver } = require('./native.js');

/**
 * Calls the handler of one stream, for one batch at a time and in order. Batches of a live stream
 * that come while a handler's promise is pending wait here; the addon bounds how many there are
 * (src/streams.c). Those of a durable stream come one by one.
 *
 * `stream` gets the outcome of each: `handled(batch)`, `failed(batch, failure)`, and
 * `unreadable(error)` for a batch that cannot be given to the handler; `idle()` follows when no
 * handler runs and nothing waits.
 */
class HandlerRunner {
  #stream;
  #handler;
  #rawPayloads;
  #waiting = [];
  #isPending = false; // the handler's promise has not settled yet
  #isHandling = false; // from the call of the handler until its outcome
  #isStopped = false;
  #hasDropped = false; // batches were left unhandled
  #last = 0n; // the newest fact that a handler was called for

  constructor(stream, handler, rawPayloads) {
    this.#stream = stream;
    this.#handler = handler;
    this.#rawPayloads = rawPayloads;
  }

  get isHandling() {
    return this.#isHandling;
  }

  get hasWaiting() {
    return this.#waiting.length > 0;
  }

  /** Reports whether batches that came were not handled, or not yet. */
  get isBehind() {
    return this.#isHandling || this.hasWaiting || this.#hasDropped;
  }

  /** Returns the number of the newest fact that came, 0n if none did. */
  lastReceived() {
    if (!this.hasWaiting) {
      return this.#last;
    }
    try {
      return decode.batch(this.#waiting.at(-1).text, this.#rawPayloads).at(-1).sequence_number;
    } catch {
      return this.#last; // what cannot be read is not handled either
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
  }

  /** The stream has ended: a subscription that is kept must not keep its handler. */
  release() {
    this.#handler = undefined;
  }

  add(delivery, text) {
    if (!this.#isStopped && (this.#isPending || this.hasWaiting)) {
      this.#waiting.push({ delivery, text });
    } else {
      this.#deliver(delivery, text);
    }
  }

  #deliver(delivery, text) {
    if (this.#isStopped) {
      this.#hasDropped = true; // and stays without an answer
      return;
    }
    let events;
    try {
      events = decode.batch(text, this.#rawPayloads);
    } catch (error) {
      this.#stream.unreadable(error);
      return;
    }
    const batch = {
      delivery,
      first: events[0].sequence_number,
      last: events[events.length - 1].sequence_number,
    };
    this.#last = batch.last;
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
      this.#stream.handled(batch);
    }
  }

  #fail(batch, failure) {
    this.#isHandling = false;
    this.#stream.failed(batch, failure);
  }

  #settle(tell) {
    this.#isPending = false;
    tell();
    this.#goOn();
  }

  #goOn() {
    if (this.hasWaiting && !this.#isPending) {
      handOver(() => this.#deliverWaiting());
    } else {
      this.#stream.idle();
    }
  }

  #deliverWaiting() {
    if (!this.#isStopped) {
      const { delivery, text } = this.#waiting.shift();
      this.#deliver(delivery, text);
    }
    this.#goOn();
  }
}

module.exports = { HandlerRunner };
