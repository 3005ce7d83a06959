'use strict';

/** A promise with the functions that settle it. */
function settlement() {
  const result = {};
  result.promise = new Promise((resolve, reject) => {
    result.resolve = resolve;
    result.reject = reject;
  });
  // A failure that nobody looks at must not end the process as an unhandled rejection.
  result.promise.catch(() => {});
  return result;
}

module.exports = { settlement };
