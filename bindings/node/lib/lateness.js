'use strict';

// A live stream is late when a fact is not handled so long after its append was answered.
const LATE_MS = 20;

/**
 * How far one live stream is behind the answers to this process's appends. `answered.number` is
 * what the newest answer said.
 */
class Lateness {
  #answered;
  #milestone = { number: 0n, time: 0 }; // what was answered at that time

  constructor(answered) {
    this.#answered = answered;
  }

  /** Reports whether the stream is late; `isBehind(number)` whether it has not handled so far. */
  look(now, isBehind) {
    const { number, time } = this.#milestone;
    if (!isBehind(number)) {
      this.#milestone = { number: this.#answered.number, time: now };
      return false;
    }
    return now - time > LATE_MS;
  }
}

module.exports = { Lateness };
