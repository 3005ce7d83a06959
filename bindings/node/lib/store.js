'use strict';

const { performance } = require('node:perf_hooks');
const { setTimeout } = require('node:timers');

const { signalOf } = require('./abort.js');
const { attemptsOf, decide } = require('./decide.js');
const decode = require('./decode.js');
const encode = require('./encode.js');
const { FactstrError, invalidArgument } = require('./errors.js');
const { log, register, unregister } = require('./log.js');
const { native } = require('./native.js');
const { readRows } = require('./reading.js');
const { opening, request } = require('./requests.js');
const {
  allClosed,
  cutStreams,
  hasLiveStreams,
  keepProgress,
  openBatches,
  openDurable,
  openFrom,
  openLive,
  streamsBehind,
} = require('./open_streams.js');

// The memory that the collector is told a store uses. Without it the collector is in no hurry to
// collect so small an object, and a dropped store holds descriptors, of which a process has 1,024.
const WEIGHT_BYTES = 8 << 20;

// The pause between two looks at whether the live streams are done, when a store is closed.
const DRAIN_PAUSE_MS = 2;

// 0.5.2 had no close(): a store that is dropped without it is closed when it is collected. Open
// streams and requests keep it from that.
const dropped = new FinalizationRegistry((handle) => {
  try {
    native.closeStore(handle);
  } catch {
    // No caller is left to act on it.
  }
  released(handle);
});

function released(handle) {
  unregister(handle);
  native.weigh(-WEIGHT_BYTES);
}

function closeNow(store, handle) {
  keepProgress(store);
  try {
    native.closeStore(handle);
  } finally {
    released(handle);
  }
}

/**
 * Closes when the live streams have got everything that was committed before: they have no cursor,
 * so a fact that they do not get now they never get. // G17
 */
function closeDrained(store, handle, timeoutMs, committed) {
  const deadline = performance.now() + timeoutMs;
  let head; // undefined until it is known
  if (store instanceof FactstrPostgresStore) {
    // The event loop must not wait for a server, which may not answer. What this store committed
    // itself is known without it.
    askStatistics(store, handle).then(
      (statistics) => (head = statistics.head),
      () => (head = committed),
    );
  } else {
    head = headOf(handle, committed);
  }
  const isDone = () =>
    performance.now() >= deadline ||
    (head !== undefined && streamsBehind(store, head).length === 0);
  const close = () => {
    cutStreams(store, head, committed);
    closeNow(store, handle);
  };
  const later = () => {
    if (!isDone()) {
      setTimeout(later, DRAIN_PAUSE_MS);
      return;
    }
    try {
      close();
    } catch (error) {
      // close() has returned, so no caller gets the error; the store is closed all the same.
      log(handle, 'warning', 'task_failed', `closing a store: ${error.message}`, {
        task: 'closing',
        error: error.message,
      });
    }
  };
  if (isDone()) {
    close();
  } else {
    setTimeout(later, DRAIN_PAUSE_MS);
  }
}

// A log that cannot be read does not hold the closing up.
function headOf(handle, committed) {
  try {
    return decode.statistics(native.statistics(handle)).head;
  } catch {
    return committed;
  }
}

function askStatistics(store, handle) {
  return request(
    store,
    handle,
    undefined,
    (tag) => native.statisticsSubmit(handle, tag),
    decode.statistics,
  );
}

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
    register(handle, onLog);
    native.weigh(WEIGHT_BYTES);
    dropped.register(this, handle, this);
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
    return askStatistics(this, this.#open);
  }

  close() {
    const handle = this.#handle;
    if (handle !== undefined) {
      this.#handle = undefined;
      dropped.unregister(this);
      if (hasLiveStreams(this)) {
        closeDrained(this, handle, this.#closeTimeoutMs, this.#committed);
      } else {
        closeNow(this, handle);
      }
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
