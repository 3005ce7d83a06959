#!/usr/bin/env bash
# Prints the folder of node_api.h: that of the Node that runs, else that of the npm package
# node-api-headers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

include="$(dirname "$(node -p 'fs.realpathSync(process.execPath)')")/../include/node"
if [ ! -f "$include/node_api.h" ]; then
  prefix=.tools/node-api-headers
  include="$prefix/node_modules/node-api-headers/include"
  if [ ! -f "$include/node_api.h" ]; then
    echo "node-headers: this Node has no headers; installing node-api-headers into $prefix" >&2
    npm install --prefix "$prefix" --no-save --no-audit --no-fund --silent node-api-headers@1.9.0 >&2
  fi
fi
echo "$include"
