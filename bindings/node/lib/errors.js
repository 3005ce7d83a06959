'use strict';

/**
 * Every failure of the package. Act on `code`, a closed set; the message is for people.
 */
class FactstrError extends Error {
  constructor(code, message, details = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
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
