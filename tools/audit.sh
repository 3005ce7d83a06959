#!/usr/bin/env bash
# Looks up known vulnerabilities of what the project uses: Go modules and Go itself (govulncheck:
# only those that the code can reach), the npm packages of the linters, the pinned Python tools.
# The databases are on the network. Where one does not answer, its line says so, and the audit has
# not passed; it has not failed either, so that a machine without network can lint. The status is
# 0 if all passed, 1 if one failed, else 3.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
mkdir -p build/lint
passed=0 failed=0 unanswered=0

audit() { # audit NAME UNANSWERED COMMAND...: UNANSWERED is a pattern of what shows that no database answered
  local log=build/lint/audit.log status=0
  "${@:3}" </dev/null >"$log" 2>&1 || status=$?
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1)) && echo "ok       audit: $1"
  elif [ "$status" -eq 124 ] || grep -qE "$2" "$log"; then
    unanswered=$((unanswered + 1))
    echo "UNKNOWN  audit: $1: the database did not answer: $(grep -E "$2" "$log" | head -n 1 | cut -c 1-160)"
  else
    failed=$((failed + 1)) && cat "$log" && echo "FAILED   audit: $1"
  fi
}

answers() { # answers URL: a quick look, before a tool is built that would wait for nothing
  python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5).read(1)' "$1"
}

go_modules() {
  answers https://vuln.go.dev/index/modules.json || return
  timeout 300 go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...
}

npm_packages() {
  local folder
  for folder in tools/node tools/bench/node examples/course/node; do
    timeout 60 npm audit --prefix "$folder" --audit-level=high --fetch-retries=0 --fetch-timeout=20000 || return
  done
}

# pip-audit brings thirty packages, so it is not among the pinned tools.
python_packages() {
  command -v pip-audit >/dev/null || { echo "pip-audit is not installed; python3 -m pip install pip-audit does that" && return 1; }
  local log=build/lint/pip-audit.log file files=()
  for file in tools/requirements/*.txt examples/course/python/requirements.txt; do files+=(-r "$file"); done
  timeout 120 pip-audit --disable-pip --require-hashes "${files[@]}" | tee "$log" || return
  ! grep "could not be audited" "$log"
}

audit "Go" 'urlopen error|HTTP Error|fetching vulnerabilities' go_modules
audit "npm" 'audit endpoint returned an error|ENOTFOUND|ETIMEDOUT|ECONNREFUSED|EAI_AGAIN|ENOAUDIT' npm_packages
audit "Python" 'not installed|ConnectionError|Max retries|could not be audited|duplicate requirements' python_packages
[ "$failed" -eq 0 ] || exit 1
[ "$unanswered" -eq 0 ] || { echo "$unanswered of 3 audits did not happen" && exit 3; }
