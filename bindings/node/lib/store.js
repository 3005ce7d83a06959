'use strict';

const { signalOf } = require('./abort.js');
const { closing, opened } = require('./closing.js');
const { attemptsOf, decide } = require('./decide.js');
const decode = require('./decode.js');
const encode = require('./encode.js');
const { FactstrError, invalidArgument } = require('./errors.js');
const { native } = require('./native.js');
const { readRows } = require('./reading.js');
const { opening, request } = require('./requests.js');
const { allClosed, openBatches, openDurable, openFrom, openLive } = require('./open_streams.js');

function requestSignal(options) {
  return signalOf(encode.options(options, ['signal']));
}

/** The methods of every store. The stores differ only in how they are opened. */
class Store {
  #handle;
  #rawPayloads;
  #closeTimeoutMs;
  #onLog; // log.js does not keep it
  #answered = { number: 0n }; // the newest fact that an asynchronous append was answered with
  #committed = 0n; // the newest fact that any append was answered with

  constructor(handle, { rawPayloads, onLog, closeTimeoutMs }) {
    this.#handle = handle;
    this.#rawPayloads = rawPayloads;
    this.#closeTimeoutMs = closeTimeoutMs;
    this.#onLog = onLog;
    opened(this, handle, onLog);
  }

  get #open() {
    if (this.#handle === undefined) {
      throw new FactstrError('StoreClosed', 'this store was closed; open a new one');
    }
    return this.#handle;
  }

  /** The `source` of open_streams.js. */
  get #source() {
    return {
      store: this,
      handle: this.#open,
      rawPayloads: this.#rawPayloads,
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

  #decodeResult = (text) => decode.queryResult(text, this.#rawPayloads);

  append(events) {
    return this.#noteCommit(decode.appendResult(native.append(this.#open, encode.events(events))));
  }

  query(query) {
    return this.#decodeResult(native.query(this.#open, encode.query(query)));
  }

  appendIf(events, query, expected) {
    return this.#noteConditional(
      native.appendIf(
        this.#open,
        encode.events(events),
        encode.query(query),
        encode.expected(expected),
      ),
    );
  }

  appendWhen(events, conditions) {
    return this.#noteConditional(
      native.appendWhen(this.#open, encode.events(events), encode.conditions(conditions)),
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
    const handle = this.#open;
    const text = encode.events(events);
    return request(
      this,
      handle,
      requestSignal(options),
      (tag) => native.appendSubmit(handle, text, tag),
      this.#decodeAppend,
    );
  }

  async queryAsync(query, options) {
    const handle = this.#open;
    const text = encode.query(query);
    return request(
      this,
      handle,
      requestSignal(options),
      (tag) => native.querySubmit(handle, text, tag),
      this.#decodeResult,
    );
  }

  async appendIfAsync(events, query, expected, options) {
    const handle = this.#open;
    const eventsText = encode.events(events);
    const queryText = encode.query(query);
    const version = encode.expected(expected);
    return request(
      this,
      handle,
      requestSignal(options),
      (tag) => native.appendIfSubmit(handle, eventsText, queryText, version, tag),
      this.#decodeAppendIf,
    );
  }

  async appendWhenAsync(events, conditions, options) {
    const handle = this.#open;
    const eventsText = encode.events(events);
    const conditionsText = encode.conditions(conditions);
    return request(
      this,
      handle,
      requestSignal(options),
      (tag) => native.appendWhenSubmit(handle, eventsText, conditionsText, tag),
      this.#decodeAppendIf,
    );
  }

  async decide(query, fn, options) {
    if (typeof fn !== 'function') {
      throw invalidArgument('fn must be a function that returns the events to append');
    }
    const given = encode.options(options, ['attempts', 'signal']);
    const signal = signalOf(given);
    const calls = {
      query: () => this.queryAsync(query, { signal }),
      appendIf: (events, version) => this.appendIfAsync(events, query, version, { signal }),
    };
    return decide(calls, fn, attemptsOf(given), signal);
  }

  streamAll(handle, options) {
    return openLive(this.#source, undefined, handle, options);
  }

  streamTo(query, handle, options) {
    return openLive(this.#source, query, handle, options);
  }

  async streamAllDurable(durableStream, handle, options) {
    return openDurable(this.#source, durableStream, undefined, handle, options);
  }

  async streamToDurable(durableStream, query, handle, options) {
    return openDurable(this.#source, durableStream, query, handle, options);
  }

  async streamFrom(after, query, handle, options) {
    return openFrom(this.#source, after, query, handle, options);
  }

  stream(options) {
    return openBatches(this.#source, options);
  }

  async waitForCursor(name, number, options) {
    const handle = this.#open;
    const given = encode.options(options, ['signal', 'timeoutMs']);
    const stream = `"durable":{"name":${JSON.stringify(encode.string(name, 'name'))}}`;
    const text = encode.wait(stream, number, given);
    return request(
      this,
      handle,
      signalOf(given),
      (tag) => native.waitForSubmit(handle, text, tag),
      () => undefined,
    );
  }

  read(query, options) {
    const text = encode.query(query);
    const signal = requestSignal(options);
    const source = { store: this, open: () => this.#open, rawPayloads: this.#rawPayloads };
    source.open(); // a closed store is told at once
    return { [Symbol.asyncIterator]: () => readRows(source, text, signal) };
  }

  async explain(query) {
    const handle = this.#open;
    const text = encode.query(query);
    return request(
      this,
      handle,
      undefined,
      (tag) => native.explainSubmit(handle, text, tag),
      decode.explanation,
    );
  }

  async statistics() {
    const handle = this.#open;
    return request(
      this,
      handle,
      undefined,
      (tag) => native.statisticsSubmit(handle, tag),
      decode.statistics,
    );
  }

  close() {
    const handle = this.#handle;
    if (handle !== undefined) {
      this.#handle = undefined;
      closing(this, handle, {
        timeoutMs: this.#closeTimeoutMs,
        committed: this.#committed,
        remote: this instanceof FactstrPostgresStore,
      });
    }
  }
}

if (Symbol.dispose !== undefined) {
  Store.prototype[Symbol.dispose] = function dispose() {
    this.close();
  };
}
if (Symbol.asyncDispose !== undefined) {
  Store.prototype[Symbol.asyncDispose] = async function asyncDispose() {
    const ended = allClosed(this);
    this.close();
    await ended;
  };
}

// Wraps an already open handle without running the subclass constructor, which would open a second
// store.
function storeOf(kind, options) {
  const own = encode.ownOptions(options);
  return (handle) => Reflect.construct(Store, [handle, own], kind);
}

/**
 * Opens without blocking. `texts` are the library's arguments; the last one holds the options.
 */
function openLater(kind, options, submitOpening, texts) {
  const wrap = storeOf(kind, options);
  return opening(signalOf(options ?? {}), (tag) => submitOpening(...texts, tag), wrap);
}

class FactstrMemoryStore extends Store {
  constructor(options) {
    const own = encode.ownOptions(options);
    super(native.openMemory(encode.storeOptions(options, encode.storeOptionNames)), own);
  }
}

class FactstrSqliteStore extends Store {
  constructor(path, options) {
    const own = encode.ownOptions(options);
    super(
      native.openSqlite(
        encode.string(path, 'path'),
        encode.storeOptions(options, encode.sqliteOptionNames),
      ),
      own,
    );
  }

  static async open(path, options) {
    const texts = [
      encode.string(path, 'path'),
      encode.openOptions(options, encode.sqliteOptionNames),
    ];
    return openLater(FactstrSqliteStore, options, native.openSqliteSubmit, texts);
  }
}

// No message repeats a URL: there may be a password in it.

function bootstrapTexts(target) {
  const { serverUrl, databaseName } = encode.object(target, 'target');
  return [
    encode.string(serverUrl, 'target.serverUrl'),
    encode.string(databaseName, 'target.databaseName'),
  ];
}

class FactstrPostgresStore extends Store {
  constructor(url, options) {
    const own = encode.ownOptions(options);
    super(
      native.openPostgres(
        encode.string(url, 'url'),
        encode.storeOptions(options, encode.postgresOptionNames),
      ),
      own,
    );
  }

  static async open(url, options) {
    const texts = [
      encode.string(url, 'url'),
      encode.openOptions(options, encode.postgresOptionNames),
    ];
    return openLater(FactstrPostgresStore, options, native.openPostgresSubmit, texts);
  }

  static bootstrap(target, options) {
    const texts = [
      ...bootstrapTexts(target),
      encode.storeOptions(options, encode.postgresOptionNames),
    ];
    const wrap = storeOf(FactstrPostgresStore, options);
    return wrap(native.bootstrapPostgres(...texts));
  }

  static async bootstrapAsync(target, options) {
    const texts = [
      ...bootstrapTexts(target),
      encode.openOptions(options, encode.postgresOptionNames),
    ];
    return openLater(FactstrPostgresStore, options, native.bootstrapPostgresSubmit, texts);
  }
}

module.exports = { FactstrMemoryStore, FactstrPostgresStore, FactstrSqliteStore };
