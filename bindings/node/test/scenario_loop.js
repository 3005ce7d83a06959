'use strict';

const assert = require('node:assert/strict');

const { patience } = require('./until.js');

const WAIT_MAX_MS = 10_000 * patience;

/** A `for await` over the batches of a stream that a scenario takes step by step. */
class Loop {
  #batches;
  #batch; // in hand

  constructor(batches) {
    this.#batches = batches;
  }

  async next() {
    const late = setTimeout(() => this.leave(), WAIT_MAX_MS);
    const { done, value } = await this.#batches.next().finally(() => clearTimeout(late));
    assert.ok(!done, 'the loop has ended, or no batch came');
    this.#batch = value;
    return value;
  }

  acknowledge() {
    this.#batch.ack();
  }

  leave() {
    return this.#batches.return();
  }

  async ended() {
    const { done, value } = await this.#batches.next();
    assert.ok(done, `the loop goes on with ${value}`);
  }
}

module.exports = { Loop };
