#!/usr/bin/env bash
# Bundles a program that uses the packed npm packages with each bundler of docs/bundlers.md, as that
# page says, and runs what comes out. check-bundlers.sh [NAME...]: only those.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
here=$(python3 tools/platforms.py here)
version=$(cat VERSION)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export NEXT_TELEMETRY_DISABLED=1 CI=true
unset NODE_PATH

# Installed where the checkout keeps what it makes. Next.js wants to be found from its application,
# so that one's folder is made below, too.
installed=$root/build/bundlers
mkdir -p "$installed"
if ! cmp -s tools/bundlers/package-lock.json "$installed/installed.json"; then
  cp tools/bundlers/package{,-lock}.json "$installed/"
  npm ci --prefix "$installed" --silent --no-audit --no-fund --ignore-scripts
  cp tools/bundlers/package-lock.json "$installed/installed.json"
fi
bin=$installed/node_modules/.bin

# The folder of an application: the packages as npm installs them, and a program.
application() {
  echo '{"private": true}' >package.json
  npm install --offline --no-audit --no-fund --silent \
    "$root/dist/npm/factstr-factstr-node-$version.tgz" "$root/dist/npm/factstr-factstr-node-$here-$version.tgz"
  cat >main.mjs <<'JS'
import { FactstrMemoryStore } from '@factstr/factstr-node';
const store = new FactstrMemoryStore();
const { committed_count } = store.append([{ event_type: 'bundled', payload: 1 }]);
console.log(`committed ${committed_count}`);
store.close();
JS
}

commits() { # commits COMMAND...: the program does its work
  local said
  said=$("$@" 2>&1) || { echo "$said" && return 1; }
  [ "$said" = "committed 1" ] || { echo "it printed: $said" && return 1; }
}

fails_with() { # fails_with TEXT COMMAND...: the program fails, and says why
  local said status=0
  said=$("${@:2}" 2>&1) || status=$?
  [ "$status" -ne 0 ] && grep -qF -- "$1" <<<"$said" || { echo "'$1' was expected in: $said" && return 1; }
}

esbuild_external() {
  "$bin/esbuild" main.mjs --bundle --platform=node --format=esm --external:@factstr/factstr-node --outfile=out/main.mjs --log-level=warning
  commits node out/main.mjs
}

esbuild_without_its_setting() {
  fails_with 'No loader is configured for ".node" files' "$bin/esbuild" main.mjs --bundle --platform=node --outfile=out/main.js
  # The bundle that asks for the addon by name works while node_modules is beside it, and says what
  # happened where it is not.
  "$bin/esbuild" main.mjs --bundle --platform=node '--external:*.node' --outfile=out/main.js --log-level=warning
  commits node out/main.js
  mkdir alone && mv out/main.js alone/bundle.js && rm -rf node_modules
  fails_with "This code was bundled into $PWD/alone/bundle.js" node alone/bundle.js
  fails_with "It looked for @factstr/factstr-node-$here/factstr_node.node, from $PWD/alone" node alone/bundle.js
}

esbuild_with_a_file_loader() {
  "$bin/esbuild" main.mjs --bundle --platform=node --loader:.node=file --outfile=out/main.js --log-level=error
  fails_with 'got string instead of its native library: a bundler' node out/main.js
}

ncc() {
  "$bin/ncc" build main.mjs -o out --quiet
  rm -rf node_modules
  commits node out/index.mjs
}

webpack_external() {
  cat >build.cjs <<JS
const webpack = require('$installed/node_modules/webpack');
webpack({
  mode: 'production', target: 'node', entry: './main.mjs', context: __dirname,
  output: { path: __dirname + '/out', filename: 'main.cjs' },
  externals: { '@factstr/factstr-node': 'commonjs @factstr/factstr-node' },
}, (error, stats) => {
  if (error || stats.hasErrors() || stats.hasWarnings()) { console.error(error ?? stats.toString()); process.exitCode = 1; }
});
JS
  node build.cjs
  commits node out/main.cjs
}

vite_ssr() {
  # Vite leaves out everything in node_modules, unless ssr.noExternal says otherwise.
  "$bin/vite" build --ssr main.mjs --outDir out --logLevel warn
  commits node out/main.mjs
}

next_server() {
  mkdir -p app/facts
  cat >next.config.mjs <<'JS'
export default { serverExternalPackages: ['@factstr/factstr-node'] };
JS
  cat >app/layout.jsx <<'JS'
export default function Layout({ children }) {
  return <html><body>{children}</body></html>;
}
JS
  cat >app/facts/route.js <<'JS'
import { FactstrMemoryStore } from '@factstr/factstr-node';
export const dynamic = 'force-static';
export function GET() {
  const store = new FactstrMemoryStore();
  const { committed_count } = store.append([{ event_type: 'bundled', payload: 1 }]);
  store.close();
  return new Response(`committed ${committed_count}`);
}
JS
  "$bin/next" build >next.log 2>&1 || { tail -n 40 next.log && return 1; }
  commits cat .next/server/app/facts.body
}

failed=0
[ $# -gt 0 ] ||
  set -- esbuild_external esbuild_without_its_setting esbuild_with_a_file_loader ncc webpack_external vite_ssr next_server
for name; do
  folder=$work/$name
  [ "$name" != next_server ] || folder=$installed/next_server
  rm -rf "$folder" && mkdir "$folder"
  start=$SECONDS
  if (cd "$folder" && set -e && application && "$name"); then
    echo "ok      $name ($((SECONDS - start)) s)"
  else
    echo "FAILED  $name" && failed=$((failed + 1))
  fi
done
[ "$failed" -eq 0 ]
