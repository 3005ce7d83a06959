#!/usr/bin/env bash
# Builds the Node addon and puts the library beside it: bindings/node/native/linux-x64-gnu/.
set -euo pipefail
cd "$(dirname "$0")/.."

[ -f build/lib/libfactstr.so.0 ] || tools/build-lib.sh

headers="$(tools/node-headers.sh)"
out=bindings/node/native/linux-x64-gnu
mkdir -p "$out"

# nodelete: Node unmaps addons when a worker ends, and the Go runtime cannot be unmapped.
# No external buffers: Electron refuses them, so a use of one shall not compile.
"${CC:-gcc}" -std=gnu11 -shared -fPIC -O2 -Wall -Wextra -Werror -fvisibility=hidden -pthread \
  -DNAPI_VERSION=8 -DNODE_GYP_MODULE_NAME=factstr_node -DNODE_API_NO_EXTERNAL_BUFFERS_ALLOWED \
  -Iinclude -isystem "$headers" \
  -o "$out/factstr_node.node.new" bindings/node/src/*.c \
  -Lbuild/lib -l:libfactstr.so.0 \
  "-Wl,-rpath,\$ORIGIN" -Wl,-z,nodelete -Wl,-z,relro,-z,now

# Renamed into place: a process that has the old files mapped keeps them.
cp build/lib/libfactstr.so.0 "$out/libfactstr.so.0.new"
mv "$out/libfactstr.so.0.new" "$out/libfactstr.so.0"
mv "$out/factstr_node.node.new" "$out/factstr_node.node"
echo "built $out/factstr_node.node"

# The loader asks for the platform package alone, as it does where the packages are installed.
mkdir -p bindings/node/node_modules/@factstr
ln -sfn ../../native/linux-x64-gnu bindings/node/node_modules/@factstr/factstr-node-linux-x64-gnu
