'use strict';

// The options and codes of this package beside interop/catalog, which every surface is compared
// with.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const factstr = require('../lib/index.js');

const catalog = path.join(__dirname, '../../../interop/catalog');
const options = JSON.parse(fs.readFileSync(path.join(catalog, 'options.json'), 'utf8'));
const { codes, reasons } = JSON.parse(fs.readFileSync(path.join(catalog, 'errors.json'), 'utf8'));
const typesOf = (topic) =>
  fs.readFileSync(path.join(__dirname, `../lib/types/${topic}.d.ts`), 'utf8');

const typeOf = {
  milliseconds: 'number',
  bytes: 'number',
  count: 'number',
  text: 'string',
  boolean: 'boolean',
  schemas: 'PayloadSchemas<Events> | null',
};

/** The options of an interface of the types, as `name: type`. */
function declared(name) {
  const declaration = new RegExp(`^export interface ${name}\\b[^{]*\\{$(.*?)^\\}$`, 'ms');
  const [, body] = declaration.exec(typesOf('options'));
  const fields = [...body.matchAll(/^ {2}(\w+)\?: (.+) \| undefined;$/gm)];
  return fields.map(([, field, type]) => `${field}: ${/=>/.test(type) ? 'function' : type}`).sort();
}

function listed(store) {
  return options
    .filter((option) => option.store === store && option.node)
    .map((option) => `${option.node}: ${typeOf[option.type] ?? option.type}`)
    .sort();
}

test('the types have the options of the table', () => {
  assert.deepEqual(declared('StoreOptions'), listed('every'));
  assert.deepEqual(declared('SqliteStoreOptions'), listed('sqlite'));
  assert.deepEqual(declared('PostgresStoreOptions'), listed('postgres'));
});

test('every option of the table is taken, and one of another store is refused', () => {
  // What follows a known option is refused, so that nothing is opened.
  const openings = {
    memory: (given) => new factstr.FactstrMemoryStore(given),
    sqlite: (given) => new factstr.FactstrSqliteStore('', given),
    postgres: (given) => new factstr.FactstrPostgresStore('', given),
  };
  const sample = { text: 'x', boolean: true, function: () => {}, schemas: {} };
  for (const [store, open] of Object.entries(openings)) {
    for (const { node: name, store: of, type } of options.filter((option) => option.node)) {
      const known = of === 'every' || of === store;
      assert.throws(
        () => open({ [name]: sample[type] ?? 7, noSuchOption: 1 }),
        (failure) =>
          failure.code === 'InvalidArgument' &&
          failure.message.includes(known ? 'noSuchOption' : name),
        `${name} of ${store}`,
      );
    }
  }
});

test('the types have the codes and reasons of the table', () => {
  const types = typesOf('errors');
  const quoted = (text) => [...text.matchAll(/'(\w+)'/g)].map(([, name]) => name).sort();
  const [, codesText] = /FactstrErrorCode =([^;]*);/.exec(types);
  assert.deepEqual(quoted(codesText), codes.map(({ code }) => code).sort());
  const [, reasonsText] = /readonly reason\?:([^;]*);/.exec(types);
  assert.deepEqual(quoted(reasonsText), reasons.map(({ reason }) => reason).sort());
});
