'use strict';

const { limitsOf } = require('./abort.js');
const { Batches } = require('./batches.js');
const encode = require('./encode.js');
const { invalidArgument, withFrames } = require('./errors.js');
const { receivers } = require('./native.js');
const { Stream } = require('./stream.js');
const { subscriptionOf } = require('./subscription.js');

// How often streams are looked at for being late, and how many of those that are in time.
const LOOK_PAUSE_MS = 2;
const LOOKS_MAX = 16;

// Streams that have not ended, by id. An entry keeps its stream's store and handler from being
// collected.
const streams = new Map();

receivers.batch = (id, delivery, text) => streams.get(id)?.onBatch(delivery, text);
receivers.ready = (id) => streams.get(id)?.onReady();
receivers.progress = (id, text) => streams.get(id)?.onLastProgress(text);
receivers.end = (id, status, text) => {
  const stream = streams.get(id);
  streams.delete(id);
  lateStreams.delete(stream);
  stream?.onEnd(status, text);
};

// The live streams that are late, as far as it is known: those that were late are looked at each
// time, of the others a few.
const lateStreams = new Set();
let lastLook = -Infinity;
let others = streams.values();

function look(now) {
  for (const stream of lateStreams) {
    if (!stream.isLate(now)) {
      lateStreams.delete(stream);
    }
  }
  for (let i = 0; i < Math.min(LOOKS_MAX, streams.size); i++) {
    const { value: stream, done } = others.next();
    if (done) {
      others = streams.values();
    } else if (stream.isLate(now)) {
      lateStreams.add(stream);
    }
  }
}

receivers.isLate = (now) => {
  if (streams.size > 0 && now - lastLook >= LOOK_PAUSE_MS) {
    lastLook = now;
    look(now);
  }
  return lateStreams.size > 0;
};

const liveOptions = ['signal', 'onError'];
const fromOptions = [...liveOptions, 'onProgress', 'retry', 'timeoutMs'];
const durableOptions = [...fromOptions, 'cursorEvery'];

/**
 * Opens a stream on `source`, the { store, handle, reads, answered } of a store, that begins
 * at `origin` (encode.registration).
 */
function open(source, origin, query, handler, options) {
  const registration = encode.registration(query, origin, options);
  const stream = new Stream(source, origin, handler, options);
  stream.open(registration);
  streams.set(stream.id, stream);
  return stream;
}

function openLive(source, query, handler, options) {
  const given = encode.options(options, liveOptions);
  return subscriptionOf(open(source, {}, query, handler, given));
}

async function openDurable(source, durable, query, handler, options) {
  const given = encode.options(options, durableOptions);
  return await openReplaying(source, { durable: durable ?? null }, query, handler, given);
}

async function openFrom(source, after, query, handler, options) {
  const given = encode.options(options, fromOptions);
  return await openReplaying(source, { after: after ?? null }, query, handler, given);
}

/** Resolves to the subscription when the replay is done. */
async function openReplaying(source, origin, query, handler, given) {
  const { onProgress } = given;
  if (!encode.isAbsent(onProgress) && typeof onProgress !== 'function') {
    throw invalidArgument('options.onProgress must be a function');
  }
  const { timeoutMs } = limitsOf(given);
  const stream = open(source, origin, query, handler, given);
  stream.watchReplay(onProgress, timeoutMs);
  await withFrames(stream.ready);
  return subscriptionOf(stream);
}

/** Opens a stream whose batches are iterated over. */
function openBatches(source, options) {
  const given = encode.options(options, ['query', 'after', 'durable', 'signal', 'retry']);
  const { query, after, durable } = given;
  if (!encode.isAbsent(after) && !encode.isAbsent(durable)) {
    throw invalidArgument('give either after or durable: a cursor says where to begin');
  }
  const origin = { after: after ?? undefined, durable: durable ?? undefined };
  const batches = new Batches(given.signal);
  return batches.of(open(source, origin, query, batches.handler, given));
}

function streamsOf(store) {
  return [...streams.values()].filter((stream) => stream.store === store);
}

function hasLiveStreams(store) {
  return streamsOf(store).some((stream) => stream.isLive);
}

/** The live streams that have not handled everything up to `head`, and still can. */
function streamsBehind(store, head) {
  return streamsOf(store).filter((stream) => stream.isLive && stream.isBehind(head));
}

/**
 * Gives up what live streams have not handled, since their store is closed: what is behind is
 * logged, and no batch waits any more behind a handler that may never settle. Without a `head`,
 * since the server did not answer in time, all that is known to be committed counts.
 */
function cutStreams(store, head, committed) {
  for (const stream of streamsOf(store)) {
    if (stream.isLive && (stream.isBehind(head ?? committed) || stream.hasUnhandled)) {
      stream.cut(head, committed);
    }
  }
}

/**
 * To be called before the store is closed, which releases the handles of its streams: progress()
 * returns this last progress afterwards.
 */
function keepProgress(store) {
  for (const stream of streamsOf(store)) {
    try {
      stream.progress();
    } catch {
      // A defect of the library must not keep the store from being closed.
    }
  }
}

/** Settles when every stream of the store has ended. */
function allClosed(store) {
  return Promise.allSettled(streamsOf(store).map((stream) => stream.closed));
}

module.exports = {
  allClosed,
  cutStreams,
  hasLiveStreams,
  keepProgress,
  openBatches,
  openDurable,
  openFrom,
  openLive,
  streamsBehind,
};
