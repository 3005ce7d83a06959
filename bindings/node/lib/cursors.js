'use strict';

const { limitsOf } = require('./abort.js');
const decode = require('./decode.js');
const encode = require('./encode.js');
const { native } = require('./native.js');
const { request } = require('./requests.js');

const text = (value, what) => JSON.stringify(encode.string(value, what));

/** Parked batches of a name: those at `positions`, or all of them. */
function someParked(name, positions) {
  const fields = [`"name":${text(name, 'name')}`];
  if (!encode.isAbsent(positions)) {
    const numbers = encode
      .array(positions, 'positions')
      .map((position, i) => encode.sequenceNumber(position, `positions[${i}]`));
    fields.push(`"positions":[${numbers.join(',')}]`);
  }
  return `{${fields.join(',')}}`;
}

/** The calls about the cursors of durable names, as the library takes them. */
const calls = {
  list: () => '{"cursors":{}}',
  reset: (name, to) =>
    `{"cursor_reset":{"name":${text(name, 'name')},"to":${encode.sequenceNumber(to, 'to')}}}`,
  copy: (from, to) => `{"cursor_copy":{"from":${text(from, 'from')},"to":${text(to, 'to')}}}`,
  parked: (name) => `{"parked":{"name":${text(name, 'name')}}}`,
  redeliverParked: (name, positions) => `{"redeliver_parked":${someParked(name, positions)}}`,
  discardParked: (name, positions) => `{"discard_parked":${someParked(name, positions)}}`,
  delete: (name) => `{"cursor_delete":{"name":${text(name, 'name')}}}`,
};

/** Makes a call, and promises its decoded answer: undefined for a change. */
async function cursorCall(store, handle, call, options) {
  return await request(
    store,
    handle,
    limitsOf(encode.options(options, ['signal', 'timeoutMs'])),
    (tag) => native.cursorsSubmit(handle, call, tag),
    (answer) => (answer === '' ? undefined : decode.cursorAnswer(answer)),
  );
}

module.exports = { calls, cursorCall };
