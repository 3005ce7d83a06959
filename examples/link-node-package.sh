#!/usr/bin/env bash
# Lets the Node examples import '@factstr/factstr-node' from this checkout, as npm link would. A
# program of your own runs `npm install` instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
mkdir -p node_modules/@factstr
ln -sfn ../../../bindings/node node_modules/@factstr/factstr-node
