#!/usr/bin/env bash
# The suites of Node and Python against the packages of dist/ instead of the checkout: the tests,
# and beside them only what was packed. check-suites.sh [node | python]. DATABASE_URL names a
# database that the tests may fill; without it a server is started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
here=$(python3 tools/platforms.py here)
version=$(cat VERSION)
if [ -z "${DATABASE_URL:-}" ]; then
  go build -o build/pgserver ./tools/pgserver
  exec build/pgserver -- "tools/$(basename "${BASH_SOURCE[0]}")" "$@"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset NODE_PATH PYTHONPATH LD_LIBRARY_PATH
export PYTHONDONTWRITEBYTECODE=1

# Tests read vectors and scenarios beside the package, so the folders are those of the checkout.
mkdir -p "$work/bindings/node/node_modules/@factstr" "$work/bindings/node/native" "$work/bindings/python" "$work/unpacked"
for entry in "$root"/*; do
  [ "$(basename "$entry")" = bindings ] || ln -s "$entry" "$work/"
done

node_suite() {
  local folder=$work/bindings/node name
  tar -xzf "$root/dist/npm/factstr-factstr-node-$version.tgz" -C "$folder" --strip-components=1
  mkdir "$folder/native/$here"
  tar -xzf "$root/dist/npm/factstr-factstr-node-$here-$version.tgz" -C "$folder/native/$here" --strip-components=1
  ln -s "../../native/$here" "$folder/node_modules/@factstr/factstr-node-$here"
  cp -R "$root/bindings/node/test" "$folder/"
  (cd "$work" && node --test --test-reporter=dot bindings/node/test/*.test.js) || return
  # The tests that did run were those of the packages: no other copy of the library was there.
  for name in bindings/node/lib bindings/node/native; do
    [ -d "$work/$name" ] && [ ! -L "$work/$name" ] || return
  done
}

python_suite() {
  local folder=$work/bindings/python
  python3 -m pip install -q --target "$work/site" --no-index --no-deps --find-links "$root/dist/python" "factstr==$version"
  cp -R "$root/bindings/python"/{tests,hatch_build.py,pyproject.toml,README.md} "$folder/"
  (cd "$work" && PYTHONPATH=$work/site python3 -m unittest discover -s bindings/python/tests)
}

for suite in ${1:-node python}; do
  echo "== $suite, from dist/"
  "${suite}_suite"
done
