'use strict';

const { types } = require('node:util');

const { invalidArgument, place } = require('./errors.js');

// Writes payloads and predicates as JSON text. JSON.stringify silently changes values that JSON
// cannot hold: NaN to null, a Map or an ArrayBuffer to {}, and it drops a function. Facts are kept
// for ever, so this module refuses such a value, and the error names its path. Each property is
// read once, so the value that was checked is the value that is written, even if a getter makes it.

// The library allows 127 levels and its error names that limit. This limit only keeps the recursion
// from exhausting the stack.
const DEPTH_MAX = 1000;

const isRawJson = JSON.isRawJSON ?? (() => false);

/**
 * JSON text that is taken as it is where a payload or predicate is expected. For tests with JSON
 * that no JavaScript value has.
 */
class RawJson {
  constructor(text) {
    this.text = text;
  }
}

// Objects that keep their content in internal slots, although they may also have properties.
const hidden = [
  types.isMap,
  types.isSet,
  types.isWeakMap,
  types.isWeakSet,
  types.isRegExp,
  types.isDate, // without its toJSON
  types.isPromise,
  types.isNativeError,
  types.isAnyArrayBuffer,
  types.isArrayBufferView,
  types.isGeneratorObject,
  types.isSymbolObject,
];

function nameOf(value) {
  const name = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'nameless object';
}

function isHidden(value) {
  return hidden.some((isOne) => isOne(value));
}

/**
 * Reports whether this is the prototype of a plain object, as a literal makes one, also in another
 * context (node:vm, test runners).
 */
function isPlain(prototype) {
  return (
    prototype === null ||
    prototype === Object.prototype ||
    Object.getPrototypeOf(prototype) === null
  );
}

// Names and event types are few, and asked for again and again.
const QUOTED_MAX = 1000;
const QUOTED_LENGTH_MAX = 100;
const quotedBefore = new Map();

/** The JSON text of a name. */
function quoted(name) {
  let text = quotedBefore.get(name);
  if (text === undefined) {
    text = JSON.stringify(name);
    if (quotedBefore.size < QUOTED_MAX && name.length <= QUOTED_LENGTH_MAX) {
      quotedBefore.set(name, text);
    }
  }
  return text;
}

const PLAIN_DEPTH_MAX = 32;

/**
 * Returns the JSON text of what almost every payload is: literals of objects and arrays with
 * strings and finite numbers. Undefined for everything else, which the Writer looks at, from the
 * beginning: it keeps the path to each value, and that takes twice the time.
 */
function plainValue(value, depth = 0) {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : undefined;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'object':
      if (value === null) {
        return 'null';
      }
      if (depth === PLAIN_DEPTH_MAX || typeof value.toJSON === 'function') {
        return undefined;
      }
      return Array.isArray(value) ? plainArray(value, depth + 1) : plainObject(value, depth + 1);
  }
}

function plainArray(value, depth) {
  let text = '';
  for (let i = 0; i < value.length; i++) {
    const element = plainValue(value[i], depth);
    if (element === undefined) {
      return undefined;
    }
    text += i === 0 ? element : `,${element}`;
  }
  return `[${text}]`;
}

function plainObject(value, depth) {
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    return undefined;
  }
  let text = '';
  for (const key of Object.keys(value)) {
    const property = value[key];
    if (property !== undefined) {
      const written = plainValue(property, depth);
      if (written === undefined) {
        return undefined;
      }
      text += `${text === '' ? '' : ','}${quoted(key)}:${written}`;
    }
  }
  return text === '' ? undefined : `{${text}}`; // an empty one may hide what is in it
}

class Writer {
  #what;
  #path = []; // the keys that lead to the current value; after an error, to the value that failed
  #open = []; // the objects that contain the current value
  #refusal; // the error that this writer threw itself

  constructor(what) {
    this.#what = what;
  }

  /**
   * Returns the JSON text. An error of the application's code (a getter, toJSON, a Proxy trap)
   * becomes the cause of an error that names the path.
   */
  text(value) {
    try {
      return this.#value(value);
    } catch (failure) {
      throw failure === this.#refusal
        ? failure
        : invalidArgument(`${this.#place()} cannot be read: ${describe(failure)}`, failure);
    }
  }

