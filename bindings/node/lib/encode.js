'use strict';

const { invalidArgument } = require('./errors.js');

// Requests are written by hand from the fields that are known: other fields are ignored, undefined and null mean absent, and BigInt
// becomes digits. What a value must look like is for the library to judge, which names the field; only what JSON would
// silently turn into something else is caught here.

/** JSON text that stands for itself where a payload or predicate is expected: for tests of what no JavaScript value can say. */
class RawJson {
  constructor(text) {
    this.text = text;
  }
}

function stringify(value, what) {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw invalidArgument(`${what} cannot be written as JSON: ${cause?.message ?? cause}`, cause);
  }
}

function refuseNonFinite(what) {
  return (key, value) => {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw invalidArgument(
        `${what} holds ${value}${key === '' ? '' : ` in ${JSON.stringify(key)}`}, which JSON cannot say; use null or a string`,
      );
    }
    return value;
  };
}

function json(value, what) {
  if (value instanceof RawJson) {
    return value.text;
  }
  const text = stringify(value, what);
  if (text === undefined) {
    throw invalidArgument(
      `${what} is missing: it must be a value that JSON can hold, and ${value === undefined ? 'undefined' : `a ${typeof value}`} is none`,
    );
  }
  // JSON.stringify writes NaN and Infinity as null. Only a text with a null in it can hide one.
  if (text.includes('null')) {
    JSON.stringify(value, refuseNonFinite(what));
  }
  return text;
}

function array(value, what) {
  if (!Array.isArray(value)) {
    throw invalidArgument(`${what} must be an array`);
  }
  return value;
}

function object(value, what) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(`${what} must be an object`);
  }
  return value;
}

function string(value, what) {
  if (typeof value !== 'string') {
    throw invalidArgument(`${what} must be a string`);
  }
  return value;
}

function isAbsent(value) {
  return value === undefined || value === null;
}

function event(value, what) {
  const { event_type, payload } = object(value, what);
  if (typeof event_type !== 'string') {
    throw invalidArgument(`${what}.event_type must be a string`);
  }
  return `{"event_type":${JSON.stringify(event_type)},"payload":${json(payload, `${what}.payload`)}}`;
}

function events(value) {
  return `[${array(value, 'events')
    .map((entry, i) => event(entry, `events[${i}]`))
    .join(',')}]`;
}

function filter(value, what) {
  const { event_types, payload_predicates } = object(value, what);
  const fields = [];
  if (!isAbsent(event_types)) {
    fields.push(`"event_types":${stringify(array(event_types, `${what}.event_types`), `${what}.event_types`)}`);
  }
  if (!isAbsent(payload_predicates)) {
    const name = `${what}.payload_predicates`;
    const texts = array(payload_predicates, name).map((predicate, i) => json(predicate, `${name}[${i}]`));
    fields.push(`"payload_predicates":[${texts.join(',')}]`);
  }
  return `{${fields.join(',')}}`;
}

function limit(value) {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    return String(value);
  }
  throw invalidArgument('query.limit must be a BigInt or a whole number');
}

function query(value) {
  if (isAbsent(value)) {
    return '{}';
  }
  const { filters, min_sequence_number, limit: rows } = object(value, 'query');
  const fields = [];
  if (!isAbsent(filters)) {
    const texts = array(filters, 'query.filters').map((entry, i) => filter(entry, `query.filters[${i}]`));
    fields.push(`"filters":[${texts.join(',')}]`);
  }
  if (!isAbsent(min_sequence_number)) {
    if (typeof min_sequence_number !== 'bigint') {
      throw invalidArgument('query.min_sequence_number must be a BigInt such as 5n: a Number cannot hold every sequence number');
    }
    fields.push(`"min_sequence_number":${min_sequence_number}`);
  }
  if (!isAbsent(rows)) {
    fields.push(`"limit":${limit(rows)}`);
  }
  return `{${fields.join(',')}}`;
}

