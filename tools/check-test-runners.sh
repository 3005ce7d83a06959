#!/usr/bin/env bash
# Runs the tests of docs/testing.md under Vitest and Jest, with the packed npm packages, twice: in
# the worker processes that both use by default, and in threads.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
here=$(python3 tools/platforms.py here)
version=$(cat VERSION)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CI=true NO_COLOR=1 FORCE_COLOR=0
unset NODE_PATH

cp tools/test-runners/package{,-lock}.json "$work/"
cp examples/snippets/node/runners/enrol.*.test.* "$work/"
cd "$work"
npm ci --silent --no-audit --no-fund --ignore-scripts
npm install --offline --no-save --no-audit --no-fund --silent \
  "$root/dist/npm/factstr-factstr-node-$version.tgz" "$root/dist/npm/factstr-factstr-node-$here-$version.tgz"

passes() { # passes COMMAND...: both tests pass, and the runner ends by itself
  local said
  said=$(timeout 120 "$@" 2>&1) || { echo "$said" && return 1; }
  grep -qE '\b2 passed\b' <<<"$said" && ! grep -qiE 'did not exit|force exited|hanging' <<<"$said" || { echo "$said" && return 1; }
  echo "ok      $*"
}

bin=node_modules/.bin
passes "$bin/vitest" run --pool=forks enrol.vitest
passes "$bin/vitest" run --pool=threads enrol.vitest
passes "$bin/jest" --testEnvironment=node enrol.jest
passes "$bin/jest" --testEnvironment=node --runInBand --detectOpenHandles enrol.jest
passes "$bin/jest" --testEnvironment=node --workerThreads --maxWorkers=2 enrol.jest
