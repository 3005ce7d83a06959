'use strict';

const encode = require('./encode.js');
const { FactstrError } = require('./errors.js');
const { native } = require('./native.js');
const { FactstrMemoryStore, FactstrPostgresStore, FactstrSqliteStore } = require('./stores.js');
const { EventStreamSubscription } = require('./subscription.js');

function configure(settings) {
  native.configure(encode.configuration(settings));
}

module.exports = {
  EventStreamSubscription,
  FactstrError,
  FactstrMemoryStore,
  FactstrPostgresStore,
  FactstrSqliteStore,
  configure,
};
