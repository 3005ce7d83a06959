#!/usr/bin/env bash
# The quick lane, for each save: checks the format of what changed since the last commit and vets
# it, runs the unit tests without the race detector, most of the contract on SQLite, the checks of
# prose and docs, and some tests of C, Node and Python against a freshly built library. Go's cache
# skips what did not change. All parts run, whatever fails; a failed part prints its output.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
log=build/test/quick.log failed=() total=$SECONDS
mkdir -p build/test

part() { # part NAME COMMAND...
  local start=$SECONDS mark=ok
  "${@:2}" >"$log" 2>&1 || { mark=FAILED && failed+=("$1") && cat "$log"; }
  printf '%-7s %-24s %3d s\n' "$mark" "$1" $((SECONDS - start))
}

mapfile -t changed < <({ git diff --name-only --diff-filter=d HEAD -- '*.go' && git ls-files --others --exclude-standard -- '*.go'; } | sort -u)

format() {
  local unformatted
  unformatted=$(gofmt -l "${changed[@]}") || return
  [ -z "$unformatted" ] || { printf '%s\ngofmt -w mends them\n' "$unformatted" && return 1; }
}

vet() {
  local packages
  mapfile -t packages < <(printf './%s\n' "${changed[@]}" | xargs -n 1 dirname | sort -u)
  go vet "${packages[@]}"
}

bindings() {
  tools/build-lib.sh && tools/build-node.sh && tools/build-python.sh
}

# Left out are the topics that wait for clocks or play thousands of steps; the memory store plays
# them all.
sqlite() {
  go test -run Contract -skip 'Contract/(observer|durable_cursors|model)' ./core/sqlite
}

with_database() { go build -o build/pgserver ./tools/pgserver && build/pgserver -- "$@"; }
c_stores() { with_database capi/ctest/run.sh stores; }
node_scenarios() { with_database node --test --test-reporter=spec bindings/node/test/{append,append_if,scenarios}.test.js; }
python_streams() { PYTHONPATH=bindings/python/src with_database python3 -m unittest discover -s bindings/python/tests -p test_streams.py; }

if [ ${#changed[@]} -gt 0 ]; then
  part "gofmt of changed files" format
  part "go vet of their packages" vet
fi
part "Go unit tests" go test ./core ./core/memory ./core/internal/... ./core/jsonvalue ./interop/... ./capi/...
part "SQLite: the contract" sqlite
part "prose" python3 tools/check_prose.py
# Pages are made from the comments of the sources. Python in them is formatted by ruff, which
# ./build.sh lint installs.
if command -v ruff >/dev/null; then
  part "docs" python3 tools/check_docs.py
else
  echo "not run: docs, since there is no ruff; ./build.sh lint puts it into .tools/"
fi
part "library, Node, Python" bindings
if [[ " ${failed[*]} " == *" library, Node, Python "* ]]; then
  echo "not run: C, Node and Python, since there is no library of this state"
else
  part "C: stores" c_stores
  part "Node: append, scenarios" node_scenarios
  part "Python: streams" python_streams
fi

[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[@]}"
echo "quick: $((SECONDS - total)) s"
[ ${#failed[@]} -eq 0 ]
