#!/usr/bin/env bash
# Runs the quickstart from the packed packages, in an empty folder, with every runtime that a user
# may have: Node 18, 20, 22, 24 and the newest, Bun, Deno with and without its permission, and each
# Python of this machine that the wheel is for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
here=$(python3 tools/platforms.py here)
version=$(cat VERSION)
examples=$root/examples/quickstart
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH NODE_PATH
export NODE_NO_WARNINGS=1 NO_COLOR=1

[ "$here" = linux-x64-gnu ] || { echo "the runtimes are pinned for linux-x64-gnu, and this is $here: nothing was run" && exit 3; }
installed=$root/build/runtimes
mkdir -p "$installed"
if ! cmp -s tools/runtimes/package-lock.json "$installed/installed.json"; then
  cp tools/runtimes/package{,-lock}.json "$installed/"
  npm ci --prefix "$installed" --silent --no-audit --no-fund --ignore-scripts
  cp tools/runtimes/package-lock.json "$installed/installed.json"
fi
modules=$installed/node_modules
deno=$modules/@deno/linux-x64-glibc/deno

cd "$work"
echo '{"private": true}' >package.json
npm install --offline --no-audit --no-fund --silent \
  "$root/dist/npm/factstr-factstr-node-$version.tgz" "$root/dist/npm/factstr-factstr-node-$here-$version.tgz"
cp "$examples/node/quickstart.mjs" "$examples/python/quickstart.py" .

passed=0 failed=0
works() { # works NAME COMMAND...
  rm -rf quickstart.db*
  if timeout 120 "${@:2}" 2>&1 | diff "$examples/expected-output.txt" -; then
    echo "ok      $1" && passed=$((passed + 1))
  else
    echo "FAILED  $1" && failed=$((failed + 1))
  fi
}

for node in "$modules"/node-*/bin/node; do
  works "Node.js $("$node" --version)" "$node" quickstart.mjs
done
bun=$modules/@oven/bun-linux-x64/bin/bun
works "Bun $("$bun" --version)" "$bun" quickstart.mjs
works "$("$deno" --version | head -n 1), --allow-ffi" "$deno" run --no-prompt --allow-ffi quickstart.mjs

said=$(timeout 120 "$deno" run --no-prompt quickstart.mjs 2>&1) && status=0 || status=$?
if [ "$status" -ne 0 ] && grep -q 'Deno did not permit it: native code needs --allow-ffi' <<<"$said"; then
  echo "ok      Deno without permission says which one it needs" && passed=$((passed + 1))
else
  echo "$said" && echo "FAILED  Deno without permission" && failed=$((failed + 1))
fi

# The interpreters that stand on PATH or that pyenv keeps; the wheel's own metadata decides which of
# them are old.
for python in $(compgen -c | grep -xE '(python3|pypy3)\.[0-9]+' | sort -uV) "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
  python=$(command -v "$python") && said=$("$python" -c 'import sys, platform; print(platform.python_implementation(), platform.python_version(), sys.version_info >= (3, 10))' 2>/dev/null) || continue
  case $said in
    *True)
      rm -rf env
      "$python" -m venv --without-pip env 2>/dev/null && python3 -m pip --python env/bin/python install -q --no-index --find-links "$root/dist/python" "factstr==$version" ||
        { echo "FAILED  to install for $said" && failed=$((failed + 1)) && continue; }
      works "${said% True}" env/bin/python -I quickstart.py
      ;;
    *) echo "        ${said% False} is older than the wheel asks for: not run" ;;
  esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
