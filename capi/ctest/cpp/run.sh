#!/usr/bin/env bash
# Builds the tests of factstr.hpp against the built library and runs them: run.sh [--asan]. Prints
# "N passed, N failed" last.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

flags=(-std=c++17 -O1 -g -Wall -Wextra -Wshadow -pedantic -Werror -pthread)
name=hpp-test
if [ "${1:-}" = --asan ]; then
  flags+=("-fsanitize=address,undefined" -fno-omit-frame-pointer)
  name=hpp-test-asan
  export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:use_sigaltstack=0
fi

# C++20 compilers take the header, too.
echo '#include "factstr.hpp"' | g++ -x c++ -std=c++20 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only -

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p build/ctest
g++ "${flags[@]}" -Iinclude capi/ctest/cpp/*.cpp -o "build/ctest/$name" -Lbuild/lib -lfactstr -Wl,-rpath,"$PWD/build/lib"
"build/ctest/$name" "$work"
