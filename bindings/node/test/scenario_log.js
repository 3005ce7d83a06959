'use strict';

const assert = require('node:assert/strict');

const { until } = require('./until.js');

/** What a store logs, for a scenario that asks for it. */
class ScenarioLog {
  #records = [];

  onLog = (record) => this.#records.push(record);

  /** The next record of an event; records of different events have no order. */
  async next(event) {
    const at = () => this.#records.findIndex((record) => record.event === event);
    await until(() => at() >= 0, `no record of ${event} was logged`);
    const [record] = this.#records.splice(at(), 1);
    assert.ok(record.message, `a record of ${event} has no message`);
    return record;
  }
}

module.exports = { ScenarioLog };
