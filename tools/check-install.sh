#!/usr/bin/env bash
# Installs each package of dist/ into an empty folder, without the checkout or a registry, and runs
# the quickstart of its language there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
examples=$root/examples/quickstart
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH NODE_PATH LD_LIBRARY_PATH PKG_CONFIG_PATH CMAKE_PREFIX_PATH
export NODE_NO_WARNINGS=1

says_what_is_expected() { # says_what_is_expected COMMAND...
  rm -f quickstart.db
  "$@" | diff "$examples/expected-output.txt" -
}

try() { # try NAME FUNCTION: runs it in a folder of its own
  mkdir "$work/$1"
  echo "-- $1"
  (cd "$work/$1" && "$2")
}

node_package() {
  echo '{"private": true}' >package.json
  npm install --offline --no-audit --no-fund --silent "$root"/dist/npm/*.tgz
  cp "$examples/node/quickstart.mjs" .
  says_what_is_expected node quickstart.mjs
}

python_package() {
  # The pinned pip installs into the fresh environment, so that a Python without ensurepip will do.
  python3 -m venv --without-pip env
  python3 -m pip --python env/bin/python install -q --no-index "$root"/dist/python/*.whl
  cp "$examples/python/quickstart.py" .
  says_what_is_expected env/bin/python -I quickstart.py
}

unpack_c() {
  tar -xzf "$root"/dist/c/*.tar.gz --strip-components=1
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

ships_its_licences() { # ships_its_licences LISTING: names what is missing
  for file in LICENSE-MIT LICENSE-APACHE; do
    grep -qE "(^|/)$file$" <<<"$1" || { echo "$file is missing" && return 1; }
  done
  if grep -q libfactstr <<<"$1" && ! grep -qE '(^|/)THIRD_PARTY_LICENSES$' <<<"$1"; then
    echo "THIRD_PARTY_LICENSES is missing, which must go with the library" && return 1
  fi
}

for package in dist/npm/*.tgz dist/c/*.tar.gz; do
  ships_its_licences "$(tar -tzf "$package")" || { echo "$package is not complete" >&2 && exit 1; }
done
for package in dist/python/*.whl; do
  ships_its_licences "$(python3 -m zipfile --list "$package" | awk '{ print $1 }')" || { echo "$package is not complete" >&2 && exit 1; }
done

try npm node_package
try wheel python_package
try c-pkg-config c_package_with_pkg_config
try c-cmake c_package_with_cmake