  #place() {
    return place(this.#what, this.#path);
  }

  #refuse(problem) {
    this.#refusal = invalidArgument(`${this.#place()} ${problem}`);
    throw this.#refusal;
  }

  #value(value) {
    switch (typeof value) {
      case 'string':
        return JSON.stringify(value);
      case 'number':
        return Number.isFinite(value)
          ? String(value)
          : this.#refuse(`is ${value}, which JSON cannot say; use null or a string`);
      case 'boolean':
      case 'bigint':
        return String(value);
      case 'object':
        return value === null ? 'null' : this.#object(value);
      case 'undefined':
        return this.#refuse(
          'is undefined, which JSON cannot hold; use null, or leave the property out',
        );
      default:
        return this.#refuse(`is a ${typeof value}, which JSON cannot hold`);
    }
  }

  #object(given) {
    const value = typeof given.toJSON === 'function' ? this.#toJSON(given) : given;
    if (typeof value !== 'object' || value === null) {
      return this.#value(value);
    }
    if (this.#open.includes(value)) {
      this.#refuse('is one of the objects around it (circular), which JSON cannot hold');
    }
    if (this.#open.length === DEPTH_MAX) {
      this.#refuse('is nested too deeply: 127 levels are allowed');
    }
    this.#open.push(value);
    const text = Array.isArray(value) ? this.#array(value) : this.#content(value);
    this.#open.pop();
    return text;
  }

  #toJSON(value) {
    if (types.isDate(value) && Number.isNaN(Date.prototype.getTime.call(value))) {
      this.#refuse('is an invalid Date, which JSON cannot say; use null or a string');
    }
    return value.toJSON(String(this.#path.at(-1) ?? ''));
  }

  #content(value) {
    const prototype = Object.getPrototypeOf(value);
    if (prototype === null && isRawJson(value)) {
      return value.rawJSON;
    }
    if (value instanceof RawJson) {
      return value.text;
    }
    const plain = isPlain(prototype);
    if (!plain && types.isBoxedPrimitive(value)) {
      return this.#value(value.valueOf());
    }
    const text = plain || !isHidden(value) ? this.#properties(value) : undefined;
    if (text === undefined || (text === '{}' && isHidden(value))) {
      this.#refuse(
        `is ${article(nameOf(value))}, which JSON cannot hold; give an array or a plain object of what is in it`,
      );
    }
    if (text === '{}' && !plain) {
      // It has private fields, accessors or internal slots: none of its content would be stored.
      this.#refuse(
        `is ${article(nameOf(value))} without properties of its own, stored as {}; give a plain object, or the class a toJSON`,
      );
    }
    return text;
  }

  #array(value) {
    const parts = [];
    for (let i = 0; i < value.length; i++) {
      this.#path.push(i);
      parts.push(this.#value(value[i])); // a hole reads as undefined, which is refused
      this.#path.pop();
    }
    return `[${parts.join(',')}]`;
  }

  // Leaves out properties that are undefined: throughout this package undefined means absent.
  #properties(value) {
    let text = '';
    for (const key of Object.keys(value)) {
      this.#path.push(key);
      const property = value[key];
      if (property !== undefined) {
        text += `${text === '' ? '' : ','}${quoted(key)}:${this.#value(property)}`;
      }
      this.#path.pop();
    }
    return `{${text}}`;
  }
}

function article(name) {
  return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

function describe(cause) {
  try {
    return String(cause?.message ?? cause);
  } catch {
    return 'a value that cannot be shown was thrown';
  }
}

/** Returns the JSON text of a payload or predicate. `what` names it in errors. */
function write(value, what) {
  if (value === undefined) {
    throw invalidArgument(
      `${what} is missing: it must be a value that JSON can hold, and undefined is none`,
    );
  }
  return plainText(value) ?? new Writer(what).text(value);
}

/**
 * The JSON text of a payload that is plain, else undefined. So it is when the application's code
 * throws, which `write` meets again and can name.
 */
function plainText(value) {
  try {
    return plainValue(value);
  } catch {
    return undefined;
  }
}

module.exports = { RawJson, plainText, quoted, write };
