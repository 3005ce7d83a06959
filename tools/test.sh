#!/usr/bin/env bash
# Every test of the project: Go, C, Node, Python and the quick starts. All of them run; one that
# fails, or that runs no test, fails the whole. The last line counts over all of them. Logs are in
# build/test/.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
mkdir -p build/test
# All of it runs with DATABASE_URL set to one scratch database; tests that end servers start their
# own.
if [ "${1:-}" != with-database ]; then
  go build -o build/test/pgserver ./tools/pgserver || exit
  exec build/test/pgserver -- tools/test.sh with-database
fi
passed=0 failed=0 skipped=0

number() { # number PATTERN LOG: the last number that stands where the pattern has its group, else 0
  local found
  found=$(sed -nE "s/.*$1.*/\1/p" "$2" | tail -n 1)
  echo "${found:-0}"
}

# Each runner closes in words of its own.
counts() { # counts RUNNER LOG -> PASSED FAILED SKIPPED
  case $1 in
    node) echo "$(number '^ℹ pass ([0-9]+)' "$2") $(($(number '^ℹ fail ([0-9]+)' "$2") + $(number '^ℹ cancelled ([0-9]+)' "$2"))) $(number '^ℹ skipped ([0-9]+)' "$2")" ;;
    python)
      local failures skips
      failures=$(($(number 'failures=([0-9]+)' "$2") + $(number 'errors=([0-9]+)' "$2")))
      skips=$(number 'skipped=([0-9]+)' "$2")
      echo "$(($(number '^Ran ([0-9]+) tests?' "$2") - failures - skips)) $failures $skips"
      ;;
    *) echo "$(number '^([0-9]+) passed, [0-9]+ failed' "$2") $(number '^[0-9]+ passed, ([0-9]+) failed' "$2") $(number ', ([0-9]+) skipped$' "$2")" ;;
  esac
}

run() { # run NAME RUNNER COMMAND...
  local log=build/test/$1.log status=0 start=$SECONDS p f s
  printf '\n==> %s\n' "$1"
  "${@:3}" 2>&1 | tee "$log" || status=$?
  read -r p f s <<<"$(counts "$2" "$log")"
  if [ "$status" -eq 0 ] && [ "$f" -eq 0 ] && [ "$p" -eq 0 ]; then
    echo "$1 ran no test" && status=1
  fi
  [ "$status" -eq 0 ] || [ "$f" -gt 0 ] || f=1
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  summary+=("$(printf '%-22s %5d passed %4d failed %4d skipped %6d s' "$1" "$p" "$f" "$s" $((SECONDS - start)))")
}

# Python has no time limit for tests: after this one it says where each thread stands, and ends.
python_tests() { # python_tests FOLDER
  PYTHONPATH=bindings/python/src timeout --signal=ABRT --kill-after=30s 20m python3 -X faulthandler -m unittest discover -s "$1"
}

one() { # one COMMAND...: a check that counts as one test
  if "$@"; then echo "1 passed, 0 failed"; else echo "0 passed, 1 failed" && return 1; fi
}

# The two longest come first, so that neither runs alone at the end.
go_tests() {
  go test -race -timeout 30m -json ./core/sqlite ./core/postgres/... ./... | python3 tools/go_test_summary.py
}

# The contract and the old formats once more, on a newer server than Debian's.
newer_postgres_tests() {
  local bin
  bin=$(tools/postgres-newer.sh) || return
  env -u DATABASE_URL FACTSTR_TEST_POSTGRES_BIN="$bin" go test -race -timeout 30m -json -run 'Contract|Rust' ./core/postgres/... | python3 tools/go_test_summary.py
}

summary=()
run go lines go_tests
run postgres-18 lines newer_postgres_tests
run symbols lines one tools/check-symbols.sh
run c lines capi/ctest/run.sh
run c-sanitized lines capi/ctest/run.sh --asan
run cpp lines capi/ctest/cpp/run.sh
run cpp-sanitized lines capi/ctest/cpp/run.sh --asan
run node node node --test --test-timeout=600000 --test-reporter=spec bindings/node/test/*.test.*js
run python python python_tests bindings/python/tests
run git-history node node --test --test-timeout=600000 --test-reporter=spec examples/git-history/test/*.test.mjs
run snippets-node node node --test --test-timeout=600000 --test-reporter=spec examples/snippets/node/*.test.mjs
run snippets-python python python_tests examples/snippets/python
run readme-examples lines one examples/hello/run.sh
run quickstart lines one examples/quickstart/run.sh

printf '\n'
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
