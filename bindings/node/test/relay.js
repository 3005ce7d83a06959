'use strict';

const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const { atEnd } = require('./stores.js');

/**
 * Runs a server of test/servers/ in a thread of its own, since opening a store blocks this one.
 * Resolves to the port and the thread.
 */
async function serve(t, name, workerData) {
  const thread = new Worker(path.join(__dirname, 'servers', name), { workerData });
  atEnd(t, () => thread.terminate());
  const [port] = await once(thread, 'message');
  return { port, thread };
}

/** The same URL with another address. */
function withAddress(url, host, port) {
  const changed = new URL(url);
  // Hosts may also be given behind the question mark, where they win.
  for (const name of ['host', 'port', 'hostaddr']) {
    changed.searchParams.delete(name);
  }
  changed.hostname = host;
  changed.port = String(port);
  return changed.href;
}

/**
 * A relay in front of the server of `url`: its URL, how many connections it carries, how to cut
 * them, and how to make the server seem away, back, and not to answer.
 */
async function relay(t, url) {
  const { hostname, port, searchParams } = new URL(url);
  const given = searchParams.get('host') ?? decodeURIComponent(hostname);
  const target = given.startsWith('/')
    ? { path: `${given}/.s.PGSQL.${searchParams.get('port') ?? (port || 5432)}` }
    : { host: given, port: Number(searchParams.get('port') ?? (port || 5432)) };
  const count = new Int32Array(new SharedArrayBuffer(4));
  const served = await serve(t, 'relay.js', { target, count });
  const tell = async (order) => {
    served.thread.postMessage(order);
    await once(served.thread, 'message');
  };
  return {
    url: withAddress(url, '127.0.0.1', served.port),
    connections: () => Atomics.load(count, 0),
    cut: () => tell('cut'),
    down: () => tell('down'),
    up: () => tell('up'),
    silence: () => tell('silent'),
  };
}

module.exports = { relay, serve, withAddress };
