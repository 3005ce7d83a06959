#!/usr/bin/env bash
# FACTSTR's one command. Each job first makes sure of what it needs (tools/toolchain.sh) and then
# runs its steps, which live in tools/.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh

usage() {
  cat <<'TEXT'
./build.sh demo [repository]   import a git history (by default this one) through Node, Python and C, and check it against git
./build.sh demo --postgres [repository]  the same by three importers at once, on a PostgreSQL server that is started for it
./build.sh test                every test of Go, C, Node and Python
./build.sh torture [runs [time]]  the long lane: the tests again and again, and each fuzz target for that time (10 60s)
./build.sh lint                format, static checks, types, versions
./build.sh bench               how fast, beside a raw loop of write and fdatasync
./build.sh dist                packages for npm, Python and C into dist/, each installed and tried in an empty folder
./build.sh clean               remove everything that these commands made, save .tools/
TEXT
}

# What every job needs: a C compiler, Python, git and certificates for downloads; then Go and Node.
need_base() {
  need_packages gcc libc6-dev python3 python3-venv git ca-certificates "$@"
  need_python
  need_go
  need_node
}

step() { # step SCRIPT [ARGUMENT...]: runs one of tools/, and says how long it took
  local start=$SECONDS
  say "$1"
  "tools/$1.sh" "${@:2}"
  say "$1: done in $((SECONDS - start)) s"
}

build_all() {
  step build-lib
  step build-node
  step build-python
}

demo() { # demo [--postgres] [REPOSITORY]
  local on=()
  [ "${1:-}" != --postgres ] || { on=(--postgres) && shift; }
  [ $# -le 1 ] || { usage >&2 && exit 2; }
  local repository=${1:-}
  # A relative path is meant from where the user stands.
  case $repository in '' | /*) ;; *) repository=$called_from/$repository ;; esac
  need_base
  [ ${#on[@]} -eq 0 ] || need_postgres
  build_all
  step demo "${on[@]}" ${repository:+"$repository"}
}

case ${1:-help} in
  demo)
    demo "${@:2}"
    ;;
  test)
    need_base g++ libcjson-dev pgbouncer
    need_postgres
    need_python_tools
    build_all
    step test
    ;;
  torture)
    need_base libcjson-dev pgbouncer
    need_postgres
    build_all
    step torture "${@:2}"
    ;;
  lint)
    need_base
    need_python_tools
    step lint
    ;;
  bench)
    need_base
    need_postgres
    step build-lib
    step bench "${@:2}"
    ;;
  dist)
    need_base pkg-config cmake make
    need_python_tools
    build_all
    step dist
    step check-install
    ;;
  clean)
    rm -rf build dist bindings/node/native examples/node_modules tools/node/node_modules bindings/python/src/factstr/_native/libfactstr.so.0
    find . \( -name __pycache__ -o -name '.*_cache' \) -not -path './.tools/*' -prune -exec rm -rf {} +
    ;;
  help | -h | --help)
    usage
    ;;
  *)
    echo "build.sh: unknown command: $1" >&2
    usage >&2
    exit 2
    ;;
esac
