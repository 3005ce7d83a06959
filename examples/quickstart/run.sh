#!/usr/bin/env bash
# Runs the quick start of every language on a fresh database, and again on the same. All print
# expected-output.txt and then expected-output-again.txt. The library and its packages must have
# been built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

examples/link-node-package.sh
"${CC:-gcc}" -std=c11 -Wall -Wextra -Werror -Iinclude examples/quickstart/c/quickstart.c -Lbuild/lib -lfactstr -Wl,-rpath,"$root/build/lib" \
  -o "$work/quickstart"
PYTHONPATH=$root/bindings/python/src
export PYTHONPATH PYTHONDONTWRITEBYTECODE=1

check() { # check LANGUAGE COMMAND...
  local language=$1 expected
  shift
  for expected in expected-output expected-output-again; do
    "$@" "$work/$language.db" >"$work/$language.txt"
    diff -u "examples/quickstart/$expected.txt" "$work/$language.txt" || { echo "the quick start in $language prints something else" >&2 && exit 1; }
  done
  echo "quick start in $language: as expected, also when it is run again"
}

check C "$work/quickstart"
check Go go run ./examples/quickstart/go
check Node node examples/quickstart/node/quickstart.mjs
check Python python3 examples/quickstart/python/quickstart.py
