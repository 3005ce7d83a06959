'use strict';

const factstr = require('../lib/index.js');

/**
 * Opens the store at a place: the name of its class and the arguments of the constructor, which
 * another thread or process can be told as JSON.
 */
function openPlace({ store, args }) {
  return new factstr[store](...args);
}

/** The same without waiting. */
function openPlaceAsync({ store, args }) {
  return factstr[store].open(...args);
}

module.exports = { openPlace, openPlaceAsync };
