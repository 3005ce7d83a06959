#!/usr/bin/env bash
# dcb.sh [DURATION]: the three workloads of examples/dcb-http under k6, against SQLite and
# PostgreSQL (DATABASE_URL, a database that is empty). k6's thresholds decide.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
duration=${1:-10s}
work=$(mktemp -d)
server=
end() {
  [ -z "$server" ] || { kill "$server" && wait "$server" || true; }
  server=
}
trap 'end; rm -rf "$work"' EXIT
go build -o "$work/dcb-http" ./examples/dcb-http

for where in "sqlite:$work/facts.db" "${DATABASE_URL:?a PostgreSQL database; build/pgserver -- tools/dcb.sh has one}"; do
  rm -f "$work/url"
  "$work/dcb-http" -listen 127.0.0.1:0 "$where" >"$work/url" &
  server=$!
  for ((tries = 0; tries < 300; tries++)); do
    [ ! -s "$work/url" ] || break
    kill -0 "$server" 2>/dev/null || { echo "dcb-http ended" >&2 && exit 1; }
    sleep 0.1
  done
  url=$(cat "$work/url")
  # consistency comes first: it compares the whole log, which must hold its own events only.
  for workload in consistency positions parallel; do
    echo "-- $workload on ${where%%:*}"
    k6 run --quiet --no-usage-report -e "URL=$url" -e "DURATION=$duration" "examples/dcb-http/k6/$workload.js"
  done
  end
done
