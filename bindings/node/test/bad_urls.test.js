'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { test } = require('node:test');
const { inspect } = require('node:util');

const { FactstrPostgresStore } = require('../lib/index.js');
const { serve } = require('./relay.js');
const {
  atEnd,
  databaseUrl,
  newName,
  noHandleIsLeftOpen,
  openPostgres,
  withCode,
} = require('./stores.js');
const { patience } = require('./until.js');

noHandleIsLeftOpen();

const SECRET = 's3cr3t';

/**
 * Both ways to use a URL fail alike, and nothing that could be logged holds the password or the
 * URL.
 */
function refused(url, code, more = () => true) {
  const quiet = withCode(code, (error) => {
    for (const shown of [
      error.message,
      error.stack,
      inspect(error, { depth: 10 }),
      JSON.stringify(error),
    ]) {
      assert.ok(!shown.includes(SECRET), shown);
      assert.ok(typeof url !== 'string' || url.length < 5 || !shown.includes(url), shown);
    }
    return more(error);
  });
  assert.throws(() => new FactstrPostgresStore(url), quiet);
  assert.throws(
    () => FactstrPostgresStore.bootstrap({ serverUrl: url, databaseName: newName() }),
    quiet,
  );
}

function because(reason) {
  return (error) => {
    assert.equal(error.reason, reason, error.message);
    return true;
  };
}

/** The URL of the tests with another user and password. */
function as(user, password) {
  const url = new URL(databaseUrl());
  url.username = user;
  url.password = password;
  url.searchParams.delete('user');
  url.searchParams.delete('password');
  return url.href;
}

/** A port whose connections are never answered. */
async function silent(t) {
  const server = net.createServer().listen(0, '127.0.0.1');
  atEnd(t, () => server.close());
  await once(server, 'listening');
  return server.address().port;
}

for (const [what, url] of [
  ['nothing', undefined],
  ['null', null],
  ['a number', 5432],
  ['a URL object', new URL(`postgres://clerk:${SECRET}@127.0.0.1:1/facts`)],
  ['no text at all', ''],
  ['U+0000', `postgres://clerk:${SECRET}@127.0.0.1:1/facts\u0000`],
  ['a lone surrogate', `postgres://clerk:${SECRET}@127.0.0.1:1/\ud83d`],
  ['another scheme', `mysql://clerk:${SECRET}@127.0.0.1:1/facts`],
  ['no URL', `facts of ${SECRET}`],
  ['a port that is no number', `postgres://clerk:${SECRET}@127.0.0.1:${SECRET}/facts`],
  ['a port that is none', `postgres://clerk:${SECRET}@127.0.0.1:65536/facts`],
  ['a broken escape', `postgres://clerk:${SECRET}@127.0.0.1:1/%zz`],
  ['an unknown sslmode', `postgres://clerk:${SECRET}@127.0.0.1:1/facts?sslmode=maybe`],
  ['an open quote', `host=127.0.0.1 port=1 password='${SECRET}`],
]) {
  test(`a URL that is ${what} is InvalidArgument`, () => {
    refused(url, 'InvalidArgument', (error) => /url/i.test(error.message));
  });
}

test('an invalid direct URL is InvalidArgument too', () => {
  const options = { directUrl: `mysql://clerk:${SECRET}@127.0.0.1:1/facts` };
  assert.throws(
    () => new FactstrPostgresStore(databaseUrl(), options),
    withCode(
      'InvalidArgument',
      (error) => /direct_?url/i.test(error.message) && !inspect(error).includes(SECRET),
    ),
  );
});

test('a port where nobody listens is a BackendFailure with the reason connection', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  refused(
    `postgres://clerk:${SECRET}@127.0.0.1:${port}/facts`,
    'BackendFailure',
    because('connection'),
  );
  refused(
    `host=127.0.0.1 port=${port} user=clerk password=${SECRET} dbname=facts`,
    'BackendFailure',
    because('connection'),
  );
});

test(
  'a server that accepts and never answers is given up after connectTimeoutMs',
  { timeout: 30_000 * patience },
  async (t) => {
    const url = `postgres://clerk:${SECRET}@127.0.0.1:${await silent(t)}/facts`;
    const started = performance.now();
    assert.throws(
      () => new FactstrPostgresStore(url, { connectTimeoutMs: 50 }),
      withCode('BackendFailure', because('connection')),
    );
    // Half of the default: so many attempts were not made as if the option did not count.
    assert.ok(
      performance.now() - started < 2500,
      `gave up after ${performance.now() - started} ms`,
    );
  },
);

test('a refused password is a BackendFailure with the reason permission', async (t) => {
  const { port } = await serve(t, 'refuses_passwords.js');
  refused(
    `postgres://clerk:${SECRET}@127.0.0.1:${port}/facts?sslmode=disable`,
    'BackendFailure',
    because('permission'),
  );
  refused(
    `postgres://clerk:${SECRET}@127.0.0.1:${port}/facts`,
    'BackendFailure',
    because('permission'),
  );
});

test('an unknown user is a BackendFailure with the reason permission', () => {
  refused(as(newName(), SECRET), 'BackendFailure', because('permission'));
});

test('an unknown database is a BackendFailure with the reason missing_path, and is not created', () => {
  const url = new URL(databaseUrl());
  url.pathname = newName();
  url.searchParams.delete('dbname');
  for (let attempt = 0; attempt < 2; attempt++) {
    assert.throws(
      () => new FactstrPostgresStore(url.href),
      withCode('BackendFailure', because('missing_path')),
    );
  }
});

test('a store does not show its URL', (t) => {
  const url = databaseUrl();
  const store = openPostgres(t);
  for (const shown of [
    inspect(store, { depth: 10, showHidden: true }),
    JSON.stringify(store),
    String(store),
  ]) {
    assert.ok(!shown.includes(url) && !shown.includes(new URL(url).pathname), shown);
  }
});
