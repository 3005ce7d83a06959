#!/usr/bin/env bash
# Runs the README's example in every language, twice on one database: the seat is given once, and
# the second run says that it is taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

examples/link-node-package.sh
"${CC:-gcc}" -std=c11 -Wall -Wextra -Werror -Iinclude examples/hello/hello.c -Lbuild/lib -lfactstr -Wl,-rpath,"$root/build/lib" -o "$work/hello"
PYTHONPATH=$root/bindings/python/src
export PYTHONPATH PYTHONDONTWRITEBYTECODE=1

check() { # check LANGUAGE COMMAND...
  local language=$1 first again reserved
  shift
  first=$("$@" "$work/$language.db")
  again=$("$@" "$work/$language.db")
  reserved=$(python3 -c '
import sys, factstr
with factstr.SqliteStore(sys.argv[1]) as store:
    print([record.payload["by"] for record in store.query({"filters": [{"event_types": ["SeatReserved"]}]}).event_records])' "$work/$language.db")
  printf '%s: %s; run again: %s; reserved by %s\n' "$language" "${first//$'\n'/, }" "${again//$'\n'/, }" "$reserved"
  if [ "$first" != $'Ada has seat A1\nBen is too late: seat A1 is taken' ] || [ "$reserved" != "['Ada']" ] ||
    [[ $again != *'seat A1 is taken'* || $again == *'has seat'* ]]; then
    echo "the example in $language does not do what it says" >&2 && exit 1
  fi
}

check C "$work/hello"
check Go go run ./examples/hello/go
check Node node examples/hello/hello.mjs
check Python python3 examples/hello/hello.py
