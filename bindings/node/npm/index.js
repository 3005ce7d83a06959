'use strict';

const { version } = require('./package.json');

// This package can be loaded by itself. Beside the main package, which loads the addon from here,
// both give the same classes.
function mainPackage() {
  try {
    if (require('@factstr/factstr-node/package.json').version === version) {
      return require('@factstr/factstr-node');
    }
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') {
      throw error;
    }
  }
  return undefined;
}

module.exports = mainPackage() ?? require('./lib/index.js');
