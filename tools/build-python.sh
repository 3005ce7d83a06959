#!/usr/bin/env bash
# Puts the library into the Python package of this checkout: bindings/python/src/factstr/_native/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -f build/lib/libfactstr.so.0 ] || tools/build-lib.sh

native=bindings/python/src/factstr/_native
mkdir -p "$native"
# Renaming, so that a process that has the old file loaded keeps it.
if ! cmp -s build/lib/libfactstr.so.0 "$native/libfactstr.so.0"; then
  cp build/lib/libfactstr.so.0 "$native/libfactstr.so.0.new"
  mv "$native/libfactstr.so.0.new" "$native/libfactstr.so.0"
fi
