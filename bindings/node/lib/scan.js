'use strict';

// Finds the ends of values in JSON text. The library wrote the text, so it is valid. Payloads may
// be long and nested deeply, so nothing here recurses or matches a whole string with a regular
// expression.

/** Returns the index behind the closing quote of the string that begins at `start`. */
function endOfString(text, start) {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') {
      backslashes++;
    }
    if (backslashes % 2 === 0) {
      return quote + 1;
    }
  }
}

const structure = /["{}[\]]/g;

/** Returns the end of the value that begins at `start` and is the last one of its object. */
function endOfLastValue(text, start) {
  let depth = 0;
  structure.lastIndex = start;
  for (;;) {
    const { 0: found, index } = structure.exec(text);
    if (found === '"') {
      structure.lastIndex = endOfString(text, index);
    } else if (found === '{' || found === '[') {
      depth++;
    } else if (depth-- === 0) {
      return index;
    }
  }
}

const key = ',"payload":';

/**
 * Cuts the payloads out of the text of records. Returns the text in which the index into `payloads`
 * stands for each of them, and their texts as `payloads`. The key is unambiguous: the library
 * writes the payload as the last field of a record, and inside a string the quotes would be
 * escaped.
 */
function cutPayloads(text) {
  const parts = [];
  const payloads = [];
  let copied = 0;
  for (let found = text.indexOf(key); found !== -1; found = text.indexOf(key, copied)) {
    const start = found + key.length;
    parts.push(text.slice(copied, start), String(payloads.length));
    copied = endOfLastValue(text, start);
    payloads.push(text.slice(start, copied).trim());
  }
  parts.push(text.slice(copied));
  return { text: parts.join(''), payloads };
}

module.exports = { cutPayloads, endOfString };
