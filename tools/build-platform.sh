#!/usr/bin/env bash
# Builds the library and the Node addon for one platform, on any machine, by the pinned zig:
# build-platform.sh PLATFORM. They go to build/platforms/PLATFORM/lib and node. What is built is
# what is released, also for the platform of this machine; tools/build-lib.sh makes a quicker one
# for development. The same source gives the same bytes in any folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
platform=${1:?name a platform of tools/platforms.py}
library=$(python3 tools/platforms.py library "$platform")

# The version of glibc and of macOS that the platform promises: tools/check_platform.py reads it
# back from the files.
link=(-s -w -buildid= -X=runtime.godebugDefault=asyncpreemptoff=1)
case $platform in
  linux-*)
    export GOOS=linux target=-linux-gnu.2.17
    # Two libraries in one process must not share symbols, and Go cannot be unloaded: hence the
    # version script and nodelete.
    host_link="-Wl,-s -Wl,-soname,$library -Wl,-z,nodelete -Wl,--version-script=$PWD/capi/symbols.map"
    ;;
  win32-*)
    export GOOS=windows target=-windows-gnu
    host_link=''
    ;;
  darwin-*)
    export GOOS=darwin target=-macos.12.0
    host_link="-Wl,-install_name,@rpath/$library -F$PWD/build/platforms/stubs -L$PWD/build/platforms/stubs"
    ;;
  *) echo "build-platform.sh: no platform $platform" >&2 && exit 2 ;;
esac
case $platform in
  *-x64*) export GOARCH=amd64 target=x86_64$target ;;
  *-arm64*) export GOARCH=arm64 target=aarch64$target ;;
esac

need_python
need_go
need_node
need_zig

# zig builds the C library of each platform once and keeps it here.
export ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/zig
out=build/platforms/$platform
mkdir -p "$out/lib" "$out/node"
new=$(mktemp -d "$out/new.XXXXXX")
trap 'rm -rf "$new"' EXIT

resource() { # resource FILE DESCRIPTION: its version, as Windows shows it, into FILE.res
  python3 tools/version_resource.py "$1" "$2" >"$new/$1.rc"
  zig rc /:no-preprocess "/fo$PWD/$new/$1.res" -- "$new/$1.rc"
}

# Go gives the linker a list of what to export that names its own functions, too, or none, and zig's
# linker for macOS knows no such list: tools/link-platform.sh.
export FACTSTR_TARGET=$target
case $GOOS in
  windows)
    export FACTSTR_EXPORTS=$PWD/$new/factstr.def
    { echo "LIBRARY $library" && echo EXPORTS && sed 's/^/  /' tools/symbols.txt; } >"$FACTSTR_EXPORTS"
    zig dlltool -m i386:x86-64 -d "$FACTSTR_EXPORTS" -l "$new/factstr.lib"
    resource "$library" "FACTSTR, an embeddable event store"
    resource factstr_node.node "FACTSTR for Node.js"
    export FACTSTR_RESOURCE=$PWD/$new/$library.res
    link+=("-extld=$PWD/tools/link-platform.sh")
    ;;
  darwin)
    export FACTSTR_EXPORTS=$PWD/$new/exported
    sed 's/^/_/' tools/symbols.txt >"$FACTSTR_EXPORTS"
    python3 tools/darwin_stubs.py build/platforms/stubs
    link+=("-extld=$PWD/tools/link-platform.sh")
    ;;
esac

# No debug information: it would name folders of this machine, and the linker drops it anyway.
CGO_ENABLED=1 CGO_CFLAGS='-O2 -g0' CC="zig cc -target $target" \
  go build -buildmode=c-shared -trimpath -buildvcs=false \
  -ldflags "${link[*]}${host_link:+ -extldflags '$host_link'}" -o "$new/$library" ./capi

addon=("$new/factstr_node.node" bindings/node/src/*.c)
flags=(-target "$target" -std=gnu11 -shared -O2 -g0 -s -Wall -Wextra -Werror -fvisibility=hidden
  -DNAPI_VERSION=8 -DNODE_GYP_MODULE_NAME=factstr_node -DNODE_API_NO_EXTERNAL_BUFFERS_ALLOWED
  -Iinclude -isystem "$(tools/node-headers.sh)")
case $GOOS in
  linux)
    zig cc "${flags[@]}" -fPIC -pthread -o "${addon[@]}" "$new/$library" \
      "-Wl,-rpath,\$ORIGIN" -Wl,-z,nodelete -Wl,-z,relro,-z,now -Wl,-soname,factstr_node.node
    ;;
  windows)
    zig cc "${flags[@]}" -o "${addon[@]}" "$new/factstr.lib" "$new/factstr_node.node.res"
    ;;
  darwin)
    zig cc "${flags[@]}" -fPIC -o "${addon[@]}" "$new/$library" \
      -Wl,-rpath,@loader_path -Wl,-undefined,dynamic_lookup -Wl,-install_name,@rpath/factstr_node.node
    ;;
esac

python3 tools/settle_library.py "$new/$library" "$new/factstr_node.node"
python3 tools/check_platform.py "$platform" "$new/$library" "$new/factstr_node.node"

# Only what has changed is put in place, so that it keeps its date.
put() { # put FILE FOLDER
  cmp -s "$new/$1" "$out/$2/$1" || cp "$new/$1" "$out/$2/$1"
}
put "$library" lib
[ "$GOOS" != windows ] || put factstr.lib lib
put factstr_node.node node
echo "built $out"
