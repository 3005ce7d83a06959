'use strict';

const { resolve } = require('node:path');

const { limitsOf } = require('./abort.js');
const encode = require('./encode.js');
const { native } = require('./native.js');
const { opening } = require('./requests.js');
const { Store } = require('./store.js');

// Wraps an already open handle without running the subclass constructor, which would open a second
// store.
function storeOf(kind, own) {
  return (handle) => Reflect.construct(Store, [handle, own], kind);
}

/**
 * Opens without blocking. `texts` are the library's arguments; the last one holds the options.
 */
function openLater(wrap, options, submitOpening, texts) {
  return opening(limitsOf(options ?? {}), (tag) => submitOpening(...texts, tag), wrap);
}

class FactstrMemoryStore extends Store {
  constructor(options) {
    const own = encode.ownOptions(options);
    super(native.openMemory(encode.storeOptions(options, encode.storeOptionNames)), own);
  }
}

function sqliteOptions(path, options) {
  return { ...encode.ownOptions(options), shown: { path: resolve(path) } };
}

class FactstrSqliteStore extends Store {
  constructor(path, options) {
    const file = encode.path(path);
    const own = sqliteOptions(file, options);
    super(native.openSqlite(file, encode.storeOptions(options, encode.sqliteOptionNames)), own);
  }

  static async open(path, options) {
    const file = encode.path(path);
    const own = sqliteOptions(file, options);
    const texts = [file, encode.openOptions(options, encode.sqliteOptionNames)];
    const wrap = storeOf(FactstrSqliteStore, own);
    return await openLater(wrap, options, native.openSqliteSubmit, texts);
  }
}

// No message repeats a URL: there may be a password in it.

function postgresOptions(options) {
  const { schema } = options ?? {};
  const shown = encode.isAbsent(schema) ? {} : { schema };
  return { ...encode.ownOptions(options), shown, isRemote: true };
}

function bootstrapTexts(target) {
  const { serverUrl, databaseName } = encode.object(target, 'target');
  return [
    encode.string(serverUrl, 'target.serverUrl'),
    encode.string(databaseName, 'target.databaseName'),
  ];
}

class FactstrPostgresStore extends Store {
  constructor(url, options) {
    const own = postgresOptions(options);
    super(
      native.openPostgres(
        encode.string(url, 'url'),
        encode.storeOptions(options, encode.postgresOptionNames),
      ),
      own,
    );
  }

  static async open(url, options) {
    const texts = [
      encode.string(url, 'url'),
      encode.openOptions(options, encode.postgresOptionNames),
    ];
    const wrap = storeOf(FactstrPostgresStore, postgresOptions(options));
    return await openLater(wrap, options, native.openPostgresSubmit, texts);
  }

  static bootstrap(target, options) {
    const texts = [
      ...bootstrapTexts(target),
      encode.storeOptions(options, encode.postgresOptionNames),
    ];
    const wrap = storeOf(FactstrPostgresStore, postgresOptions(options));
    return wrap(native.bootstrapPostgres(...texts));
  }

  static async bootstrapAsync(target, options) {
    const texts = [
      ...bootstrapTexts(target),
      encode.openOptions(options, encode.postgresOptionNames),
    ];
    const wrap = storeOf(FactstrPostgresStore, postgresOptions(options));
    return await openLater(wrap, options, native.bootstrapPostgresSubmit, texts);
  }
}

module.exports = { FactstrMemoryStore, FactstrPostgresStore, FactstrSqliteStore };
