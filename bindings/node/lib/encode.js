'use strict';

const { fileURLToPath } = require('node:url');

const { invalidArgument } = require('./errors.js');
const { RawJson, plainText, quoted, write } = require('./payload.js');
const { schemasOf } = require('./schemas.js');

// Requests are written by hand from the fields that are known: other fields are ignored, undefined
// and null mean absent, and BigInt becomes digits. What a value must look like is for the library
// to judge, which names the field; only what JSON would silently turn into something else is caught
// here and in payload.js.

function array(value, what) {
  if (!Array.isArray(value)) {
    throw invalidArgument(`${what} must be an array`);
  }
  return Array.from(value); // a hole becomes undefined, which is looked at; map would leave it out
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

/** A path of a file, which may be given as a file: URL. */
function path(value) {
  // A test runner may have a class URL of its own.
  if (typeof value !== 'object' || typeof value?.href !== 'string') {
    return string(value, 'path');
  }
  try {
    return fileURLToPath(value);
  } catch (cause) {
    throw invalidArgument('path must be a string or a file: URL', cause);
  }
}

function isAbsent(value) {
  return value === undefined || value === null;
}

function event(value, i) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(`events[${i}] must be an object`);
  }
  const { event_type, payload } = value;
  if (typeof event_type !== 'string') {
    throw invalidArgument(`events[${i}].event_type must be a string`);
  }
  const text = plainText(payload) ?? write(payload, `events[${i}].payload`);
  return `{"event_type":${quoted(event_type)},"payload":${text}}`;
}

function events(value) {
  if (!Array.isArray(value)) {
    throw invalidArgument('events must be an array');
  }
  let text = '';
  for (let i = 0; i < value.length; i++) {
    text += i === 0 ? event(value[i], i) : `,${event(value[i], i)}`;
  }
  return `[${text}]`;
}

function filter(value, what) {
  const { event_types, payload_predicates } = object(value, what);
  const fields = [];
  if (!isAbsent(event_types)) {
    const name = `${what}.event_types`;
    const texts = array(event_types, name).map((type, i) =>
      JSON.stringify(string(type, `${name}[${i}]`)),
    );
    fields.push(`"event_types":[${texts.join(',')}]`);
  }
  if (!isAbsent(payload_predicates)) {
    const name = `${what}.payload_predicates`;
    const texts = array(payload_predicates, name).map((predicate, i) =>
      write(predicate, `${name}[${i}]`),
    );
    fields.push(`"payload_predicates":[${texts.join(',')}]`);
  }
  return `{${fields.join(',')}}`;
}

function limit(value, what) {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) {
    return String(value);
  }
  throw invalidArgument(`${what} must be a BigInt or a whole number`);
}

function sequenceNumber(value, what) {
  if (typeof value !== 'bigint') {
    throw invalidArgument(
      `${what} must be a BigInt such as 5n: a Number cannot hold every sequence number`,
    );
  }
  return String(value);
}

function query(value, what = 'query') {
  if (isAbsent(value)) {
    return '{}';
  }
  const { filters, min_sequence_number, limit: rows, backwards } = object(value, what);
  const fields = [];
  if (!isAbsent(filters)) {
    const texts = array(filters, `${what}.filters`).map((entry, i) =>
      filter(entry, `${what}.filters[${i}]`),
    );
    fields.push(`"filters":[${texts.join(',')}]`);
  }
  if (!isAbsent(min_sequence_number)) {
    fields.push(
      `"min_sequence_number":${sequenceNumber(min_sequence_number, `${what}.min_sequence_number`)}`,
    );
  }
  if (!isAbsent(rows)) {
    fields.push(`"limit":${limit(rows, `${what}.limit`)}`);
  }
  if (!isAbsent(backwards)) {
    if (typeof backwards !== 'boolean') {
      throw invalidArgument(`${what}.backwards must be true or false`);
    }
    fields.push(`"backwards":${backwards}`);
  }
  return `{${fields.join(',')}}`;
}

function condition(value, what) {
  const { fail_if_events_match, after } = object(value, what);
  // An absent query would be that of all facts: a forgotten field must not mean so much.
  const text = query(
    object(fail_if_events_match, `${what}.fail_if_events_match`),
    `${what}.fail_if_events_match`,
  );
  const bound = isAbsent(after) ? '' : `,"after":${sequenceNumber(after, `${what}.after`)}`;
  return `{"fail_if_events_match":${text}${bound}}`;
}

function conditions(value) {
  return `[${array(value, 'conditions')
    .map((entry, i) => condition(entry, `conditions[${i}]`))
    .join(',')}]`;
}

/**
 * The expected context version as the addon takes it: BigInt, or undefined when no event may match.
 */
function expected(value) {
  if (isAbsent(value)) {
    return undefined;
  }
  if (typeof value !== 'bigint') {
    throw invalidArgument(
      'expected must be a BigInt such as 5n, or null: a Number cannot hold every sequence number',
    );
  }
  return value;
}

function wholeNumber(value, what) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalidArgument(`${what} must be a whole number, 0 or more`);
  }
  return value;
}

