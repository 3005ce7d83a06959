#!/usr/bin/env bash
# Runs the README's example in every language on a fresh database: the first append gets fact 1, the second is a conflict with version 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

examples/link-node-package.sh
"${CC:-gcc}" -std=c11 -Wall -Wextra -Werror -Iinclude examples/hello/hello.c -Lbuild/lib -lfactstr -Wl,-rpath,"$root/build/lib" -o "$work/hello"
PYTHONPATH=$root/bindings/python/src
export PYTHONPATH PYTHONDONTWRITEBYTECODE=1

check() { # check LANGUAGE APPENDED CONFLICT COMMAND...
  local output
  output=$("${@:4}" "$work/$1.db")
  printf '%s\n' "$output"
  # Line breaks inside what a language prints of a result do not matter.
  tr '\n' ' ' <<<"$output" | grep -qE "$2.*$3" || { echo "the example in $1 prints something else" >&2 && exit 1; }
}

check c '^Ok .*"first_sequence_number":1,' '"actual_context_version":1' "$work/hello"
check go '^\{1 1 1\} <nil>' 'expected none, actual 1' go run ./examples/hello/go
check node 'first_sequence_number: 1n' 'actual_context_version: 1n' node examples/hello/hello.mjs
check python 'first_sequence_number=1' 'actual 1' python3 examples/hello/hello.py
