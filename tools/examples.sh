#!/usr/bin/env bash
# The examples that tools/test.sh does not run: examples.sh [ENROLMENTS]. Those on a file first,
# then those which need a server; the course services need a browser, too. All of them run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
mkdir -p build/test
go build -o build/test/pgserver ./tools/pgserver || exit
passed=0 failed=0

example() { # example COMMAND...
  printf '\n==> %s\n' "$*"
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED $*"; fi
}

example examples/query-model/run.sh
example examples/plot/run.sh
example examples/bank/test/run.sh
example build/test/pgserver -- examples/projection/test/run.sh
example build/test/pgserver -- examples/worker/run.sh
example build/test/pgserver -- examples/course/test/run.sh "$@"

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
