#!/usr/bin/env bash
# How fast the stores are: bench.sh [embedded|postgres [OPTION...]]. Without an argument both. The
# embedded stores are measured through Go and C beside a raw loop, PostgreSQL beside pgbench on a
# throw-away server. The SQLite databases lie in build/, on the disk of the checkout, and not in a
# memory file system.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=build/bench

embedded() {
  rm -rf "$work/data"
  mkdir -p "$work/data"
  gcc -std=c11 -O2 -Wall -Wextra -Werror -pthread -Iinclude -o "$work/calls" tools/bench/c/calls.c -Lbuild/lib -lfactstr -Wl,-rpath,"$PWD/build/lib"
  go run ./tools/bench -c "$work/calls" -folder "$work/data" "$@"
  rm -rf "$work/data"
}

postgres() {
  mkdir -p "$work"
  go build -o "$work/postgres" ./tools/bench/postgres
  "$work/postgres" "$@"
}

case ${1:-} in
  embedded) embedded "${@:2}" ;;
  postgres) postgres "${@:2}" ;;
  *)
    embedded "$@"
    postgres
    ;;
esac
