'use strict';

const { once } = require('node:events');
const net = require('node:net');
const { inspect } = require('node:util');

const { FactstrPostgresStore } = require('../lib/index.js');
const { atEnd } = require('./stores.js');
const { patience } = require('./until.js');

const SECRET = 's3cr3t';

/**
 * A server in this thread that accepts connections and never sends anything. It accepts none while
 * something blocks the thread.
 */
async function silentServer(t) {
  const server = net.createServer().listen(0, '127.0.0.1');
  const sockets = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume(); // else the end of the connection is not reported
  });
  atEnd(t, () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  await once(server, 'listening');
  return { server, url: `postgres://clerk:${SECRET}@127.0.0.1:${server.address().port}/facts` };
}

// How long an opening of `ways` waits by itself; a test that gives one up must be done before. No
// longer: an opening that blocks the thread cannot be interrupted, not even by the test runner.
const patient = { connectTimeoutMs: 20_000 * patience };

/** What opens a PostgreSQL store without blocking. */
const ways = {
  open: (url, options) => FactstrPostgresStore.open(url, { ...patient, ...options }),
  bootstrapAsync: (serverUrl, options) =>
    FactstrPostgresStore.bootstrapAsync(
      { serverUrl, databaseName: 'ledger' },
      { ...patient, ...options },
    ),
};

/** Reports whether the error holds the password nowhere. */
function quiet(error) {
  return !inspect(error, { depth: 10 }).includes(SECRET);
}

module.exports = { SECRET, patient, quiet, silentServer, ways };
