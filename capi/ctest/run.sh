#!/usr/bin/env bash
# Builds the C tests against the header and the built library and runs them: run.sh [--asan]
# [TOPIC]. Prints "N passed, N failed" last.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

flags=(-std=c11 -O1 -g -Wall -Wextra -Werror -pthread)
name=ctest
if [ "${1:-}" = --asan ]; then
  # The Go library itself is not instrumented; what it gives to the program and takes from it is
  # watched.
  flags+=("-fsanitize=address,undefined" -fno-omit-frame-pointer)
  name=ctest-asan
  shift
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:use_sigaltstack=0
fi
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
  echo "usage: run.sh [--asan] [TOPIC]" >&2 && exit 2
fi

# The header promises to compile alone. tools/check-symbols.sh compares it with what the library
# exports.
for standard in c99 c11; do
  echo '#include "factstr.h"' | gcc -x c -std=$standard -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only -
done

mkdir -p build/ctest
gcc "${flags[@]}" -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -Iinclude capi/ctest/*.c -o "build/ctest/$name" \
  -Lbuild/lib -lfactstr -lcjson -ldl -Wl,-rpath,"$PWD/build/lib"
exec "build/ctest/$name" interop/testdata "$@"
