'use strict';

const { inspect } = require('node:util');

const fromThisFile = Symbol('EventStreamSubscription');

/** What the program holds of an open stream. */
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

  waitFor(number, options) {
    return this.#stream.waitFor(number, options);
  }

  unsubscribe() {
    this.#stream.unsubscribe();
  }

  [inspect.custom](depth, options) {
    return `EventStreamSubscription ${inspect(this.#stream.shown(), options)}`;
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

function subscriptionOf(stream) {
  return new EventStreamSubscription(fromThisFile, stream);
}

module.exports = { EventStreamSubscription, subscriptionOf };
