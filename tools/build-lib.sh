#!/usr/bin/env bash
# Builds build/lib/libfactstr.so.0 and its link libfactstr.so. The same source gives the same bytes
# in any folder: no path is recorded, and the Go build id, which depends on the linker's arguments,
# is left empty.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p build/lib
new=$(mktemp -d build/lib/new.XXXXXX)
trap 'rm -rf "$new"' EXIT

# Two libraries in one process must not share symbols, and Go cannot be unloaded: hence the version
# script and nodelete.
GOTOOLCHAIN=local CGO_ENABLED=1 go build -buildmode=c-shared -trimpath -buildvcs=false \
  -ldflags "-s -w -buildid= -X=runtime.godebugDefault=asyncpreemptoff=1 -extldflags '-Wl,-soname,libfactstr.so.0 -Wl,-z,nodelete -Wl,--version-script=$PWD/capi/symbols.map'" \
  -o "$new/libfactstr.so.0" ./capi

# Renaming, so that a process that has the old file loaded keeps it, and an unchanged library keeps
# its date.
if ! cmp -s "$new/libfactstr.so.0" build/lib/libfactstr.so.0; then
  mv "$new/libfactstr.so.0" build/lib/libfactstr.so.0
fi
ln -sf libfactstr.so.0 build/lib/libfactstr.so
