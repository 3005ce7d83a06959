'use strict';

const { randomUUID } = require('node:crypto');

const { FactstrError } = require('./errors.js');
const { endOfString } = require('./scan.js');

// A JSON number is a decimal of any length; a JavaScript Number is a double. JSON.parse silently
// rounds to the nearest double, so a fact could be read with another value than it has (G14). Here
// a JSON number becomes
// - a Number if JavaScript writes that Number with the same decimal value, as it does for every
//   Number that was appended;
// - otherwise a BigInt if it is an integer, such as 9007199254740993;
// - otherwise an error. The store's option rawPayloads returns such payloads as text.

// A number that a double cannot hold has at least 16 digits or an exponent of at least three.
// Texts without such a number go straight to JSON.parse.
const suspicious = /\d{16}|[\d.]{17}|\d[eE][+-]?\d{3}/;

// Numbers, and the beginnings of strings, whose content is skipped.
const tokens = /"|-?\d[\d.eE+-]*/g;

const numberParts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

// Far above the digits that an append accepts. It keeps a short text with a large exponent from
// becoming a BigInt that fills the memory.
const BIGINT_DIGITS_MAX = 1000;

/**
 * Returns the number as its sign, its digits without leading and trailing zeros, and the power of
 * ten of the last digit. Zero has no digits.
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
 * Returns the BigInt of a number's text, or undefined if a double holds its value exactly. Throws
 * if neither type can hold it. `what` names the payload in the error.
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
 * Returns the text in which `replace(value)` stands for every number that a double cannot hold.
 * Digits inside strings stay as they are.
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
 * Replaces each mark by its value. It does not recurse, since stored payloads may be nested deeply.
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
 * Like JSON.parse, but never changes the value of a number. The root of the text must be an object
 * or an array. `what` names the payload in errors.
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
