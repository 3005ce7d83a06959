#!/usr/bin/env bash
# Runs the notebook twice on one database: the same counts and the same plot, which is the one that
# the README shows. After that on facts without a day of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONPATH=../../bindings/python/src PYTHONDONTWRITEBYTECODE=1

python3 facts_per_day.py "$work/bookings.db" >"$work/first"
cp "$work/bookings.svg" "$work/first.svg"
python3 facts_per_day.py "$work/bookings.db" >"$work/again"
diff "$work/first" <(sed 1d "$work/again")
cmp "$work/first.svg" "$work/bookings.svg"
cmp bookings.svg "$work/bookings.svg"

python3 -c 'import sys, factstr
with factstr.SqliteStore(sys.argv[1]) as store: store.append([factstr.NewEvent("A<B", 7)] * 3)' "$work/other.db"
python3 facts_per_day.py "$work/other.db" | tail -n 1 | grep -q "^3 facts of 1 days"
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$work/other.svg"
echo "plot: run twice, the same facts and the same picture"
