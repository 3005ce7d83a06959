'use strict';

const { version } = require('../package.json');

// A literal require for each platform, so that bundlers can follow it.
const platforms = {
  'linux-x64-gnu': {
    fromPackage: () => require('@factstr/factstr-node-linux-x64-gnu/factstr_node.node'),
    // This code is in the platform package too, which can be loaded by itself.
    fromHere: () => require('../factstr_node.node'),
    // In a checkout of the repository the build puts the addon here.
    fromCheckout: () => require('../native/linux-x64-gnu/factstr_node.node'),
  },
};

// Node's report names the libc. It is slow, so it is only made when loading has failed.
function usesMusl() {
  const report = process.platform === 'linux' ? process.report?.getReport() : undefined;
  return report !== undefined && report.header.glibcVersionRuntime === undefined;
}

function platformName() {
  const { platform, arch } = process;
  return platform === 'linux' ? `${platform}-${arch}-gnu` : `${platform}-${arch}`;
}

function isMissing(error) {
  return error?.code === 'MODULE_NOT_FOUND';
}

/** Returns the text of the load error: what was tried, possible causes, and what to do. */
function explain(name, musl, failures) {
  const lines = [
    `@factstr/factstr-node ${version} could not load its native library for ${musl ? name.replace('-gnu', '-musl') : name}.`,
  ];
  const supported = Object.keys(platforms).join(', ');
  if (musl) {
    lines.push(
      'Linux distributions on musl (such as Alpine) cannot load a Go shared library; use an image on glibc (such as Debian).',
      `There is a prebuilt library for: ${supported}.`,
    );
  } else if (!Object.hasOwn(platforms, name)) {
    lines.push(`There is no prebuilt library for this platform. There is one for: ${supported}.`);
  } else if (failures.every(isMissing)) {
    lines.push(
      `The package @factstr/factstr-node-${name} is not installed. It is an optional dependency, so a package manager leaves it out silently when`,
      '- optional dependencies are switched off: install with `npm install --include=optional` (look for --no-optional, --omit=optional, and omit=optional in .npmrc);',
      '- node_modules or the lock file came from another platform: delete both and install again on this one;',
      '- a bundler did not copy it: mark @factstr/factstr-node as external.',
    );
  } else {
    lines.push('The library is installed, but the system refused to load it:');
  }
  for (const failure of failures) {
    lines.push(`  ${String(failure?.message ?? failure).split('\n')[0]}`);
  }
  return lines.join('\n');
}

function loadError(message, cause) {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.code = 'FACTSTR_LOAD_FAILED';
  return error;
}

/** The addon, the library and this package are built together; a mixture would misread memory. */
function check(addon) {
  if (
    addon.libraryAbiVersion !== addon.addonAbiVersion ||
    addon.libraryVersion !== version ||
    addon.addonVersion !== version
  ) {
    throw loadError(
      `@factstr/factstr-node ${version} found an addon ${addon.addonVersion} (ABI ${addon.addonAbiVersion}) over libfactstr ` +
        `${addon.libraryVersion} (ABI ${addon.libraryAbiVersion}). All three must be of one version: install @factstr/factstr-node ` +
        'again, and make sure that only one version of it is loaded in this process.',
    );
  }
  return addon;
}

function load() {
  const name = platformName();
  const failures = [];
  if (Object.hasOwn(platforms, name)) {
    const { fromPackage, fromHere, fromCheckout } = platforms[name];
    for (const source of [fromPackage, fromHere, fromCheckout]) {
      try {
        return check(source());
      } catch (failure) {
        if (failure.code === 'FACTSTR_LOAD_FAILED') {
          throw failure;
        }
        failures.push(failure);
      }
    }
  }
  throw loadError(explain(name, usesMusl(), failures), failures[0]);
}

module.exports = { check, explain, load };
