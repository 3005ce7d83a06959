'use strict';

const assert = require('node:assert/strict');

const { FactstrError } = require('../lib/index.js');

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
  if (result === undefined) {
    return null; // of decide: there was nothing to append
  }
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

/** `gives` exactly, or of `fails` the fields that it names and what the message says. */
function compare(actual, gives, fails) {
  if (gives === null) {
    assert.equal(actual, null);
    return;
  }
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

module.exports = { asked, camelCase, compare, failure, outcome, records, spelled, version };
