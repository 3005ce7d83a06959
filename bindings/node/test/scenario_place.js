'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const { openAt } = require('./stores.js');

const program = path.join(__dirname, '../../../interop/testdata/run_sql.py');

/** Where a scenario opens its stores, one after the other. */
class ScenarioPlace {
  #t;
  #place;

  /** `kind` and `newPlace` are those of `places` in stores.js. */
  constructor(t, kind, newPlace) {
    this.#t = t;
    this.#place = newPlace(t);
    this.kind = kind;
  }

  open(more) {
    const { store, args } = this.#place;
    const [first, options] = [args.slice(0, -1), args.at(-1)];
    return openAt(this.#t, { store, args: [...first, { ...options, ...more }] });
  }

  /** Runs SQL in the database, as another program does, while no store is open. */
  runSql(sql) {
    const [place, options] = this.#place.args;
    const script = this.kind === 'postgres' ? `SET search_path TO ${options.schema}; ${sql}` : sql;
    const { status, stderr } = spawnSync('python3', [program, this.kind, place, script], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${program} failed: ${stderr}`);
  }
}

module.exports = { ScenarioPlace };
