'use strict';

const { patience } = require('./until.js');

const WAIT_MAX_MS = 10_000 * patience;

/** A handler that keeps what it is given, and lets a test wait for the next batch. */
class Deliveries {
  #batches = [];
  #waiting = [];

  /** `handle` decides the outcome, as the handler of a stream does. */
  constructor(handle = () => undefined) {
    this.handler = (events) => {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) {
        this.#batches.push(events);
      } else {
        waiting(events);
      }
      return handle(events);
    };
  }

  /** How many batches came that nobody has asked for yet. */
  get unread() {
    return this.#batches.length;
  }

  next() {
    if (this.#batches.length > 0) {
      return Promise.resolve(this.#batches.shift());
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no batch within ${WAIT_MAX_MS} ms`)),
        WAIT_MAX_MS,
      );
      this.#waiting.push((events) => {
        clearTimeout(timer);
        resolve(events);
      });
    });
  }

  /** The event types of the next `count` batches, each joined by spaces. */
  async types(count) {
    const seen = [];
    for (let i = 0; i < count; i++) {
      seen.push((await this.next()).map((event) => event.event_type).join(' '));
    }
    return seen;
  }
}

/** A promise and what settles it. */
function signal() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

module.exports = { Deliveries, signal };
