#!/usr/bin/env bash
# The long lane: torture.sh [--runs N] [--fuzz TIME] [PART...]. Without a PART all of them run, one
# after the other, also after one that failed. Parts, with their time on two quiet processors:
#
#   again     every Go test under the race detector on 1, 2 and 4 processors, N times (10; 40 min each)
#   lives     a thousand lives of killed processes on SQLite (17 min)
#   index     the index of terms: damages, crashes and queries at random (2 min)
#   postgres  killed servers and processes, cut connections, hosts that are cut off (30 min)
#   fuzz      each fuzz target for TIME (60s; there are ten)
#   http      decisions under load over HTTP, on SQLite and PostgreSQL (2 min)
#   signals   millions of signals, in C, Node and Python (5 min)
#   c         the C tests under the address sanitizer, N times (2 min each)
#
# What a part says is in build/torture/PART.log.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
runs=10 fuzz_time=60s
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=${2:?a number} && shift 2 ;;
    --fuzz) fuzz_time=${2:?a time, such as 60s} && shift 2 ;;
    *) break ;;
  esac
done

go_tests() { # go_tests OPTION...: under the race detector
  go test -race -timeout 10h -json "$@" | python3 tools/go_test_summary.py
}

again() { go_tests -count="$runs" -cpu 1,2,4 ./...; }
lives() { FACTSTR_TORTURE=1 go_tests -count=1 -run Kill ./core/sqlite; }
index() { FACTSTR_TORTURE=1 go_tests -count=1 ./core/internal/termindex; }
postgres() { FACTSTR_TORTURE=1 go_tests -count=1 ./core/postgres/...; }

fuzz() {
  local targets file target status=0
  targets=$(git grep -oE "^func Fuzz[A-Za-z0-9_]+" -- "*_test.go")
  while IFS=: read -r file target; do
    echo "== ${target#func } in $(dirname "$file") for $fuzz_time"
    go test -run '^$' -fuzz "^${target#func }\$" -fuzztime "$fuzz_time" "./$(dirname "$file")" </dev/null || status=1
  done <<<"$targets"
  return "$status"
}

on_server() { build/pgserver -- "$@"; }

http() { on_server tools/dcb.sh; }

signals() {
  local status=0
  export FACTSTR_TORTURE=1
  on_server capi/ctest/run.sh || status=1
  node --test --test-reporter=spec bindings/node/test/signals.test.js || status=1
  PYTHONPATH=bindings/python/src on_server python3 -m unittest discover -s bindings/python/tests -p test_signals.py || status=1
  return "$status"
}

c() {
  local run
  for ((run = 1; run <= runs; run++)); do
    echo "== run $run of $runs"
    on_server capi/ctest/run.sh --asan || return
  done
}

passed=0 failed=0
part() { # part NAME: in a shell of its own, so that none changes what the next one finds
  local status=0 start=$SECONDS
  echo "== $1"
  ("$1") 2>&1 | tee "build/torture/$1.log" || status=$?
  if [ "$status" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  echo "== $1: status $status after $((SECONDS - start)) s"
}

all=(again lives index postgres fuzz http signals c)
[ $# -gt 0 ] || set -- "${all[@]}"
for name; do
  case " ${all[*]} " in
    *" $name "*) ;;
    *) sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
  esac
done
mkdir -p build/torture
go build -o build/pgserver ./tools/pgserver || exit
for name; do
  part "$name"
done
echo "$passed parts passed, $failed failed"
[ "$failed" -eq 0 ]
