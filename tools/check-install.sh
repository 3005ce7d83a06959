#!/usr/bin/env bash
# Installs each package of dist/ that is for this machine into an empty folder (try_packages.py),
# and the C library in the ways that its users build with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
examples=$root/examples/quickstart
here=$(python3 tools/platforms.py here)
version=$(cat VERSION)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH

says_what_is_expected() { # says_what_is_expected COMMAND...
  rm -f quickstart.db
  "$@" | diff "$examples/expected-output.txt" -
}

try() { # try NAME FUNCTION: runs it in a folder of its own
  mkdir "$work/$1"
  echo "-- $1"
  (cd "$work/$1" && "$2")
}

unpack_c() {
  tar -xzf "$root/dist/c/factstr-$version-$here.tar.gz" --strip-components=1
}

c_package_with_pkg_config() {
  unpack_c
  local flags
  read -ra flags <<<"$(PKG_CONFIG_PATH=$PWD/lib/pkgconfig pkg-config --cflags --libs factstr)"
  gcc -std=c99 -pedantic -Wall -Wextra -Werror -o quickstart examples/quickstart.c "${flags[@]}" -Wl,-rpath,"$PWD/lib"
  says_what_is_expected ./quickstart
}

c_package_with_cmake() {
  unpack_c
  mkdir project
  cat >project/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(quickstart C)
find_package(factstr 0.6 REQUIRED)
add_executable(quickstart ../examples/quickstart.c)
target_link_libraries(quickstart PRIVATE factstr::factstr)
CMAKE
  cmake -S project -B out -DCMAKE_PREFIX_PATH="$PWD" >cmake.log || { cat cmake.log && return 1; }
  cmake --build out >>cmake.log || { cat cmake.log && return 1; }
  says_what_is_expected out/quickstart
}

c_library_installed_into_a_prefix() {
  "$root/tools/install.sh" --prefix "$PWD/prefix" >/dev/null
  local flags
  read -ra flags <<<"$(PKG_CONFIG_PATH=$PWD/prefix/lib/pkgconfig pkg-config --cflags --libs factstr)"
  gcc -std=c99 -o quickstart prefix/share/doc/factstr/examples/quickstart.c "${flags[@]}" -Wl,-rpath,"$PWD/prefix/lib"
  says_what_is_expected ./quickstart
}

c_library_from_other_languages() {
  unpack_c
  "$root/examples/ffi/run.sh" "$PWD"
}

c_library_in_a_tool_in_cpp() {
  unpack_c
  "$root/examples/csv-tool/run.sh" "$PWD"
}

python3 tools/check_packages.py
python3 tools/try_packages.py
try c-pkg-config c_package_with_pkg_config
try c-cmake c_package_with_cmake
try c-prefix c_library_installed_into_a_prefix
try c-languages c_library_from_other_languages
try c-csv-tool c_library_in_a_tool_in_cpp
