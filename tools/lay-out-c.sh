#!/usr/bin/env bash
# lay-out-c.sh PLATFORM FOLDER GOES_WITH_IT: puts the C library into FOLDER, as a prefix that
# programs are built against: include, lib (on Windows also bin), lib/pkgconfig, lib/cmake, and
# beside them the documents, the example and what GOES_WITH_IT holds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
platform=$1 root=$2 goes_with_it=$3
version=$(cat VERSION)
built=build/platforms/$platform/lib
major=${version%%.*}

mkdir -p "$root/include" "$root/lib/pkgconfig" "$root/lib/cmake/factstr" "$root/examples" "$root/docs"
cp include/factstr.h include/factstr.hpp "$root/include/"
case $platform in
  linux-*)
    cp "$built/libfactstr.so.$major" "$root/lib/libfactstr.so.$version"
    ln -sf "libfactstr.so.$version" "$root/lib/libfactstr.so.$major"
    ln -sf "libfactstr.so.$major" "$root/lib/libfactstr.so"
    ;;
  darwin-*)
    cp "$built/libfactstr.$major.dylib" "$root/lib/libfactstr.$version.dylib"
    ln -sf "libfactstr.$version.dylib" "$root/lib/libfactstr.$major.dylib"
    ln -sf "libfactstr.$major.dylib" "$root/lib/libfactstr.dylib"
    ;;
  win32-*)
    mkdir -p "$root/bin"
    cp "$built/factstr.dll" "$root/bin/"
    cp "$built/factstr.lib" "$root/lib/"
    ;;
esac
sed "s/@VERSION@/$version/" tools/package/c/factstr.pc.in >"$root/lib/pkgconfig/factstr.pc"
sed "s/@VERSION@/$version/" tools/package/c/factstr-config-version.cmake.in >"$root/lib/cmake/factstr/factstr-config-version.cmake"
cp tools/package/c/factstr-config.cmake "$root/lib/cmake/factstr/"
cp examples/quickstart/c/*.c "$root/examples/"
# The page links to others of the project, which are not here.
sed -E 's#\[([^]]*)\]\([^\#)][^)]*\)#\1#g' docs/c-api.md >"$root/docs/c-api.md"
python3 tools/agents.py c >"$root/docs/AGENTS.md"
cp "$goes_with_it"/* tools/package/c/README.md "$root/"
