#!/usr/bin/env bash
# The long lane: the same Go tests under the race detector, with FACTSTR_TORTURE telling those of crashes, races and faults to go on for longer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export FACTSTR_TORTURE=1
go test -race -count=1 -timeout 120m -json ./... | python3 tools/go_test_summary.py
