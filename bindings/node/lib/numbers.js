'use strict';

const { randomUUID } = require('node:crypto');

const { FactstrError } = require('./errors.js');
const { endOfString } = require('./scan.js');

// JSON numbers are decimals of any length, a JavaScript number is a double. JSON.parse gives the
// nearest double without a word, and a fact would be read as another one than was stored (G14).
// Here a number is read as
// - a Number when the Number is written with the same value: everything that a JavaScript program
//   ever appended as one;
// - a BigInt when it is another integer, such as 9007199254740993;
// - else not at all: reading fails, and the store's option rawPayloads gives the text.

// A number that a double does not hold has 16 digits or more, or an exponent of three digits; all
// other texts go the quick way.
const suspicious = /\d{16}|[\d.]{17}|\d[eE][+-]?\d{3}/;

// The tokens that matter: where a string begins, which is passed over, and numbers.
const tokens = /"|-?\d[\d.eE+-]*/g;

const numberParts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

// Far above what is taken when it is appended: a short text with a large exponent must not become a
// number that fills the memory.
const BIGINT_DIGITS_MAX = 1000;

/**
 * A number as sign, digits without zeros at the ends, and the power of ten of its last digit. Zero
 * has no digits.
 */
function decimal(text) {
  const [, sign, whole, fraction = '', exponent = '0'] = numberParts.exec(text);
  const written = whole + fraction;
  const digits = written.replace(/0+$/, '');
  return {
    sign: digits.replace(/^0+/, '') === '' ? '' : sign,
    digits: digits.replace(/^0+/, ''),
    power: Number(exponent) - fraction.length + (written.length - digits.length),
  };
}

function isSame(a, b) {
  return a.sign === b.sign && a.digits === b.digits && (a.power === b.power || a.digits === '');
}

/**
 * The value of a number's text that a double cannot hold; undefined when it can. `what` holds the
 * number.
 */
function exact(text, what) {
  const stored = decimal(text);
  const double = Number(text);
  if (Number.isFinite(double) && isSame(stored, decimal(String(double)))) {
    return undefined;
  }
  const { sign, digits, power } = stored;
  if (power >= 0 && digits.length + power <= BIGINT_DIGITS_MAX) {
    return BigInt(sign + digits + '0'.repeat(power));
  }
  throw new FactstrError(
    'InvalidState',
    `${what} holds the number ${text.length > 60 ? `${text.slice(0, 60)}...` : text}, which no JavaScript number holds; ` +
      'open the store with rawPayloads: true to get payloads as JSON text',
  );
}

/**
 * The text with every number that a double cannot hold replaced by what `replace` makes of its
 * value. What stands in strings is no number.
 */
function withoutInexact(text, what, replace) {
  const parts = [];
  let copied = 0;
  tokens.lastIndex = 0;
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    if (token[0] === '"') {
      tokens.lastIndex = endOfString(text, token.index);
    } else if (suspicious.test(token[0])) {
      const value = exact(token[0], what);
      if (value !== undefined) {
        parts.push(text.slice(copied, token.index), replace(value));
        copied = tokens.lastIndex;
      }
    }
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

/**
 * Puts the values where their marks are. Without recursion: what is stored may be nested deeply.
 */
function replaceMarks(root, mark, values) {
  const holders = [root];
  while (holders.length > 0) {
    const holder = holders.pop();
    for (const key of Object.keys(holder)) {
      const value = holder[key];
      if (typeof value === 'object' && value !== null) {
        holders.push(value);
      } else if (typeof value === 'string' && value.startsWith(mark)) {
        holder[key] = values[Number(value.slice(mark.length))];
      }
    }
  }
}

/**
 * JSON.parse, but a number is never read as another one. For texts whose root is an object or an
 * array; errors say that `what` holds the number.
 */
function parse(text, what = 'a payload') {
  if (!suspicious.test(text)) {
    return JSON.parse(text);
  }
  const values = [];
  const mark = `${randomUUID()}:`; // no stored text holds it
  const marked = withoutInexact(text, what, (value) => `"${mark}${values.push(value) - 1}"`);
  const parsed = JSON.parse(marked);
  if (values.length > 0) {
    replaceMarks(parsed, mark, values);
  }
  return parsed;
}

module.exports = { parse };
