'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { Deliveries } = require('./deliveries.js');
const { FactstrError } = require('../lib/index.js');

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

function version(number) {
  return number === null || number === undefined ? number : BigInt(number);
}

/** A query of a scenario as a JavaScript program writes it. */
function asked(query) {
  return query && { ...query, min_sequence_number: version(query.min_sequence_number) };
}

/**
 * What JavaScript got, spelled as the scenario spells it: numbers for BigInt, absent fields left
 * out, no occurred_at.
 */
function spelled(value) {
  return JSON.parse(
    JSON.stringify(value, (key, member) => {
      if (typeof member === 'bigint') {
        return Number(member);
      }
      return key !== 'payload' && member === null ? undefined : member;
    }),
  );
}

function records(given) {
  return given.map(({ occurred_at, payload, ...rest }) => {
    assert.ok(
      typeof occurred_at === 'string' && occurred_at !== '',
      'occurred_at must be a non-empty string',
    );
    return { ...spelled(rest), payload };
  });
}

function answer(result) {
  if (result.conflict) {
    return { code: 'ConditionalAppendConflict', conflict: result.conflict };
  }
  const value = result.append_result ?? result;
  const { event_records, ...versions } = value;
  return event_records === undefined
    ? spelled(value)
    : { ...spelled(versions), event_records: records(event_records) };
}

/** The answer of a call, or its failure as an object with a code. */
async function outcome(call) {
  try {
    return answer(await call());
  } catch (error) {
    return failure(error);
  }
}

function failure(error) {
  if (!(error instanceof FactstrError)) {
    throw error;
  }
  return {
    code: error.code,
    message: error.message,
    reason: error.reason,
    conflict: error.conflict,
  };
}

/** Options as JavaScript spells them. */
function camelCase(options) {
  return (
    options &&
    Object.fromEntries(
      Object.entries(options).map(([name, value]) => [
        name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
        value,
      ]),
    )
  );
}

/** Plays the steps of a scenario; the format is described beside the scenarios. */
class ScenarioPlayer {
  #open;
  #store;
  #calls;
  #streams = new Map();

  constructor(open, form) {
    this.#open = open;
    this.#store = open();
    this.#calls = calls[form];
  }

  static forms = Object.keys(calls);

  async play(steps) {
    const kinds = {
      append: (step) => this.#append(step),
      append_if: (step) => this.#appendIf(step),
      append_when: (step) => this.#appendWhen(step),
      query: (step) => this.#query(step),
      explain: (step) => this.#explain(step),
      read: (step) => this.#read(step),
      verify: (step) => this.#verify(step),
      backup: (step) => this.#backup(step),
      statistics: (step) => this.#statistics(step),
      open: (step) => this.#openStream(step),
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
      unsubscribe: (step) => this.#streams.get(step.stream).subscription.unsubscribe(),
      ends: (step) => this.#ends(step),
      reopen: (step) => this.#reopen(step),
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
    this.#compare(await outcome(() => this.#calls.append(store, append)), gives, fails);
    if (elsewhere) {
      store.close();
    }
  }

  async #appendIf({ append_if: { events, query, expected }, gives, fails }) {
    this.#compare(
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
    this.#compare(
      await outcome(() => this.#calls.appendWhen(this.#store, events, given)),
      gives,
      fails,
    );
  }

  async #query({ query, gives, fails }) {
    this.#compare(await outcome(() => this.#calls.query(this.#store, asked(query))), gives, fails);
  }

  async #read({ read, gives, fails }) {
    const all = async () => {
      const event_records = [];
      for await (const record of this.#store.read(asked(read))) {
        event_records.push(record);
      }
      return { event_records };
    };
    this.#compare(await outcome(all), gives, fails);
  }

  /** Of `gives` the fields that it names: the others depend on the store. */
  async #explain({ explain, gives, fails }) {
    const actual = await outcome(() => this.#store.explain(asked(explain)));
    this.#compare(actual, undefined, fails ?? { current_context_version: null, ...gives });
    if (gives !== undefined) {
      const { rows_read, candidates, matches } = actual;
      assert.ok(rows_read >= candidates && candidates >= matches, JSON.stringify(actual));
    }
  }

  async #backup({ gives, fails }) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'factstr-backup-'));
    try {
      const made = await outcome(() => this.#store.backup(path.join(folder, 'copy.db')));
      this.#compare(made, undefined, fails ?? gives);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }

  async #verify({ gives, fails }) {
    this.#compare(await outcome(() => this.#store.verify()), undefined, fails ?? gives);
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
    this.#compare(found, gives, fails);
  }

  async #changes({ fails }, change) {
    const ended = await change().then(() => ({ code: 'Ok' }), failure);
    this.#compare(ended, undefined, fails ?? { code: 'Ok' });
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
      this.#compare(failure(error), undefined, fails);
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

  async #receives({ stream, receives, positions }) {
    for (const [i, expected] of receives.entries()) {
      const batch = await this.#streams.get(stream).seen.next();
      assert.deepEqual(records(batch), expected);
      if (positions !== undefined) {
        assert.equal(batch.position, BigInt(positions[i]));
      }
    }
  }

  async #waits({ fails }, wait) {
    const waited = wait({ timeoutMs: fails === undefined ? 10_000 : 20 });
    const ended = await waited.then(() => ({ code: 'Ok' }), failure);
    this.#compare(ended, undefined, fails ?? { code: 'Ok' });
  }

  async #ends({ stream, ends }) {
    const ended = await this.#streams
      .get(stream)
      .subscription.closed.then(() => ({ code: 'Ok' }), failure);
    this.#compare(ended, undefined, ends);
  }

  /** A store that is not to open leaves the one that is. */
  async #reopen({ reopen, fails }) {
    const options = reopen === true ? undefined : camelCase(reopen);
    if (fails !== undefined) {
      this.#compare(await outcome(async () => this.#open(options)), undefined, fails);
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

  /** `gives` exactly, or of `fails` the fields that it names and what the message says. */
  #compare(actual, gives, fails) {
    if (gives !== undefined) {
      const { event_records, ...rest } = gives;
      assert.deepEqual(
        actual,
        event_records === undefined ? spelled(rest) : { ...spelled(rest), event_records },
      );
      return;
    }
    const { says = '', ...fields } = fails;
    assert.ok((actual.message ?? '').includes(says), `${actual.message}: not "${says}"`);
    for (const [field, value] of Object.entries(fields)) {
      assert.deepEqual(
        spelled({ is: actual[field] }),
        spelled({ is: value }),
        `${field} of ${actual.code}: ${actual.message}`,
      );
    }
  }
}

module.exports = { ScenarioPlayer };
