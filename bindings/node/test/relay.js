'use strict';

const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const { serverOf, withAddress } = require('./server_address.js');
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

/**
 * A relay in front of the server of `url`: its URL, how many connections it carries, how to cut
 * them, and how to make the server seem away, back, and not to answer.
 */
async function relay(t, url) {
  const count = new Int32Array(new SharedArrayBuffer(4));
  const served = await serve(t, 'relay.js', { target: serverOf(url), count });
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

module.exports = { relay, serve };
