#!/usr/bin/env bash
# The suites of Node and Python against the packages of dist/ instead of the checkout: the tests,
# and beside them only what was packed. check-suites.sh [node | python]. DATABASE_URL names a
# database that the tests may fill; without it a server is started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
# shellcheck source=tools/suite-folders.sh
source tools/suite-folders.sh
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

lay_out_suites "$work"

node_suite() {
  local name
  lay_out_node "$work" "$here"
  (cd "$work" && node --test --test-reporter=dot bindings/node/test/*.test.js) || return
  # The tests that did run were those of the packages: no other copy of the library was there.
  for name in bindings/node/lib bindings/node/native; do
    [ -d "$work/$name" ] && [ ! -L "$work/$name" ] || return
  done
}

python_suite() {
  python3 -m pip install -q --target "$work/site" --no-index --no-deps --find-links "$root/dist/python" "factstr==$version"
  lay_out_python "$work"
  (cd "$work" && PYTHONPATH=$work/site python3 -m unittest discover -s bindings/python/tests)
}

for suite in ${1:-node python}; do
  echo "== $suite, from dist/"
  "${suite}_suite"
done
