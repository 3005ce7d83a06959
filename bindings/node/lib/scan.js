'use strict';

// Finding the ends of values in JSON text that the library wrote, so it is known to be right. Loops
// and no recursion, and no regular expression over a whole string: payloads may be long and nested
// deeply.

/** Where the string that begins at `start` ends: behind its closing quote. */
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

/** Where the value that begins at `start` ends, when it is the last one of an object. */
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
 * The text of records with each payload replaced by its place in `payloads`, where its own text
 * stands. The library writes the payload as the last field of a record; inside a string the key
 * would have its quotes escaped.
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
