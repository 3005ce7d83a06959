#!/usr/bin/env bash
# Vets the Go code, with its tests, for the systems that this machine does not run: what is meant
# for one of them must at least compile. On Windows no PostgreSQL server can be started for tests,
# so of that store only the product is compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CGO_ENABLED=0

for port in linux/arm64 darwin/arm64 darwin/amd64 windows/amd64 windows/arm64; do
  export GOOS=${port%/*} GOARCH=${port#*/}
  packages=$(go list -e ./core/... ./interop/...)
  if [ "$GOOS" = windows ]; then
    packages=$(grep -v /core/postgres <<<"$packages")
    go build ./core/postgres
  fi
  xargs go vet <<<"$packages" || { echo "this was for $port" && exit 1; }
done
