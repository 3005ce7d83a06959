#!/usr/bin/env bash
# Packs what is built: dist/npm/*.tgz, dist/python/*.whl and dist/c/*.tar.gz. The same source gives
# the same C archive.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(cat VERSION)
platform=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')-gnu

python3 tools/check_version.py
rm -rf dist build/dist
mkdir -p dist/npm dist/python dist/c build/dist
licenses=(LICENSE-MIT LICENSE-APACHE)
third_party=build/dist/THIRD_PARTY_LICENSES # of what is linked into the library, so for packages that hold it
tools/third-party-licenses.sh >"$third_party"

# npm: each package is laid out in a folder of its own, so that the checkout stays as it is.
pack_npm() { # pack_npm NAME FILE...
  local staged=build/dist/npm/$1
  mkdir -p "$staged"
  cp -R "${@:2}" "${licenses[@]}" "$staged/"
  npm pack --silent --pack-destination dist/npm "./$staged"
}
node=bindings/node
pack_npm factstr-node "$node/package.json" "$node/README.md" "$node/lib"
pack_npm "$platform" "$node/npm/$platform/"* "$node/native/$platform/"* "$node/lib" "$third_party"

# Python
tools/build-wheel.sh

# C
root=build/dist/factstr-$version-$platform
mkdir -p "$root/include" "$root/lib/pkgconfig" "$root/lib/cmake/factstr" "$root/examples"
cp include/factstr.h "$root/include/"
cp build/lib/libfactstr.so.0 "$root/lib/libfactstr.so.$version"
ln -s "libfactstr.so.$version" "$root/lib/libfactstr.so.0"
ln -s libfactstr.so.0 "$root/lib/libfactstr.so"
sed "s/@VERSION@/$version/" tools/package/c/factstr.pc.in >"$root/lib/pkgconfig/factstr.pc"
sed "s/@VERSION@/$version/" tools/package/c/factstr-config-version.cmake.in >"$root/lib/cmake/factstr/factstr-config-version.cmake"
cp tools/package/c/factstr-config.cmake "$root/lib/cmake/factstr/"
cp examples/quickstart/c/*.c "$root/examples/"
cp tools/package/c/README.md "${licenses[@]}" "$third_party" "$root/"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rwX,go=rX -C build/dist -cf - "$(basename "$root")" |
  gzip -9n >"dist/c/$(basename "$root").tar.gz"

tools/check-glibc.sh build/lib/libfactstr.so.0
find dist -type f | sort | xargs ls -l
