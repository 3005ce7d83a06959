#!/usr/bin/env bash
# Vets the Go code, with its tests, for the systems that this machine does not run: what is meant
# for one of them must at least compile. On Windows no PostgreSQL server can be started for tests,
# so of that store only the product is compiled. The C library and the Node addon, which hold C, are
# compiled by zig for one processor of each system: their code does not look at the processor.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
export CGO_ENABLED=0

for port in linux/arm64 darwin/arm64 darwin/amd64 windows/amd64 windows/arm64; do
  export GOOS=${port%/*} GOARCH=${port#*/}
  packages=$(go list -e ./core/... ./interop/...)
  if [ "$GOOS" = windows ]; then
    packages=$(grep -v /core/postgres <<<"$packages")
    go build -gcflags='all=-N -l' ./core/postgres
  fi
  # Vetting wants packages compiled, not optimized, which takes two thirds of the time.
  xargs go vet -gcflags='all=-N -l' <<<"$packages" || { echo "this was for $port" && exit 1; }
done

need_zig
export CGO_ENABLED=1 CGO_CFLAGS='-O0 -g0' ZIG_GLOBAL_CACHE_DIR=$PWD/build/zig ZIG_LOCAL_CACHE_DIR=$PWD/build/zig
headers=$(tools/node-headers.sh)
mkdir -p build/lint
for port in windows/amd64/x86_64-windows-gnu darwin/arm64/aarch64-macos; do
  IFS=/ read -r GOOS GOARCH target <<<"$port"
  export GOOS GOARCH
  CC="zig cc -target $target" go vet -gcflags='all=-N -l' ./capi/... || { echo "this was the C library for $port" && exit 1; }
  for source in bindings/node/src/*.c; do
    zig cc -target "$target" -c -o "build/lint/$GOOS.o" -std=gnu11 -O0 -g0 -Wall -Wextra -Werror \
      -DNAPI_VERSION=8 -DNODE_GYP_MODULE_NAME=factstr_node -DNODE_API_NO_EXTERNAL_BUFFERS_ALLOWED \
      -Iinclude -isystem "$headers" "$source" || { echo "this was the addon for $port" && exit 1; }
  done
done
