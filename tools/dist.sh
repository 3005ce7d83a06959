#!/usr/bin/env bash
# Builds for each platform and packs: dist/npm/*.tgz, dist/python/*.whl and dist/c/*.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 tools/check_version.py
here=$(python3 tools/platforms.py here)
mkdir -p "build/platforms/$here/lib" "build/platforms/$here/node"
cp build/lib/libfactstr.so.0 "build/platforms/$here/lib/"
cp "bindings/node/native/$here/factstr_node.node" "build/platforms/$here/node/"
tools/pack.sh "$here"
tools/check-glibc.sh build/lib/libfactstr.so.0
