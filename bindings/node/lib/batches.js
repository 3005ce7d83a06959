'use strict';

const { cancelled } = require('./abort.js');
const { withFrames } = require('./errors.js');

/**
 * The batches of a stream, for one `for await`. The stream's handler hands over one batch and
 * returns a promise, which is settled when the batch is acknowledged: when the next one is asked
 * for, or by its ack(). So the stream waits for the loop, and no batch is taken ahead of it.
 *
 * Leaving the loop unsubscribes first. The promise of the batch in hand is settled after that, so
 * that the stream can end, and the library takes no answer any more: it stays unacknowledged.
 */
class Batches {
  #stream;
  #signal;
  #offered; // { batch, handled } that the loop has not taken
  #inHand; // that it has, and has not acknowledged
  #answered; // the promise of the batch that was acknowledged last
  #wake; // the loop waits for a batch or for the end
  #isOver = false; // the stream has ended
  #asked = Promise.resolve(); // the answer to the newest next()

  constructor(signal) {
    this.#signal = signal;
  }

  handler = (events) => {
    let settle;
    const outcome = new Promise((resolve) => (settle = resolve));
    const handled = () => {
      if (this.#inHand?.handled === handled) {
        this.#inHand = undefined;
        this.#answered = outcome;
      }
      settle();
    };
    const batch = Object.defineProperty(events, 'ack', { value: handled });
    this.#offered = { batch, handled };
    this.#wake?.();
    return outcome;
  };

  of(stream) {
    this.#stream = stream;
    const over = () => {
      this.#isOver = true;
      this.#wake?.();
    };
    stream.closed.then(over, over);
    return this;
  }

  next() {
    const before = this.#asked;
    this.#asked = before.then(
      () => this.#next(),
      () => this.#next(),
    );
    return this.#asked;
  }

  async #next() {
    this.#inHand?.handled();
    while (this.#offered === undefined && !this.#isOver) {
      await new Promise((resolve) => (this.#wake = resolve));
    }
    if (this.#offered === undefined || this.#stream.isUnsubscribed) {
      await withFrames(this.#stream.closed);
      if (this.#signal?.aborted) {
        throw cancelled(this.#signal, 'aborted while it was iterated over');
      }
      return { done: true, value: undefined };
    }
    this.#inHand = this.#offered;
    this.#offered = undefined;
    return { done: false, value: this.#inHand.batch };
  }

  async return(value) {
    await this.#answered; // the library knows of it then
    this.#stream.unsubscribe();
    this.#inHand?.handled();
    this.#offered?.handled();
    await this.#stream.closed.catch(() => {}); // who leaves does not want to know
    return { done: true, value };
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

module.exports = { Batches };
