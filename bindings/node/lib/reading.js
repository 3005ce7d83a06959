'use strict';

const decode = require('./decode.js');
const { native } = require('./native.js');
const { request } = require('./requests.js');

/**
 * The records of a query, one after the other: a page at a time is read and in memory. `open`
 * returns the handle of the store, or throws when it is closed.
 *
 * `limits` are those of abort.js; the time is that of one wait for rows.
 *
 * However the loop is left, the reading is closed. Only a generator that is dropped in the middle,
 * without return(), leaves that to the close of the store; a reading holds a few hundred bytes.
 */
async function* readRows({ store, open, reads }, query, limits) {
  const reading = native.openReading(open(), query);
  try {
    for (;;) {
      const page = await request(
        store,
        open(),
        limits,
        (tag) => native.readNextSubmit(reading, tag),
        (text) => decode.page(text, reads),
      );
      for (const record of page.event_records) {
        yield record;
      }
      if (!page.more) {
        return;
      }
    }
  } finally {
    native.closeReading(reading);
  }
}

module.exports = { readRows };
