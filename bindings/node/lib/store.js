'use strict';

const { inspect } = require('node:util');

const { limitsOf, signalOf } = require('./abort.js');
const { closedWithHandlers, closing, closingLater, opened } = require('./closing.js');
const { calls, cursorCall } = require('./cursors.js');
const { attemptsOf, decide } = require('./decide.js');
const decode = require('./decode.js');
const encode = require('./encode.js');
const { FactstrError, invalidArgument } = require('./errors.js');
const { native } = require('./native.js');
const { readRows } = require('./reading.js');
const { question, request } = require('./requests.js');
const { allClosed, openBatches, openDurable, openFrom, openLive } = require('./open_streams.js');

function requestLimits(options) {
  return limitsOf(encode.options(options, ['signal', 'timeoutMs']));
}

/** The methods of every store. The stores differ only in how they are opened. */
class Store {
  #handle;
  #own; // its options that this package acts on; log.js does not keep onLog
  #reads; // how payloads are read: decode.js
  #schemas;
  #closed; // a promise, once it is closed without blocking
  #answered = { number: 0n }; // the newest fact that an asynchronous append was answered with
  #committed = 0n; // the newest fact that any append was answered with

  /** `own` are the options of encode.ownOptions, `shown` to whoever looks at it, and `isRemote`. */
  constructor(handle, own) {
    this.#handle = handle;
    this.#own = own;
    this.#reads = own.reads;
    this.#schemas = own.schemas;
    opened(this, handle, own.onLog);
  }

