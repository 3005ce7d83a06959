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
At each save:
  ./build.sh quick                          format, vet and unit tests of Go, the contract on SQLite, some tests of C, Node, Python (15 to 30 s)
One thing; each builds only what it needs:
  ./build.sh test go [./PACKAGE] [PATTERN]  PATTERN is go test's -run; further options go to go test
  ./build.sh test c [TOPIC]                 the topics stand in capi/ctest/main.c
  ./build.sh test node [FILE] [PATTERN]     FILE of bindings/node/test; PATTERN is node's --test-name-pattern
  ./build.sh test python [FILE] [PATTERN]   FILE of bindings/python/tests; PATTERN is unittest's -k
  ./build.sh bench [NAME] [OPTION]          a workload (-help lists them; without NAME all), languages, embedded, postgres, node, or a Go benchmark's name;
                                            -json FILE keeps the figures, and bench compare A B shows two such files side by side
Before a change lands:
  ./build.sh test                           every test of Go, C, Node and Python (15 min)
  ./build.sh lint                           format, static checks, types, docs, versions (1 min)
  .ci/run                                   lint, test, dist, docs, the examples and the demos
Besides:
  ./build.sh torture [RUNS [TIME]]          the long lane: the tests again and again, and each fuzz target for that time (10 60s; hours)
  ./build.sh emulated [PART [OPTION...]]    the long lane of other systems: Windows under Wine, arm64 under qemu-user. PART is go with options
                                            of go test (all)
  ./build.sh demo [--postgres] [REPOSITORY] import a git history (by default this one) through Node, Python and C, and check it against
                                            git; with --postgres by three importers at once, on a server that is started for it
  ./build.sh examples [ENROLMENTS]          the course services in Node and Python on one log: clicked in two browsers, and under load (1000)
  ./build.sh dist [--here]                  packages for npm, Python and C into dist/, of every platform or of this one; what runs here is
                                            installed and tried in an empty folder
  ./build.sh docs [--serve]                 the site of the documentation into build/site/html, its links checked; --serve shows it
  ./build.sh install --prefix FOLDER        the C library of this machine, as a prefix: include, lib, share/doc
  ./build.sh release --dry-run [PART]       everything that a release publishes, made, tried and listed; hours (tools/release.sh lists the parts)
  ./build.sh clean                          remove everything that these commands made, save .tools/
CONTRIBUTING.md says more.
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
    build_all
    step torture "${@:2}"
    ;;
  emulated)
    need_base
    need_packages wine64 qemu-user-static
    step emulated "${@:2}"
    ;;
  lint)
    need_base
    need_python_tools
    need_release_tools
    step lint
    ;;
  bench)
    need_base
    step bench "${@:2}"
    ;;
  dist)
    need_base pkg-config cmake make
    need_python_tools
    build_all
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
<<<<<<< HEAD
    [ "$1" = release ] || [ -d build/dist/c ] || step dist --here
=======
    [ "$1" = release ] || [ -d build/dist/c ] || { build_all && step dist --here; }
>>>>>>> 7fabfc2 (dist --here reaches its script; docs/platforms.md says what is built now)
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
