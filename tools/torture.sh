#!/usr/bin/env bash
# The long lane: torture.sh [RUNS [FUZZ_TIME]]. The Go tests again and again under the race
# detector, on one processor and on several, those of killed processes, servers and hosts for
# longer, then every fuzz target, decisions over HTTP, storms of millions of signals, and the C
# tests again and again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=${1:-10} fuzz_time=${2:-60s}

go test -race -count="$runs" -cpu 1,2,4 -timeout 10h -json ./... | python3 tools/go_test_summary.py

echo "== killed processes, a thousand lives"
FACTSTR_TORTURE=1 go test -race -count=1 -timeout 10h -json -run Kill ./core/sqlite | python3 tools/go_test_summary.py

echo "== the index of terms: damages, crashes and queries at random"
FACTSTR_TORTURE=1 go test -race -count=1 -timeout 10h -json ./core/internal/termindex | python3 tools/go_test_summary.py

echo "== PostgreSQL: killed servers and processes, cut connections, hosts that are cut off"
FACTSTR_TORTURE=1 go test -race -count=1 -timeout 10h -json ./core/postgres/... | python3 tools/go_test_summary.py

targets=$(git grep -oE "^func Fuzz[A-Za-z0-9_]+" -- "*_test.go")
while IFS=: read -r file target; do
  echo "== ${target#func } in $(dirname "$file") for $fuzz_time"
  go test -run '^$' -fuzz "^${target#func }\$" -fuzztime "$fuzz_time" "./$(dirname "$file")"
done <<<"$targets"

mkdir -p build
go build -o build/pgserver ./tools/pgserver
echo "== decisions under load over HTTP, on SQLite and PostgreSQL"
build/pgserver -- tools/dcb.sh

echo "== millions of signals, in C, Node and Python"
tools/build-node.sh && tools/build-python.sh
FACTSTR_TORTURE=1 build/pgserver -- capi/ctest/run.sh
FACTSTR_TORTURE=1 node --test --test-reporter=spec bindings/node/test/signals.test.js
FACTSTR_TORTURE=1 PYTHONPATH=bindings/python/src build/pgserver -- python3 -m unittest discover -s bindings/python/tests -p test_signals.py

for ((run = 1; run <= runs; run++)); do
  echo "== C tests, run $run of $runs"
  build/pgserver -- capi/ctest/run.sh --asan
done
