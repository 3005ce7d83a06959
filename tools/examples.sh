#!/usr/bin/env bash
# The examples that need a server and a browser: examples.sh [ENROLMENTS].
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p build/test
go build -o build/test/pgserver ./tools/pgserver
exec build/test/pgserver -- examples/course/test/run.sh "$@"
