#!/usr/bin/env bash
# Builds the C half of the bench and runs both. The databases lie in build/, on the disk of the checkout, and not in a memory file system.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=build/bench
rm -rf "$work"
mkdir -p "$work/data"
gcc -std=c11 -O2 -Wall -Wextra -Werror -pthread -Iinclude -o "$work/calls" tools/bench/c/calls.c -Lbuild/lib -lfactstr -Wl,-rpath,"$PWD/build/lib"
go run ./tools/bench -c "$work/calls" -folder "$work/data" "$@"
rm -rf "$work/data"
