'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { Deliveries } = require('./deliveries.js');
const {
  asked,
  camelCase,
  compare,
  failure,
  outcome,
  records,
  spelled,
  version,
} = require('./scenario_answers.js');
const { ScenarioLog } = require('./scenario_log.js');
const { Loop } = require('./scenario_loop.js');

/** The two forms of every call; a scenario must come out the same in both. */
const calls = {
  blocking: {
    append: async (store, events) => store.append(events),
    appendIf: async (store, events, query, expected) => store.appendIf(events, query, expected),
    appendWhen: async (store, events, conditions) => store.appendWhen(events, conditions),
    query: async (store, query) => store.query(query),
  },
  promises: {
    append: (store, events) => store.appendAsync(events),
    appendIf: (store, events, query, expected) => store.appendIfAsync(events, query, expected),
    appendWhen: (store, events, conditions) => store.appendWhenAsync(events, conditions),
    query: (store, query) => store.queryAsync(query),
  },
};

/** Plays the steps of a scenario; the format is described beside the scenarios. */
class ScenarioPlayer {
  #place;
  #log = new ScenarioLog();
  #store;
  #calls;
  #streams = new Map();
  #loops = new Map();

  constructor(place, form) {
    this.#place = place;
    this.#store = this.#open();
    this.#calls = calls[form];
  }

