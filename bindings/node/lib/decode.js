'use strict';

const { FactstrError } = require('./errors.js');
const { parse } = require('./numbers.js');
const { cutPayloads } = require('./scan.js');

// The stores are opened with "sequence_numbers": "string", so no sequence number ever passes
// through a double.
function sequenceNumber(value) {
  if (typeof value !== 'string') {
    throw new FactstrError('Internal', `libfactstr answered a sequence number as ${typeof value}`);
  }
  return BigInt(value);
}

// Absent fields stay absent, so that `'current_context_version' in result` is the same as comparing
// with undefined.
function withVersions(target, source, fields) {
  for (const field of fields) {
    if (source[field] !== null && source[field] !== undefined) {
      target[field] = sequenceNumber(source[field]);
    }
  }
  return target;
}

/** Throws an error that names the fact whose payload cannot be read, if there is one. */
function refuseUnreadable(text, recordsOf) {
  const cut = cutPayloads(text);
  for (const { sequence_number, payload } of recordsOf(JSON.parse(cut.text))) {
    parse(`[${cut.payloads[payload]}]`, `the payload of fact ${sequence_number}`);
  }
}

function parseReadable(text, recordsOf) {
  try {
    return parse(text);
  } catch (failure) {
    refuseUnreadable(text, recordsOf);
    throw failure;
  }
}

/**
 * Parses a text whose records `recordsOf` finds. `reads` says how the store reads payloads: `raw`,
 * each as its own text, or with numbers as numbers.js reads them and then through its `schemas`, if
 * there are any.
 */
function parseRecords(text, { raw, schemas }, recordsOf) {
  const cut = raw ? cutPayloads(text) : undefined;
  const parsed = cut ? JSON.parse(cut.text) : parseReadable(text, recordsOf);
  for (const record of recordsOf(parsed)) {
    record.sequence_number = sequenceNumber(record.sequence_number);
    if (cut) {
      record.payload = cut.payloads[record.payload];
    }
    schemas?.read(record);
  }
  return parsed;
}

/** The records of a delivery, an array that also has its position. */
function batchOf({ position, event_records }) {
  for (const record of event_records) {
    record.sequence_number = sequenceNumber(record.sequence_number);
  }
  // Not enumerable, so that the batch is equal to an array of the same records.
  return Object.defineProperty(event_records, 'position', { value: sequenceNumber(position) });
}

/**
 * The delivered batches, as EventBatch[]. When one cannot be read, those before it come with its
 * `error`.
 */
function batches(text, { raw, schemas }) {
  if (!raw && schemas === undefined) {
    try {
      return { batches: parse(text).map(batchOf) };
    } catch {
      // Below each payload is read for itself.
    }
  }
  const cut = cutPayloads(text);
  const parsed = JSON.parse(cut.text).map(batchOf);
  for (const [i, records] of parsed.entries()) {
    try {
      for (const record of records) {
        const payload = cut.payloads[record.payload];
        record.payload = raw
          ? payload
          : parse(`[${payload}]`, `the payload of fact ${record.sequence_number}`)[0];
        schemas?.read(record);
      }
    } catch (error) {
      return { batches: parsed.slice(0, i), error };
    }
  }
  return { batches: parsed };
}

function queryResult(text, reads) {
  const parsed = parseRecords(text, reads, ({ event_records }) => event_records);
  return withVersions({ event_records: parsed.event_records }, parsed, [
    'last_returned_sequence_number',
    'current_context_version',
  ]);
}

function appendResultOf({ first_sequence_number, last_sequence_number, committed_count }) {
  return {
    first_sequence_number: sequenceNumber(first_sequence_number),
    last_sequence_number: sequenceNumber(last_sequence_number),
    committed_count: sequenceNumber(committed_count),
  };
}

function page(text, reads) {
  return parseRecords(text, reads, ({ event_records }) => event_records);
}

function appendResult(text) {
  return appendResultOf(JSON.parse(text));
}

function conflict(parsed) {
  const versions = withVersions({}, parsed, ['expected_context_version', 'actual_context_version']);
  return parsed.condition_index === undefined
    ? versions
    : { ...versions, condition_index: parsed.condition_index };
}

/**
 * The answer of a conditional append: an InteropAppendResult, or the InteropError that holds the
 * conflict.
 */
function appendIfResult(text) {
  const parsed = JSON.parse(text);
  return parsed.conflict
    ? { conflict: conflict(parsed.conflict) }
    : { append_result: appendResultOf(parsed) };
}

function place(parsed, fields) {
  for (const field of fields) {
    parsed[field] = sequenceNumber(parsed[field]);
  }
  parsed.failure &&= interopError(parsed.failure);
  return parsed;
}

const placeFields = ['position', 'replay_target', 'stored_cursor'];

/** A StreamProgress, and the stream's number. */
function progress(text) {
  return place(JSON.parse(text), placeFields);
}

/** A StoreStatistics. */
function statistics(text) {
  const parsed = place(JSON.parse(text), ['head', 'facts']);
  if (parsed.index_watermark !== null) {
    parsed.index_watermark = sequenceNumber(parsed.index_watermark);
  }
  for (const stream of parsed.streams) {
    delete stream.handle; // of the library, and of no use here
    place(stream, ['lag', ...placeFields]);
  }
  return parsed;
}

/** A QueryExplanation. */
function explanation(text) {
  const parsed = JSON.parse(text);
  if (parsed.current_context_version !== null) {
    parsed.current_context_version = sequenceNumber(parsed.current_context_version);
  }
  for (const step of parsed.steps) {
    step.after = sequenceNumber(step.after);
    step.up_to = sequenceNumber(step.up_to);
  }
  return parsed;
}

/** A Verification. */
function verification(text) {
  const parsed = JSON.parse(text);
  const numbers = (object, fields) => {
    for (const field of fields) {
      if (object[field] !== null) {
        object[field] = sequenceNumber(object[field]);
      }
    }
  };
  numbers(parsed, ['head', 'facts', 'batches', 'index_through']);
  for (const finding of parsed.findings) {
    numbers(finding, ['first', 'last']);
  }
  return parsed;
}

/** DurableCursor[], ParkedBatch[], or a count of parked batches. */
function cursorAnswer(text) {
  const { cursors, parked, batches: found } = parse(text);
  return (
    cursors?.map((one) => place(one, ['cursor', 'lag_events'])) ??
    parked?.map((one) => place(one, ['first_sequence_number', 'position'])) ??
    found
  );
}

/** A Backup. */
function backup(text) {
  const parsed = JSON.parse(text);
  parsed.head = sequenceNumber(parsed.head);
  return parsed;
}

/** A FactstrError of an InteropError. When `text` is empty there is only the code. */
function error(code, text) {
  return interopError(
    text === '' ? { code, message: `libfactstr answered ${code}` } : JSON.parse(text),
  );
}

function interopError(parsed) {
  return new FactstrError(parsed.code, parsed.message, {
    reason: parsed.reason ?? undefined,
    store: parsed.store ?? undefined,
    operation: parsed.operation ?? undefined,
    conflict: parsed.conflict ? conflict(parsed.conflict) : undefined,
  });
}

module.exports = {
  batches,
  queryResult,
  page,
  appendResult,
  appendIfResult,
  progress,
  statistics,
  explanation,
  verification,
  backup,
  cursorAnswer,
  error,
};
