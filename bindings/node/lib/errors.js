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

/** A signal was aborted. The name is that of Node's own calls, the code `Cancelled`. */
class AbortError extends FactstrError {}
Object.defineProperty(AbortError.prototype, 'name', {
  value: 'AbortError',
  configurable: true,
  writable: true,
});

function invalidArgument(message, cause) {
  return new FactstrError('InvalidArgument', message, cause === undefined ? {} : { cause });
}

const identifier = /^[A-Za-z_$][\w$]*$/;

/** Names a value by the keys that lead to it: `events[0].payload.seats[1]["two words"]`. */
function place(what, keys) {
  const texts = keys.map((key) => {
    if (typeof key === 'number') {
      return `[${key}]`;
    }
    const name = String(key);
    return identifier.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
  });
  return what + texts.join('');
}

/**
 * Awaits a promise of the event loop. Its error gets the frames of those who await: it was made
 * where nobody called.
 */
async function withFrames(promise) {
  try {
    return await promise;
  } catch (error) {
    Error.captureStackTrace?.(error, withFrames);
    throw error;
  }
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

module.exports = { AbortError, FactstrError, describe, invalidArgument, place, withFrames };
