#!/usr/bin/env bash
# FACTSTR's one command. Each job first makes sure of what it needs (tools/toolchain.sh) and then
# runs its steps, which live in tools/.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh

usage() { cat tools/usage.txt; }

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
    if [ $# -gt 1 ]; then
      need_base
      step test-one "${@:2}"
    else
      need_base g++ libcjson-dev pgbouncer
      need_postgres
      need_python_tools
      build_all
      step test
    fi
    ;;
  quick)
    need_base libcjson-dev
    need_postgres
    step quick
    ;;
  torture)
    need_base libcjson-dev pgbouncer
    need_postgres
    need_k6
    build_all
    step torture "${@:2}"
    ;;
  emulated)
    need_base
    need_packages wine64 qemu-user-static
    need_postgres
    step emulated "${@:2}"
    ;;
  lint)
    need_base
    need_python_tools
    need_bench_python
    need_release_tools
    step lint
    ;;
  bench)
    need_base
    step bench "${@:2}"
    ;;
  dist)
    need_base pkg-config cmake make g++ libcjson-dev luajit
    need_rust
    need_python_tools
    step dist "${@:2}"
    step check-wheels
    step check-install
    ;;
  examples)
    need_base chromium curl
    need_postgres
    build_all
    step examples "${@:2}"
    ;;
  docs)
    need_packages python3 python3-venv ca-certificates
    need_python
    need_docs_tools
    step docs "${@:2}"
    ;;
  install | release)
    need_base pkg-config cmake make
    need_python_tools
    [ "$1" = release ] || [ -d build/dist/c ] || step dist --here
    step "$1" "${@:2}"
    ;;
  clean)
    rm -rf build dist bindings/node/native bindings/node/node_modules examples/node_modules tools/node/node_modules bindings/python/src/factstr/_native/libfactstr.so.0
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
