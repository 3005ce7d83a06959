#!/usr/bin/env bash
# Format, static checks, types and versions. Every check runs, so that one run shows all there is to
# mend; one that fails fails the whole.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
passed=0 failed=()

check() { # check NAME COMMAND...
  if "${@:2}"; then
    passed=$((passed + 1)) && echo "ok     $1"
  else
    failed+=("$1") && echo "FAILED $1"
  fi
}

sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

go_format() { # prints what is not formatted
  local files
  files=$(sources '*.go' | xargs gofmt -l) || return 1
  [ -z "$files" ] || { echo "$files" && echo "gofmt -w mends them" && return 1; }
}

c_format() {
  sources '*.c' '*.h' | xargs clang-format --dry-run -Werror
}

python_types() {
  (cd bindings/python && mypy) && sources 'examples/*.py' 'tools/*.py' | MYPYPATH=bindings/python/src xargs mypy --strict
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

check "gofmt" go_format
check "go vet" go vet ./...
check "staticcheck" go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
check "clang-format" c_format
check "ruff check" ruff check --quiet .
check "ruff format" ruff format --quiet --check .
check "mypy --strict" python_types
check "npm ci of the tools" node_tools
check "prettier" javascript_format
check "tsc --strict" tools/node/node_modules/.bin/tsc --project tools/node/tsconfig.json
check "publint" tools/node/node_modules/.bin/publint run bindings/node --strict
check "shellcheck" shell_scripts
check "docs" python3 tools/check_docs.py
check "versions" python3 tools/check_version.py
check "build.sh under 150 lines" dispatcher_is_short

[ ${#failed[@]} -eq 0 ] || printf 'failed: %s\n' "${failed[@]}"
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
