#!/usr/bin/env bash
# run.sh PREFIX: builds the program of each language against the C library that is installed in
# PREFIX, and runs each twice on a database of its own.
set -euo pipefail
prefix=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs factstr)"
flags+=("-Wl,-rpath,$prefix/lib")

check() { # check LANGUAGE COMMAND...
  local language=$1 expected
  shift
  for expected in expected-output expected-output-again; do
    "$@" "$work/$language.db" >"$work/$language.txt"
    grep -v '^new on the list' "$work/$language.txt" | diff -u $expected.txt - ||
      { echo "the example in $language prints something else" >&2 && exit 1; }
  done
  echo "example in $language: as expected, also when it is run again"
}

gcc -std=c99 -pedantic -Wall -Wextra -Werror c99/course.c "${flags[@]}" -o "$work/c99"
check C99 "$work/c99"

g++ -std=c++17 -pedantic -Wall -Wextra -Werror cpp/course.cpp "${flags[@]}" -o "$work/cpp"
check C++ "$work/cpp"
grep -q '^new on the list: 0$' "$work/C++.txt" # the second run: the stream has handled both

rustc --edition 2021 -D warnings -L "$prefix/lib" -l factstr -C "link-arg=-Wl,-rpath,$prefix/lib" -o "$work/rust" rust/course.rs
check Rust "$work/rust"

LD_LIBRARY_PATH=$prefix/lib check LuaJIT luajit luajit/course.lua