/** The expected context version as the addon takes it: BigInt, or undefined when no event may match. */
function expected(value) {
  if (isAbsent(value)) {
    return undefined;
  }
  if (typeof value !== 'bigint') {
    throw invalidArgument('expected must be a BigInt such as 5n, or null: a Number cannot hold every sequence number');
  }
  return value;
}

function wholeNumber(value, what) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalidArgument(`${what} must be a whole number, 0 or more`);
  }
  return value;
}

// Every other option is a whole number.
const textFields = new Set(['application_name', 'direct_url', 'schema']);

/** Named options to the library's fields; `known` maps one to the other. A misspelt option is refused: it would do nothing. */
function settings(value, what, known) {
  const fields = {};
  for (const [name, setting] of Object.entries(object(value, what))) {
    if (!Object.hasOwn(known, name)) {
      throw invalidArgument(`${what}.${name} is unknown; there are ${Object.keys(known).join(', ')}`);
    }
    if (!isAbsent(setting)) {
      const read = textFields.has(known[name]) ? string : wholeNumber;
      fields[known[name]] = read(setting, `${what}.${name}`);
    }
  }
  return fields;
}

const storeOptionNames = {
  closeTimeoutMs: 'close_timeout_ms',
  queueTimeoutMs: 'queue_timeout_ms',
  payloadBytesMax: 'payload_bytes_max',
  batchEventsMax: 'batch_events_max',
  batchBytesMax: 'batch_bytes_max',
  resultBytesMax: 'result_bytes_max',
};

const sqliteOptionNames = {
  ...storeOptionNames,
  busyTimeoutMs: 'busy_timeout_ms',
};

const postgresOptionNames = {
  ...storeOptionNames,
  schema: 'schema',
  applicationName: 'application_name',
  directUrl: 'direct_url',
  connectionsMax: 'connections_max',
  connectTimeoutMs: 'connect_timeout_ms',
  lockTimeoutMs: 'lock_timeout_ms',
  responseTimeoutMs: 'response_timeout_ms',
  pollIntervalMs: 'poll_interval_ms',
};

function storeOptions(value, known) {
  const fields = isAbsent(value) ? {} : settings(value, 'options', known);
  return JSON.stringify({ ...fields, sequence_numbers: 'string' });
}

/** The options of an opening that does not block: `signal` among them is not the library's. */
function openOptions(value, known) {
  if (isAbsent(value)) {
    return storeOptions(value, known);
  }
  const { signal, ...options } = object(value, 'options');
  return storeOptions(options, known);
}

function configuration(value) {
  return JSON.stringify(
    settings(value, 'settings', {
      memoryLimitBytes: 'memory_limit_bytes',
      processorsMax: 'processors_max',
    }),
  );
}

/** What opens a stream. `durable` is undefined for a live one. */
function registration(queryValue, durable, options) {
  const fields = [];
  if (!isAbsent(queryValue)) {
    fields.push(`"query":${query(queryValue)}`);
  }
  if (durable !== undefined) {
    const { name } = object(durable, 'durable_stream');
    fields.push(`"durable":{"name":${JSON.stringify(string(name, 'durable_stream.name'))}}`);
  }
  if (!isAbsent(options.retry)) {
    const retry = settings(options.retry, 'options.retry', {
      maxAttempts: 'max_attempts',
      delayMs: 'delay_ms',
      delayMaxMs: 'delay_max_ms',
    });
    fields.push(`"retry":${JSON.stringify(retry)}`);
  }
  if (!isAbsent(options.cursorEvery)) {
    const every = settings(options.cursorEvery, 'options.cursorEvery', {
      batches: 'batches',
      ms: 'ms',
    });
    fields.push(`"cursor_every":${JSON.stringify(every)}`);
  }
  return `{${fields.join(',')}}`;
}

module.exports = {
  RawJson,
  configuration,
  events,
  expected,
  isAbsent,
  object,
  openOptions,
  postgresOptionNames,
  query,
  registration,
  sqliteOptionNames,
  storeOptionNames,
  storeOptions,
  string,
};
