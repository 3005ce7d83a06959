#!/usr/bin/env bash
# Format, static checks, types and versions. Every check runs, so that one run shows all there is to
# mend; one that fails fails the whole.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
mkdir -p build/lint
passed=0 failed=() unknown=()

check() { # check NAME COMMAND...: status 3 means that it could not be found out
  local status=0
  "${@:2}" || status=$?
  case $status in
    0) passed=$((passed + 1)) && echo "ok      $1" ;;
    3) unknown+=("$1") && echo "UNKNOWN $1" ;;
    *) failed+=("$1") && echo "FAILED  $1" ;;
  esac
}

sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

go_format() { # prints what is not formatted
  local files
  files=$(sources '*.go' | xargs gofmt -l) || return 1
  [ -z "$files" ] || { echo "$files" && echo "gofmt -w mends them" && return 1; }
}

c_format() {
  sources '*.c' '*.h' '*.cpp' '*.hpp' | xargs clang-format --dry-run -Werror
}

# psycopg lies in a folder of its own: other packages beside it would shadow modules of mypy.
python_types() {
  mkdir -p build/lint/types && ln -sfn "$PWD/.tools/bench-python/psycopg" build/lint/types/psycopg
  (cd bindings/python && mypy) && sources 'examples/*.py' 'tools/*.py' ':!examples/course/python/server.py' |
    MYPYPATH=bindings/python/src:examples/projection:build/lint/types xargs mypy --strict --follow-imports=silent
}

node_tools() {
  cmp -s tools/node/package-lock.json build/lint/package-lock.json && [ -x tools/node/node_modules/.bin/tsc ] && return
  npm ci --prefix tools/node --silent --no-audit --no-fund && mkdir -p build/lint && cp tools/node/package-lock.json build/lint/
}

javascript_format() {
  sources '*.js' '*.mjs' '*.cjs' '*.ts' '*.mts' '*.cts' ':!*testdata*' | xargs tools/node/node_modules/.bin/prettier --check --log-level warn
}

shell_scripts() {
  sources '*.sh' .ci/run | xargs shellcheck --severity=warning
}

dispatcher_is_short() {
  local lines
  lines=$(wc -l <build.sh)
  [ "$lines" -lt 150 ] || { echo "build.sh has $lines lines; steps belong into tools/" && return 1; }
}

# Checks for faults, and only in the C that is shipped. capi's C includes a header that cgo writes;
# the go command ignores folders whose name begins with an underscore.
c_faults() {
  local headers
  headers=$(tools/node-headers.sh)
  mkdir -p build/lint/_cgo
  (cd capi && grep -l '^import "C"' ./*.go | grep -v _test.go | xargs go tool cgo -objdir "$PWD/../build/lint/_cgo" -- -I../include) || return
  sources 'bindings/node/src/*.c' 'capi/*.c' ':!capi/ctest' ':!*_windows.c' ':!*_darwin.c' |
    xargs -P 2 -n 6 sh -c 'clang-tidy --quiet "$@" -- -std=gnu11 -Iinclude -Icapi -Ibuild/lint/_cgo -D_GNU_SOURCE -DNAPI_VERSION=8 -isystem "$0" 2>build/lint/clang-tidy.$$' "$headers"
}

# Of Go, where staticcheck does not look: errors that nobody takes. In tools/errcheck.txt: messages
# on standard error, where a failure could be told to nobody, and a helper that returns an error for
# those who want more of it.
errors_taken() {
  go run github.com/kisielk/errcheck@v1.9.0 -ignoretests -exclude tools/errcheck.txt ./...
}

# The workflows run on a public host and hold the trust to publish.
workflow_faults() {
  go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 && PYTHONPATH=.tools/release .tools/release/bin/zizmor --offline --quiet --no-progress .github/workflows
}

javascript_faults() {
  sources '*.js' '*.mjs' '*.cjs' ':!*testdata*' | xargs tools/node/node_modules/.bin/eslint --max-warnings 0
}

# What leaves the machine to ask, and is slow where nothing answers: it runs beside the checks.
tools/audit.sh >build/lint/audits 2>&1 &
audits=$!
audited() { wait "$audits"; local status=$?; cat build/lint/audits; return "$status"; }

check "gofmt" go_format
check "go vet" go vet ./...
check "go vet for other systems" tools/check-ports.sh
check "staticcheck" go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
check "errcheck" errors_taken
check "clang-format" c_format
check "clang-tidy" c_faults
check "ruff check" ruff check --quiet .
check "ruff format" ruff format --quiet --check .
check "mypy --strict" python_types
check "npm ci of the tools" node_tools
check "pyright, and mistakes that type checkers find" python3 tools/check_python_types.py
check "prettier" javascript_format
check "eslint" javascript_faults
check "tsc --strict" tools/node/node_modules/.bin/tsc --project tools/node/tsconfig.json
check "publint" tools/node/node_modules/.bin/publint run bindings/node --strict
check "shellcheck" shell_scripts
check "actionlint and zizmor" workflow_faults
check "binary interface" python3 tools/abi.py
check "docs" python3 tools/check_docs.py
check "prose" python3 tools/check_prose.py
check "files" python3 tools/check_tree.py
check "versions" python3 tools/check_version.py
check "build.sh under 150 lines" dispatcher_is_short
check "audits" audited

[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[@]}"
[ ${#unknown[@]} -eq 0 ] || printf 'not known: %s\n' "${unknown[@]}"
echo "$passed passed, ${#failed[@]} failed, ${#unknown[@]} not known"
[ ${#failed[@]} -eq 0 ]