function boolean(value, what) {
  if (typeof value !== 'boolean') {
    throw invalidArgument(`${what} must be true or false`);
  }
  return value;
}

// Every other option of the library is a whole number.
const textFields = new Set(['give_up', 'application_name', 'direct_url', 'schema']);
const booleanFields = new Set(['full_fsync', 'read_only']);

// Options that the library does not know, because this package acts on them.
const OURS = Symbol('of this package');

function refuseUnknown(value, what, names) {
  for (const name of Object.keys(object(value, what))) {
    if (!names.includes(name)) {
      throw invalidArgument(`${what}.${name} is unknown; there are ${names.join(', ')}`);
    }
  }
  return value;
}

/** An options argument, {} when it is absent. A misspelt option is refused: it would do nothing. */
function options(value, names) {
  return isAbsent(value) ? {} : refuseUnknown(value, 'options', names);
}

function readerOf(field) {
  if (textFields.has(field)) {
    return string;
  }
  return booleanFields.has(field) ? boolean : wholeNumber;
}

/** Maps options by name to the library's fields, as `known` says. */
function settings(value, what, known) {
  const fields = {};
  for (const [name, setting] of Object.entries(refuseUnknown(value, what, Object.keys(known)))) {
    if (!isAbsent(setting) && known[name] !== OURS) {
      fields[known[name]] = readerOf(known[name])(setting, `${what}.${name}`);
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
  predicateBytesMax: 'predicate_bytes_max',
  resultBytesMax: 'result_bytes_max',
  rawPayloads: OURS,
  schemas: OURS,
  validateReads: OURS,
  onLog: OURS,
};

const sqliteOptionNames = {
  ...storeOptionNames,
  busyTimeoutMs: 'busy_timeout_ms',
  fullFsync: 'full_fsync',
  readOnly: 'read_only',
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
  indexBytesMax: 'index_bytes_max',
  readOnly: 'read_only',
};

/** The options of a store as the library takes them. */
function storeOptions(value, known) {
  const fields = isAbsent(value) ? {} : settings(value, 'options', known);
  return JSON.stringify({ ...fields, sequence_numbers: 'string' });
}

/** The same for an opening that does not block, whose options may include a signal. */
function openOptions(value, known) {
  return storeOptions(value, { ...known, signal: OURS, timeoutMs: OURS });
}

// The library's default.
const CLOSE_TIMEOUT_MS = 5000;

/**
 * The options of a store that this package acts on. `onLog` absent is its default, and null is
 * silence.
 */
function ownOptions(value) {
  const { rawPayloads, schemas, validateReads, onLog, closeTimeoutMs } = value ?? {};
  if (onLog !== undefined && onLog !== null && onLog !== false && typeof onLog !== 'function') {
    throw invalidArgument('options.onLog must be a function, or null or false for silence');
  }
  const raw = isAbsent(rawPayloads) ? false : boolean(rawPayloads, 'options.rawPayloads');
  const validates = isAbsent(validateReads)
    ? false
    : boolean(validateReads, 'options.validateReads');
  if (raw && validates) {
    throw invalidArgument('options.validateReads needs payloads that are read: no rawPayloads');
  }
  const bySchema = schemasOf(schemas);
  return {
    reads: { raw, schemas: validates ? bySchema : undefined },
    schemas: bySchema,
    onLog,
    closeTimeoutMs: closeTimeoutMs ?? CLOSE_TIMEOUT_MS,
  };
}

function configuration(value) {
  return JSON.stringify(
    settings(value, 'settings', {
      memoryLimitBytes: 'memory_limit_bytes',
      processorsMax: 'processors_max',
    }),
  );
}

// Batches of a durable stream that the library hands over at once; it bounds their bytes, too.
// Those of a live stream are queued ahead one by one (src/streams.c).
const BATCHES_MAX = 256;

/** What is waited for: `stream` is the text of the stream's field. */
function wait(stream, number, { timeoutMs }) {
  const fields = [stream, `"number":${sequenceNumber(number, 'number')}`];
  if (!isAbsent(timeoutMs)) {
    fields.push(`"timeout_ms":${wholeNumber(timeoutMs, 'options.timeoutMs')}`);
  }
  return `{${fields.join(',')}}`;
}

/**
 * The registration of a stream, which begins at the cursor of `durable`, or at the number `after`;
 * without both it is live.
 */
function registration(queryValue, { durable, after }, options) {
  const isLive = durable === undefined && after === undefined;
  const fields = ['"positions":true', `"batches_max":${isLive ? 1 : BATCHES_MAX}`];
  if (after !== undefined) {
    fields.push(`"after":${sequenceNumber(after, 'after')}`);
  }
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
      giveUp: 'give_up',
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
  array,
  conditions,
  configuration,
  events,
  expected,
  isAbsent,
  object,
  openOptions,
  options,
  ownOptions,
  postgresOptionNames,
  query,
  registration,
  sequenceNumber,
  sqliteOptionNames,
  storeOptionNames,
  storeOptions,
  path,
  string,
  wait,
  wholeNumber,
};
