#!/usr/bin/env bash
# pack.sh PLATFORM...: packs what tools/build-platform.sh built into build/platforms/PLATFORM: the
# npm packages into dist/npm, wheels into dist/python, C archives into dist/c. The same source gives
# the same packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(cat VERSION)
licenses=(LICENSE-MIT LICENSE-APACHE)
node=bindings/node

goes_with_the_library() { # goes_with_the_library PLATFORM FOLDER: the licences and the list of what is linked into it
  local os=${1%%-*} cpu=${1#*-}
  cpu=${cpu%%-*}
  GOOS=${os/win32/windows} GOARCH=${cpu/x64/amd64} tools/third-party-licenses.sh >"$2/THIRD_PARTY_LICENSES"
  python3 tools/sbom.py "build/platforms/$1/lib/$(python3 tools/platforms.py library "$1")" "$1" >"$2/factstr.spdx.json"
  cp "${licenses[@]}" "$2/"
}

# npm packs a folder as it stands, so each package is laid out in one of its own.
pack_main() {
  local staged=build/dist/npm/factstr-node
  mkdir -p "$staged"
  cp -R "$node/package.json" "$node/README.md" "$node/lib" "${licenses[@]}" "$staged/"
  python3 tools/agents.py node >"$staged/AGENTS.md"
  npm pack --silent --pack-destination dist/npm "./$staged"
}

pack_npm() { # pack_npm PLATFORM
  local staged=build/dist/npm/$1
  mkdir -p "$staged"
  cp -R "$node/lib" "build/platforms/$1/node/factstr_node.node" "build/dist/$1"/* "$staged/"
  cp "build/platforms/$1/lib/$(python3 tools/platforms.py library "$1")" "$staged/"
  python3 tools/platforms.py npm "$1" "$staged"
  npm pack --silent --pack-destination dist/npm "./$staged"
}

pack_wheel() { # pack_wheel PLATFORM
  local staged=build/dist/wheel-$1
  mkdir -p "$staged/bindings"
  cp VERSION "$staged/"
  cp -R bindings/python "$staged/bindings/"
  rm -rf "$staged/bindings/python/src/factstr/_native"
  mkdir "$staged/bindings/python/src/factstr/_native"
  cp "build/platforms/$1/lib/$(python3 tools/platforms.py library "$1")" "$staged/bindings/python/src/factstr/_native/"
  cp "build/dist/$1"/* "$staged/bindings/python/"
  python3 tools/agents.py python >"$staged/bindings/python/src/factstr/AGENTS.md"
  (cd "$staged/bindings/python" && python3 -m hatchling build -t wheel -d "$OLDPWD/dist/python")
}

pack_c() { # pack_c PLATFORM
  local name=factstr-$version-$1
  tools/lay-out-c.sh "$1" "build/dist/c/$name" "build/dist/$1"
  case $1 in
    win32-*) (cd build/dist/c && python3 "$OLDPWD/tools/zip_folder.py" "$name" "$OLDPWD/dist/c/$name.zip") ;;
    *)
      tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u+rwX,go=rX -C build/dist/c -cf - "$name" |
        gzip -9n >"dist/c/$name.tar.gz"
      ;;
  esac
}

rm -rf dist build/dist
mkdir -p dist/npm dist/python dist/c build/dist
pack_main
for platform; do
  mkdir -p "build/dist/$platform"
  goes_with_the_library "$platform" "build/dist/$platform"
  pack_npm "$platform"
  pack_wheel "$platform"
  pack_c "$platform"
done
find dist -type f | sort | xargs ls -l