  #assertOpen() {
    if (this.#handle === undefined) {
      throw new FactstrError('StoreClosed', 'this store was closed; open a new one');
    }
  }

  get #open() {
    this.#assertOpen();
    return this.#handle;
  }

  /** The `source` of open_streams.js. */
  get #source() {
    return {
      store: this,
      handle: this.#open,
      reads: this.#reads,
      answered: this.#answered,
    };
  }

  #noteAnswer({ last_sequence_number }) {
    if (last_sequence_number > this.#answered.number) {
      this.#answered.number = last_sequence_number;
    }
  }

  #noteCommit(result) {
    if (result.last_sequence_number > this.#committed) {
      this.#committed = result.last_sequence_number;
    }
    return result;
  }

  #decodeAppend = (text) => {
    const result = this.#noteCommit(decode.appendResult(text));
    this.#noteAnswer(result);
    return result;
  };

  #decodeAppendIf = (text) => {
    const result = decode.appendIfResult(text);
    if (result.append_result) {
      this.#noteAnswer(this.#noteCommit(result.append_result));
    }
    return result;
  };

  #decodeResult = (text) => decode.queryResult(text, this.#reads);

  #text(events) {
    this.#assertOpen(); // a closed store is told before anything else
    return encode.events(this.#schemas ? this.#schemas.events(events) : events);
  }

  /** Only schemas are waited for: without them a request is submitted before its call returns. */
  async #textLater(events) {
    this.#assertOpen();
    return encode.events(await this.#schemas.eventsLater(events));
  }

  append(events) {
    return this.#noteCommit(decode.appendResult(native.append(this.#open, this.#text(events))));
  }

  query(query) {
    return this.#decodeResult(native.query(this.#open, encode.query(query)));
  }

  appendIf(events, query, expected) {
    return this.#noteConditional(
      native.appendIf(
        this.#open,
        this.#text(events),
        encode.query(query),
        encode.expected(expected),
      ),
    );
  }

  appendWhen(events, conditions) {
    return this.#noteConditional(
      native.appendWhen(this.#open, this.#text(events), encode.conditions(conditions)),
    );
  }

  #noteConditional(text) {
    const result = decode.appendIfResult(text);
    if (result.append_result) {
      this.#noteCommit(result.append_result);
    }
    return result;
  }

  // The asynchronous forms are async functions, so that bad input rejects like everything else.

  async appendAsync(events, options) {
    const text = this.#schemas ? await this.#textLater(events) : this.#text(events);
    const handle = this.#open;
    return await request(
      this,
      handle,
      requestLimits(options),
      (tag) => native.appendSubmit(handle, text, tag),
      this.#decodeAppend,
    );
  }

  async queryAsync(query, options) {
    const handle = this.#open;
    const text = encode.query(query);
    return await request(
      this,
      handle,
      requestLimits(options),
      (tag) => native.querySubmit(handle, text, tag),
      this.#decodeResult,
    );
  }

  async appendIfAsync(events, query, expected, options) {
    const queryText = encode.query(query);
    const version = encode.expected(expected);
    const eventsText = this.#schemas ? await this.#textLater(events) : this.#text(events);
    const handle = this.#open;
    return await request(
      this,
      handle,
      requestLimits(options),
      (tag) => native.appendIfSubmit(handle, eventsText, queryText, version, tag),
      this.#decodeAppendIf,
    );
  }

  async appendWhenAsync(events, conditions, options) {
    const conditionsText = encode.conditions(conditions);
    const eventsText = this.#schemas ? await this.#textLater(events) : this.#text(events);
    const handle = this.#open;
    return await request(
      this,
      handle,
      requestLimits(options),
      (tag) => native.appendWhenSubmit(handle, eventsText, conditionsText, tag),
      this.#decodeAppendIf,
    );
  }

  async decide(query, fn, options) {
    if (typeof fn !== 'function') {
      throw invalidArgument('fn must be a function that returns the events to append');
    }
    const given = encode.options(options, ['attempts', 'signal', 'timeoutMs']);
    const calls = {
      query: (limits) => this.queryAsync(query, limits),
      appendIf: (events, version, limits) => this.appendIfAsync(events, query, version, limits),
    };
    return await decide(calls, fn, attemptsOf(given), limitsOf(given));
  }

  streamAll(handle, options) {
    return openLive(this.#source, undefined, handle, options);
  }

  streamTo(query, handle, options) {
    return openLive(this.#source, query, handle, options);
  }

  async streamAllDurable(durableStream, handle, options) {
    return await openDurable(this.#source, durableStream, undefined, handle, options);
  }

  async streamToDurable(durableStream, query, handle, options) {
    return await openDurable(this.#source, durableStream, query, handle, options);
  }

  async streamFrom(after, query, handle, options) {
    return await openFrom(this.#source, after, query, handle, options);
  }

  stream(options) {
    return openBatches(this.#source, options);
  }

  async waitForCursor(name, number, options) {
    const handle = this.#open;
    const given = encode.options(options, ['signal', 'timeoutMs']);
    const stream = `"durable":{"name":${JSON.stringify(encode.string(name, 'name'))}}`;
    const text = encode.wait(stream, number, given);
    return await request(
      this,
      handle,
      { signal: signalOf(given) },
      (tag) => native.waitForSubmit(handle, text, tag),
      () => undefined,
    );
  }

  async cursors(options) {
    return await cursorCall(this, this.#open, calls.list(), options);
  }

  async cursorReset(name, to, options) {
    return await cursorCall(this, this.#open, calls.reset(name, to), options);
  }

  async cursorCopy(from, to, options) {
    return await cursorCall(this, this.#open, calls.copy(from, to), options);
  }

  async parked(name, options) {
    return await cursorCall(this, this.#open, calls.parked(name), options);
  }

  async redeliverParked(name, positions, options) {
    return await cursorCall(this, this.#open, calls.redeliverParked(name, positions), options);
  }

  async discardParked(name, positions, options) {
    return await cursorCall(this, this.#open, calls.discardParked(name, positions), options);
  }

  async cursorDelete(name, options) {
    return await cursorCall(this, this.#open, calls.delete(name), options);
  }

  read(query, options) {
    const text = encode.query(query);
    const limits = requestLimits(options);
    const source = { store: this, open: () => this.#open, reads: this.#reads };
    source.open(); // a closed store is told at once
    return { [Symbol.asyncIterator]: () => readRows(source, text, limits) };
  }

  async explain(query, options) {
    const handle = this.#open;
    const text = encode.query(query);
    return await question(
      this,
      handle,
      requestLimits(options),
      (tag) => native.explainSubmit(handle, text, tag),
      decode.explanation,
    );
  }

  async backup(path, options) {
    const handle = this.#open;
    const file = encode.path(path);
    return await request(
      this,
      handle,
      requestLimits(options),
      (tag) => native.backupSubmit(handle, file, tag),
      decode.backup,
    );
  }

  async verify(options) {
    const handle = this.#open;
    return await request(
      this,
      handle,
      requestLimits(options),
      (tag) => native.verifySubmit(handle, tag),
      decode.verification,
    );
  }

  async statistics(options) {
    const handle = this.#open;
    return await question(
      this,
      handle,
      requestLimits(options),
      (tag) => native.statisticsSubmit(handle, tag),
      decode.statistics,
    );
  }

  close() {
    const handle = this.#handle;
    if (handle !== undefined) {
      this.#handle = undefined;
      closing(this, handle, this.#closingOptions);
    }
  }

  closeAsync() {
    const handle = this.#handle;
    const ended = allClosed(this);
    if (handle !== undefined) {
      this.#handle = undefined;
      this.#closed = closingLater(this, handle, this.#closingOptions);
    }
    return closedWithHandlers(this.#closed, ended, this.#own.closeTimeoutMs);
  }

  get #closingOptions() {
    const { closeTimeoutMs, isRemote } = this.#own;
    return { timeoutMs: closeTimeoutMs, committed: this.#committed, remote: isRemote };
  }

  [inspect.custom](depth, options) {
    const state = this.#handle === undefined ? 'closed' : 'open';
    return `${this.constructor.name} ${inspect({ ...this.#own.shown, state }, options)}`;
  }
}

if (Symbol.dispose !== undefined) {
  Store.prototype[Symbol.dispose] = function dispose() {
    this.close();
  };
}
if (Symbol.asyncDispose !== undefined) {
  Store.prototype[Symbol.asyncDispose] = function asyncDispose() {
    return this.closeAsync();
  };
}

module.exports = { Store };