  #open(options) {
    return this.#place.open({ onLog: this.#log.onLog, ...options });
  }

  static forms = Object.keys(calls);

  async play(steps) {
    try {
      await this.#playAll(steps);
    } finally {
      await Promise.all([...this.#loops.values()].map((loop) => loop.leave()));
    }
  }

  async #playAll(steps) {
    const kinds = {
      append: (step) => this.#append(step),
      append_if: (step) => this.#appendIf(step),
      append_when: (step) => this.#appendWhen(step),
      decide: (step) => this.#decide(step),
      query: (step) => this.#query(step),
      explain: (step) => this.#explain(step),
      read: (step) => this.#read(step),
      verify: (step) => this.#verify(step),
      backup: (step) => this.#backup(step),
      statistics: (step) => this.#statistics(step),
      logs: (step) => this.#logs(step),
      open: (step) => this.#openStream(step),
      iterate: (step) => this.#iterate(step),
      acknowledge: (step) => this.#loops.get(step.stream).acknowledge(),
      receives: (step) => this.#receives(step),
      wait_for: (step) =>
        this.#waits(step, (options) =>
          this.#streams.get(step.stream).subscription.waitFor(BigInt(step.wait_for), options),
        ),
      wait_for_cursor: (step) =>
        this.#waits(step, (options) =>
          this.#store.waitForCursor(
            step.wait_for_cursor.name,
            BigInt(step.wait_for_cursor.number),
            options,
          ),
        ),
      cursors: (step) => this.#cursors(step),
      cursor_reset: ({ cursor_reset: { name, to }, ...step }) =>
        this.#changes(step, () => this.#store.cursorReset(name, BigInt(to))),
      cursor_copy: ({ cursor_copy: { from, to }, ...step }) =>
        this.#changes(step, () => this.#store.cursorCopy(from, to)),
      parked: (step) => this.#parked(step),
      redeliver_parked: ({ redeliver_parked: { name, positions }, ...step }) =>
        this.#parkedFound(step, () => this.#store.redeliverParked(name, positions?.map(BigInt))),
      discard_parked: ({ discard_parked: { name, positions }, ...step }) =>
        this.#parkedFound(step, () => this.#store.discardParked(name, positions?.map(BigInt))),
      cursor_delete: ({ cursor_delete: { name }, ...step }) =>
        this.#changes(step, () => this.#store.cursorDelete(name)),
      unsubscribe: ({ stream }) =>
        this.#loops.has(stream)
          ? this.#loops.get(stream).leave()
          : this.#streams.get(stream).subscription.unsubscribe(),
      ends: (step) => this.#ends(step),
      reopen: (step) => this.#reopen(step),
      sql: (step) => this.#sql(step),
    };
    for (const [i, step] of steps.entries()) {
      const kind = Object.keys(kinds).find((name) => name in step);
      assert.ok(kind, `step ${i + 1} is of no known kind: ${JSON.stringify(step)}`);
      try {
        await kinds[kind](step);
      } catch (error) {
        error.message = `step ${i + 1}: ${error.message}`;
        throw error;
      }
    }
  }

  /** By the store that is open, or by another one on the same log. */
  async #append({ append, elsewhere, gives, fails }) {
    const store = elsewhere ? this.#open() : this.#store;
    compare(await outcome(() => this.#calls.append(store, append)), gives, fails);
    if (elsewhere) {
      store.close();
    }
  }

  async #appendIf({ append_if: { events, query, expected }, gives, fails }) {
    compare(
      await outcome(() =>
        this.#calls.appendIf(this.#store, events, asked(query), version(expected)),
      ),
      gives,
      fails,
    );
  }

  async #appendWhen({ append_when: { events, conditions }, gives, fails }) {
    const given = conditions.map(({ fail_if_events_match, after }) => ({
      fail_if_events_match: asked(fail_if_events_match),
      after: version(after),
    }));
    compare(await outcome(() => this.#calls.appendWhen(this.#store, events, given)), gives, fails);
  }

  /** The function is called exactly as often as `calls` say. */
  async #decide({ decide: { query, attempts, calls }, gives, fails }) {
    let called = 0;
    const decide = async ({ event_records }) => {
      const call = calls[called++];
      assert.ok(call, `the function is called for the time ${called} of ${calls.length}`);
      const numbers = event_records.map(({ sequence_number }) => Number(sequence_number));
      assert.deepEqual(numbers, call.sees, `call ${called}`);
      if (call.meanwhile !== undefined) {
        await this.#calls.append(this.#store, call.meanwhile);
      }
      return call.returns;
    };
    const options = attempts === undefined ? undefined : { attempts };
    compare(await outcome(() => this.#store.decide(asked(query), decide, options)), gives, fails);
    assert.equal(called, calls.length, 'the function was not called so often');
  }

  async #query({ query, gives, fails }) {
    compare(await outcome(() => this.#calls.query(this.#store, asked(query))), gives, fails);
  }

  async #read({ read, gives, fails }) {
    const all = async () => {
      const event_records = [];
      for await (const record of this.#store.read(asked(read))) {
        event_records.push(record);
      }
      return { event_records };
    };
    compare(await outcome(all), gives, fails);
  }

  /** Of `gives` the fields that it names: the others depend on the store. */
  async #explain({ explain, gives, fails }) {
    const actual = await outcome(() => this.#store.explain(asked(explain)));
    compare(actual, undefined, fails ?? { current_context_version: null, ...gives });
    if (gives !== undefined) {
      const { rows_read, candidates, matches } = actual;
      assert.ok(rows_read >= candidates && candidates >= matches, JSON.stringify(actual));
    }
  }

  async #backup({ gives, fails }) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'factstr-backup-'));
    try {
      const made = await outcome(() => this.#store.backup(path.join(folder, 'copy.db')));
      compare(made, undefined, fails ?? gives);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }

  async #verify({ gives: { findings, ...gives } }) {
    const { findings: found, ...report } = await this.#store.verify();
    compare(spelled(report), undefined, gives);
    assert.equal(found.length, findings.length, JSON.stringify(spelled(found)));
    findings.forEach((finding, i) => compare(found[i], undefined, finding));
  }

  /** Of each record the fields that are named. */
  async #logs({ logs }) {
    for (const expected of logs) {
      compare(await this.#log.next(expected.event), undefined, expected);
    }
  }

  /** `held` says whether somebody has the name; ages are only compared with 0. */
  async #cursors({ gives }) {
    const found = (await this.#store.cursors()).map(({ lag_seconds, held_by, ...cursor }) => ({
      ...cursor,
      waits: lag_seconds > 0,
      held: held_by !== null,
    }));
    assert.deepEqual(spelled({ cursors: found }), spelled(gives));
  }

  async #parked({ parked: { name }, gives }) {
    const found = (await this.#store.parked(name)).map(({ error, parked_at, ...batch }) => {
      assert.ok(error && parked_at);
      return batch;
    });
    assert.deepEqual(spelled({ parked: found }), gives);
  }

  async #parkedFound({ gives, fails }, call) {
    const found = await call().then((batches) => ({ batches }), failure);
    compare(found, gives, fails);
  }

  async #changes({ fails }, change) {
    const ended = await change().then(() => ({ code: 'Ok' }), failure);
    compare(ended, undefined, fails ?? { code: 'Ok' });
  }

  async #openStream({
    stream,
    open: { query, durable, after, retry },
    fail_deliveries = [],
    fails,
  }) {
    let delivery = 0;
    const seen = new Deliveries(() => !fail_deliveries.includes(++delivery));
    this.#streams.set(stream, { seen });
    try {
      this.#streams.get(stream).subscription = await this.#register(
        seen.handler,
        asked(query),
        durable,
        version(after),
        { retry: camelCase(retry) },
      );
    } catch (error) {
      assert.ok(fails, `${stream} failed: ${error.stack}`);
      compare(failure(error), undefined, fails);
      return;
    }
    assert.equal(fails, undefined, `${stream} must fail with ${JSON.stringify(fails)}`);
  }

  #register(handler, query, durable, after, options) {
    if (after !== undefined) {
      return this.#store.streamFrom(after, query, handler, options);
    }
    if (durable === undefined) {
      return query === undefined
        ? this.#store.streamAll(handler)
        : this.#store.streamTo(query, handler);
    }
    return query === undefined
      ? this.#store.streamAllDurable(durable, handler, options)
      : this.#store.streamToDurable(durable, query, handler, options);
  }

  /** What is wrong with its beginning may come with its first batch. */
  async #iterate({ stream, iterate: { query, durable, after }, fails }) {
    const open = () =>
      new Loop(this.#store.stream({ query: asked(query), durable, after: version(after) }));
    if (fails === undefined) {
      this.#loops.set(stream, open());
    } else {
      compare(await outcome(async () => open().next()), undefined, fails);
    }
  }

  async #receives({ stream, receives, positions }) {
    const source = this.#loops.get(stream) ?? this.#streams.get(stream).seen;
    for (const [i, expected] of receives.entries()) {
      const batch = await source.next();
      assert.deepEqual(records(batch), expected);
      if (positions !== undefined) {
        assert.equal(batch.position, BigInt(positions[i]));
      }
    }
  }

  async #waits({ fails }, wait) {
    const waited = wait({ timeoutMs: fails === undefined ? 10_000 : 20 });
    const ended = await waited.then(() => ({ code: 'Ok' }), failure);
    compare(ended, undefined, fails ?? { code: 'Ok' });
  }

  async #ends({ stream, ends }) {
    const end = this.#loops.get(stream)?.ended() ?? this.#streams.get(stream).subscription.closed;
    const ended = await end.then(() => ({ code: 'Ok' }), failure);
    compare(ended, undefined, ends);
  }

  /** A store that is not to open stays closed. */
  async #sql({ sql, fails }) {
    const script = sql[this.#place.kind];
    assert.ok(script, `there is no SQL for ${this.#place.kind}`);
    this.#store.close();
    this.#place.runSql(script);
    if (fails === undefined) {
      this.#store = this.#open();
    } else {
      compare(await outcome(async () => this.#open()), undefined, fails);
    }
  }

  /** A store that is not to open leaves the one that is. */
  async #reopen({ reopen, fails }) {
    const options = reopen === true ? undefined : camelCase(reopen);
    if (fails !== undefined) {
      compare(await outcome(async () => this.#open(options)), undefined, fails);
      return;
    }
    this.#store.close();
    this.#store = this.#open(options);
  }

  /** Of the statistics what is named; of sizes in bytes only whether there is something. */
  async #statistics({ gives: { streams, ...gives } }) {
    const got = await this.#store.statistics();
    const named = (counts, expected) =>
      Object.fromEntries(
        Object.keys(expected).map((name) => {
          assert.ok(name in counts, `there is no ${name}`);
          const value = typeof counts[name] === 'bigint' ? Number(counts[name]) : counts[name];
          return [name, name.endsWith('_bytes') ? value > 0 : value];
        }),
      );
    assert.deepEqual(named(got, gives), gives);
    if (streams !== undefined) {
      assert.equal(got.streams.length, streams.length);
      assert.deepEqual(
        got.streams.map((stream, i) => named(stream, streams[i])),
        streams,
      );
    }
  }
}

module.exports = { ScenarioPlayer };
