#!/usr/bin/env bash
# Runs some tests of one language, and builds only what those need:
#   test-one.sh go     [./PACKAGE...] [PATTERN] [OPTION of go test...]
#   test-one.sh c      [TOPIC]
#   test-one.sh node   [FILE] [PATTERN]
#   test-one.sh python [FILE] [PATTERN]
# PATTERN is -run of go test, --test-name-pattern of node, -k of unittest. A run that finds no test
# fails. All but the Go tests get DATABASE_URL here; a Go test that needs a server starts its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
log=build/test/one.log
mkdir -p build/test

finds_tests() { # finds_tests MARK COMMAND...: fails if no line of the output matches MARK
  local status=0
  "${@:2}" 2>&1 | tee "$log" || status=$?
  grep -qE "$1" "$log" || { echo "no test matches" >&2 && return 1; }
  return "$status"
}

with_database() {
  need_postgres
  go build -o build/pgserver ./tools/pgserver
  build/pgserver -- "$@"
}

# Compiling every package to run one test takes minutes. The names of the tests tell which do.
packages_with() { # packages_with PATTERN
  local file test
  git grep --untracked -oE '^func (Test|Fuzz|Example)[A-Za-z0-9_]*' -- '*_test.go' | while IFS=: read -r file test; do
    [[ ! ${test#func } =~ ${1%%/*} ]] || echo "./$(dirname "$file")"
  done | sort -u
}

quiet_packages() { grep -vE --line-buffered '\[no test files\]$|\[no tests to run\]$' || true; }

go_tests() {
  local packages=() options=()
  while [[ ${1:-} == ./* ]]; do packages+=("$1") && shift; done
  if [[ -n ${1:-} && $1 != -* ]]; then
    [ ${#packages[@]} -gt 0 ] || mapfile -t packages < <(packages_with "$1")
    [ ${#packages[@]} -gt 0 ] || { echo "no test's name matches $1" >&2 && return 1; }
    options=(-run "$1") && shift
  fi
  [ ${#packages[@]} -gt 0 ] || packages=(./...)
  if go list -test -deps "${packages[@]}" | grep -q '/pgtest$'; then
    need_postgres
    need_packages pgbouncer
  fi
  run_go() { go test "${options[@]}" "$@" "${packages[@]}" | quiet_packages; }
  finds_tests '^(ok|FAIL|---)' run_go "$@"
}

c_tests() {
  need_packages libcjson-dev
  tools/build-lib.sh
  finds_tests '^(ok|FAIL) ' with_database capi/ctest/run.sh "$@"
}

named_file() { # named_file NAME CANDIDATE...: the first candidate that exists, for a NAME that is given
  [ -n "$1" ] || return 1
  local candidate
  for candidate in "${@:2}"; do
    [ ! -f "$candidate" ] || { echo "$candidate" && return; }
  done
  return 1
}

node_tests() {
  local name=${1:-} file files=(bindings/node/test/*.test.*js) options=(--test-reporter=spec)
  if file=$(named_file "$name" "$name" "bindings/node/test/$name" "bindings/node/test/$name.test.js"); then
    files=("$file") && shift
  fi
  [ -z "${1:-}" ] || options+=(--test-name-pattern="$1")
  tools/build-lib.sh
  tools/build-node.sh
  finds_tests '^ℹ (pass|fail) [1-9]' with_database node --test "${options[@]}" "${files[@]}"
}

python_tests() {
  local name=${1:-} file pattern='test*.py' options=()
  if file=$(named_file "$name" "$name" "bindings/python/tests/$name" "bindings/python/tests/test_$name.py" "bindings/python/tests/$name.py"); then
    pattern=$(basename "$file") && shift
  fi
  [ -z "${1:-}" ] || options=(-k "$1")
  need_python_tools
  tools/build-lib.sh
  tools/build-python.sh
  PYTHONPATH=bindings/python/src finds_tests '^Ran [1-9]' with_database python3 -m unittest discover -v -s bindings/python/tests -p "$pattern" "${options[@]}"
}

case ${1:-} in
  go | c | node | python) "$1_tests" "${@:2}" ;;
  *) echo "usage: test-one.sh go|c|node|python [WHERE] [PATTERN]" >&2 && exit 2 ;;
esac
