#!/usr/bin/env bash
# Tests the worker: two at a time are killed again and again, on a file and on the server at
# DATABASE_URL; in the end 50 pieces are sold, each counted once, and SIGTERM ends it well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${DATABASE_URL:?must name a PostgreSQL database: ./build.sh examples has one}"
go test ./examples/worker
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
go build -o "$folder/worker" ./examples/worker
wanted='view left=0 lag=0 parked=1 head=52'

start() { "$folder/worker" "$@" 2>>"$folder/log" & }

check() { # check NAME STORE
  local view=$folder/$1.db first second last
  for _ in 1 2 3 4 5 6; do
    start "$2" "$view" && first=$!
    start "$2" "$view" && second=$!
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"
    kill -9 "$first" "$second" 2>/dev/null || true
    wait "$first" "$second" 2>/dev/null || true
  done
  : >"$folder/log"
  start "$2" "$view" "$folder/$1-backup.db" && last=$!
  for _ in $(seq 300); do # it tells of the view each second; on a server a name is free within ten
    if grep -q "$wanted" "$folder/log" || ! kill -0 "$last" 2>/dev/null; then break; fi
    sleep 0.1
  done
  kill -TERM "$last" || true
  if ! wait "$last" || ! grep -q "$wanted" "$folder/log"; then
    echo "the worker on $1 was to say '$wanted' and to end well:" && cat "$folder/log" && exit 1
  fi
  python3 - "$view" <<'P'
import sqlite3, sys
(handled,) = sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM handled").fetchone()
assert handled == 51, f"{handled} batches were counted, not 51"
P
  echo "on $1 50 pieces were sold, and each was counted once"
}

check sqlite "$folder/stock.db"
[ -s "$folder/sqlite-backup.db" ] || { echo "there is no backup" && exit 1; }
check postgres "$DATABASE_URL"
