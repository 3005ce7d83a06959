'use strict';

const path = require('node:path');

const { version } = require('../package.json');

const supported = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-x64-gnu',
  'win32-x64-msvc',
];

/**
 * Returns the addon of a platform. Each call of `require` is literal and inside of a try block:
 * bundlers follow it then, and take a platform that is not installed for optional. The platform
 * packages carry this code too, and find their own addon under the same name, since a package may
 * name itself. Nothing outside of the packages is asked for.
 */
function addonOf(platform) {
  try {
    switch (platform) {
      case 'darwin-arm64':
        return require('@factstr/factstr-node-darwin-arm64/factstr_node.node');
      case 'darwin-x64':
        return require('@factstr/factstr-node-darwin-x64/factstr_node.node');
      case 'linux-arm64-gnu':
        return require('@factstr/factstr-node-linux-arm64-gnu/factstr_node.node');
      case 'linux-x64-gnu':
        return require('@factstr/factstr-node-linux-x64-gnu/factstr_node.node');
      case 'win32-x64-msvc':
        return require('@factstr/factstr-node-win32-x64-msvc/factstr_node.node');
    }
  } catch (cause) {
    throw loadError(explain(platform, cause), cause);
  }
  throw loadError(explain(platform, undefined));
}

/** Returns glibc with its version, musl, or nothing where the runtime does not tell. */
function libc() {
  // Node's report names the libc. It is slow, so it is only made when loading has failed.
  let report;
  try {
    report = process.platform === 'linux' ? process.report?.getReport() : undefined;
  } catch {
    // Whoever may not read the system's state still gets the error that matters.
  }
  const { header } = report ?? {};
  if (header?.glibcVersionRuntime) {
    return `glibc ${header.glibcVersionRuntime}`;
  }
  const objects = report?.sharedObjects ?? [];
  return objects.some((file) => /\bld-musl-/.test(file)) ? 'musl' : undefined;
}

function platformName() {
  const { platform, arch } = process;
  const abi = { linux: '-gnu', win32: '-msvc' }[platform] ?? '';
  return `${platform}-${arch}${abi}`;
}

/** Returns the program that runs this code, its system and the system's libc. */
function runtime(system) {
  const { versions } = process;
  const name = versions.bun
    ? `Bun ${versions.bun}`
    : versions.deno
      ? `Deno ${versions.deno}`
      : `Node.js ${versions.node}`;
  return [name, `${process.platform} ${process.arch}`, system].filter(Boolean).join(', ');
}

/** Returns where this code stands if a bundler has moved it out of its package. */
function bundle() {
  const here = typeof __filename === 'string' ? __filename : 'a module without a file name';
  return path.basename(here) === 'loader.js' ? undefined : here;
}

const BUNDLERS =
  'tell the bundler to leave @factstr/factstr-node out (its option is called external), and install the package beside the bundle.';

/** Returns the text of the load error: what was looked for, possible causes, and what to do. */
function explain(platform, cause, system = libc(), bundled = bundle()) {
  const has = supported.includes(platform);
  const name = `@factstr/factstr-node-${platform}`;
  const lines = [
    `@factstr/factstr-node ${version} could not load its native library for ${platform} (${runtime(system)}).`,
  ];
  if (has) {
    const from = typeof __dirname === 'string' ? `, from ${__dirname}` : '';
    lines.push(`It looked for ${name}/factstr_node.node${from}.`);
  }
  const message = String(cause?.message ?? cause);
  if (system === 'musl') {
    lines.push(
      'Linux distributions on musl (such as Alpine) cannot load a Go shared library; use an image on glibc (such as Debian).',
      `There is a prebuilt library for: ${supported.join(', ')}.`,
    );
  } else if (!has) {
    lines.push(
      `There is no prebuilt library for this platform. There is one for: ${supported.join(', ')}.`,
    );
  } else if (bundled) {
    lines.push(`This code was bundled into ${bundled}: ${BUNDLERS}`);
  } else if (cause?.code === 'MODULE_NOT_FOUND') {
    lines.push(
      `The package ${name} is not installed. It is an optional dependency, so a package manager leaves it out silently when`,
      '- optional dependencies are switched off: install with `npm install --include=optional` (look for --no-optional, --omit=optional, and omit=optional in .npmrc);',
      '- node_modules or the lock file came from another platform: delete both and install again on this one;',
      '- a bundler or an image copied only the main package: copy this one, too.',
    );
  } else if (process.versions.deno && /--allow-|permission|access/i.test(message)) {
    lines.push('Deno did not permit it: native code needs --allow-ffi.');
  } else {
    lines.push('The package is installed, but the system refused to load the library:');
  }
  if (cause !== undefined) {
    lines.push(`  ${message.split('\n')[0]}`);
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
  if (typeof addon?.attach !== 'function') {
    throw loadError(
      `@factstr/factstr-node ${version} got ${typeof addon} instead of its native library: a bundler has replaced it by a file's name. ${BUNDLERS}`,
    );
  }
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
  return check(addonOf(platformName()));
}

module.exports = { check, explain, load, supported };
