#!/usr/bin/env bash
# Beside others: the wheel in one process with another Go library, in either order, and a canary
# that tells when a Go library can be loaded on musl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
version=$(cat VERSION)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH

need_packages musl-tools
fetch_pinned beside
cp tools/requirements/beside.txt "$tools/beside.txt"

python3 -m pip install -q --target "$work/wheel" --no-index --no-deps --find-links dist/python "factstr==$version"
for first in factstr flightsql; do
  mkdir "$work/$first"
  said=$(cd "$work/$first" && PYTHONPATH=$work/wheel:$tools/beside timeout 120 python3 "$root/tools/beside/two_go_libraries.py" "$first") ||
    { echo "$said" && echo "FAILED  $first first, beside another Go library" && exit 1; }
  echo "ok      $first first, beside another Go library: $said"
done

# Go's shared libraries use initial-exec TLS, which musl does not give to a library that is loaded
# by dlopen (golang/go#54805). The day that this fails, FACTSTR can have packages for musl.
CC=musl-gcc go build -buildmode=c-shared -o "$work/libcanary.so" ./tools/beside/musl
musl-gcc -o "$work/load" tools/beside/host/load.c
said=$("$work/load" "$work/libcanary.so" 2>&1) && status=0 || status=$?
case $status:$said in
  1:*"initial-exec TLS"*) echo "ok      the canary: $(go version | cut -d ' ' -f 3) cannot be loaded on musl, as the documentation says" ;;
  0:"answered 42")
    echo "FAILED  $(go version | cut -d ' ' -f 3) can be loaded on musl: build packages for it, and correct docs/platforms.md and the loader's error"
    exit 1
    ;;
  *) echo "FAILED  the canary ended otherwise, with status $status: $said" && exit 1 ;;
esac
