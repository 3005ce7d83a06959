#!/usr/bin/env bash
# The interface as a whole: compares the functions that include/factstr.h declares, those that the
# library exports, and the committed list tools/symbols.txt. Removing a function breaks programs, so
# it must show as a change of the list. The header must be fit for C++, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build/symbols

tr '\n' ' ' <include/factstr.h | grep -oE 'FACTSTR_API [^;(]*\(' | sed -nE 's/.*[ *](factstr_[a-z0-9_]+)\($/\1/p' |
  LC_ALL=C sort >build/symbols/header
# The versions are symbols, too, and the only ones that are no functions.
nm -D --defined-only build/lib/libfactstr.so.0 | awk '$2 != "A" { sub(/@@?FACTSTR_[0-9.]+$/, "", $3); print $3 }' |
  LC_ALL=C sort >build/symbols/exports

diff -u --label tools/symbols.txt --label include/factstr.h tools/symbols.txt build/symbols/header
diff -u --label tools/symbols.txt --label libfactstr.so.0 tools/symbols.txt build/symbols/exports
readelf -d build/lib/libfactstr.so.0 | grep -q 'soname: \[libfactstr.so.0\]' || { echo "the library has another soname than libfactstr.so.0" && exit 1; }
readelf -d build/lib/libfactstr.so.0 | grep -q 'NODELETE' || { echo "the library could be unloaded, which Go cannot bear" && exit 1; }
echo '#include "factstr.h"' | g++ -x c++ -std=c++17 -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only -
echo "$(wc -l <tools/symbols.txt) functions: header, exports and list agree"
