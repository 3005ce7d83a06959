#!/usr/bin/env bash
# run.sh PREFIX: builds the tool by CMake and by pkg-config against the C library that is installed
# in PREFIX, and tries its commands: two imports at once are killed again and again, and each line
# is in once.
set -euo pipefail
prefix=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs factstr libcjson)"
g++ -std=c++17 -pedantic -Wall -Wextra -Werror csv_tool.cpp "${flags[@]}" -Wl,-rpath,"$prefix/lib" -o "$work/by-pkg-config"
{ cmake -S . -B "$work/out" -DCMAKE_PREFIX_PATH="$prefix" && cmake --build "$work/out"; } >"$work/cmake.log" ||
  { cat "$work/cmake.log" && exit 1; }
tool=$work/out/csv_tool database=$work/sales.db
lines=200000
awk -v lines=$lines 'BEGIN { for (i = 1; i <= lines; i++) printf "s-%d,category %d,%d\n", i, i % 4, i % 1000 }' >"$work/sales.csv"

wants() { # wants WANTED COMMAND...: what it prints, in lines
  local wanted=$1 got
  shift
  got=$(timeout 120 "$@")
  [ "$got" = "$wanted" ] || { printf '%s printed\n%s\nnot\n%s\n' "$*" "$got" "$wanted" && exit 1; }
}

for _ in 1 2 3 4 5; do
  "$work/by-pkg-config" "$database" import "$work/sales.csv" >/dev/null &
  first=$!
  "$tool" "$database" import "$work/sales.csv" >/dev/null &
  second=$!
  sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
  kill -9 $first $second 2>/dev/null || true
  wait $first $second 2>/dev/null || true
done
timeout 120 "$tool" "$database" import "$work/sales.csv" >/dev/null
wants "imported 0" "$work/by-pkg-config" "$database" import "$work/sales.csv"
report=$(for i in 0 1 2 3; do
  awk -v i=$i -F, '$2 == "category " i { n++; sum += $3 } END { printf "category %d: %d sales, %.6f\n", i, n, sum / 100 }' "$work/sales.csv"
done)
wants "$report" "$tool" "$database" report
[ "$("$tool" "$database" last | wc -l)" -eq 10 ]
"$tool" "$database" last | sed -n 1p | grep -q " Imported .*\"lines\":$lines"

"$tool" "$database" follow >"$work/came" &
follower=$!
for _ in $(seq 300); do # until everything came, or it has ended
  came=$(awk '{ sum += $2 } END { print sum + 0 }' "$work/came")
  if [ "$came" -ge $lines ] || ! kill -0 $follower 2>/dev/null; then break; fi
  sleep 0.1
done
status=0
"$tool" "$database" follow 2>/dev/null || status=$?
[ $status -eq 75 ] || { echo "a second follower ended with $status, not 75" && exit 1; }
kill -TERM $follower && wait $follower # Ctrl-C; a shell starts what runs beside it without that signal
[ "$came" -eq $lines ] || { echo "$came sales came, not $lines" && exit 1; }

printf 's-1,tea,5\ns-2,tea\n' >"$work/bad.csv"
status=0
"$tool" "$database" import "$work/bad.csv" 2>"$work/told" || status=$?
if [ $status -ne 65 ] || ! grep -q 'line 2 is not' "$work/told"; then cat "$work/told" && exit 1; fi
echo "csv-tool: each of $lines lines is in once, also after kills"
