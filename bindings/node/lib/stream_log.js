'use strict';

const { performance } = require('node:perf_hooks');

const { describe } = require('./errors.js');
const { log } = require('./log.js');

// A failing handler is logged once in this time, with how many failures were left out.
const PAUSE_MS = 1000;

function stackAttribute(failure) {
  return typeof failure?.stack === 'string' ? { stack: failure.stack } : {};
}

/**
 * What one stream logs to the log of its store. `durableName` is undefined for a stream
 * without a cursor, `numberOf` returns the stream's number in its store.
 */
class StreamLog {
  #storeHandle;
  #numberOf;
  #name;
  #nameAttribute;
  #lastTold = -Infinity; // when a failure was logged
  #untold = 0;
  #failedFirst; // of the batch that failed last
  #attempt; // at that batch

  constructor(storeHandle, isLive, durableName, numberOf) {
    this.#storeHandle = storeHandle;
    this.#numberOf = numberOf;
    this.#name = isLive ? 'a live stream' : 'a stream';
    this.#nameAttribute = {};
    if (durableName !== undefined) {
      this.#name = `the durable stream ${JSON.stringify(durableName)}`;
      this.#nameAttribute = { durable_name: durableName };
    }
  }

  handlerFailed({ first, last }, failure) {
    this.#attempt = first === this.#failedFirst ? this.#attempt + 1 : 1;
    this.#failedFirst = first;
    if (performance.now() - this.#lastTold < PAUSE_MS) {
      this.#untold++;
      return;
    }
    const message = `the handler of ${this.#name} failed on facts ${first} to ${last}: ${describe(failure)}`;
    log(this.#storeHandle, 'warning', 'handler_failed', message, {
      stream: this.#numberOf(),
      ...this.#nameAttribute,
      error: describe(failure),
      first,
      last,
      attempt: this.#attempt,
      ...(this.#untold > 0 ? { untold: this.#untold } : {}),
      ...stackAttribute(failure),
    });
    this.#lastTold = performance.now();
    this.#untold = 0;
  }

  ended(error, { position, stored_cursor }) {
    const message = `${this.#name} has ended: ${error.message}`;
    log(this.#storeHandle, 'error', 'stream_ended', message, {
      stream: this.#numberOf(),
      ...this.#nameAttribute,
      code: error.code,
      error: error.message,
      position,
      stored_cursor,
      ...stackAttribute(error.cause ?? error),
    });
  }

  cut(position, head) {
    const message = `the store was closed before a live stream got the facts after ${position} up to ${head}: its handler took longer than closeTimeoutMs`;
    log(this.#storeHandle, 'warning', 'deliveries_cut', message, {
      stream: this.#numberOf(),
      position,
      through: head,
    });
  }
}

module.exports = { StreamLog };
