#!/usr/bin/env bash
# The header, the symbols that the library exports and the committed list must name the same functions, and the header must compile alone as every
# language that it promises.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
library=build/lib/libfactstr.so.0

fail() {
  echo "FAIL $1" >&2
  exit 1
}

declared=$(gcc -E -P -Iinclude include/factstr.h | grep -oE '\bfactstr_[a-z_]+ ?\(' | tr -d ' (' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u)
listed=$(sort -u capi/symbols.txt)
diff <(echo "$declared") <(echo "$listed") || fail "include/factstr.h declares other functions (<) than capi/symbols.txt lists (>)"
diff <(echo "$exported") <(echo "$listed") || fail "$library exports other symbols (<) than capi/symbols.txt lists (>)"
echo "ok   header, exports and symbol list name the same $(echo "$listed" | wc -l) functions"

[ "$(readelf -d "$library" | grep -oP 'SONAME.*\[\K[^]]+')" = libfactstr.so.0 ] || fail "$library has no soname libfactstr.so.0"
readelf -d "$library" | grep -q NODELETE || fail "$library can be unloaded, which Go cannot bear"
echo "ok   the library has its soname and cannot be unloaded"

for standard in c99 c11; do
  echo '#include "factstr.h"' | gcc -x c -std=$standard -pedantic -Wall -Wextra -Werror -Iinclude -fsyntax-only - ||
    fail "include/factstr.h does not compile as $standard"
done
echo "ok   the header compiles alone as C99 and C11"
