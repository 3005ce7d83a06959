'use strict';

/**
 * Every failure of the package. Act on `code`, a closed set; the message is for people. It begins with the code, as the messages of 0.5.2
 * did, so that a log line of the message alone tells it.
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

module.exports = { FactstrError, invalidArgument };
