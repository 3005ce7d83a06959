'use strict';

/**
 * Every failure of the package. Act on `code`, a closed set; the message is for people. It begins
 * with the code, as the messages of 0.5.2 did, so that a log line with the message alone has it.
 */
class FactstrError extends Error {
  constructor(code, message, details = {}) {
    super(`${code}: ${message}`, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    for (const field of ['reason', 'store', 'operation', 'conflict']) {
      if (details[field] !== undefined) {
        this[field] = details[field];
      }
    }
  }
}
Object.defineProperty(FactstrError.prototype, 'name', {
  value: 'FactstrError',
  configurable: true,
  writable: true,
});

function invalidArgument(message, cause) {
  return new FactstrError('InvalidArgument', message, cause === undefined ? {} : { cause });
}

/** Returns a thrown value, whatever it is, as text. */
function describe(failure) {
  let text;
  try {
    text = failure instanceof Error ? `${failure.name}: ${failure.message}` : String(failure);
  } catch {
    text = 'a value that cannot be shown was thrown';
  }
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

module.exports = { FactstrError, describe, invalidArgument };
