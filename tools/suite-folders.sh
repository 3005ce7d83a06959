# shellcheck shell=bash
# Sourced from the root of the checkout: folders in which the suites of Node and Python run against
# the packages of dist/ instead of the checkout. The tests stand beside what was packed, and read
# vectors and scenarios beside that, so the folders are those of the checkout.

lay_out_suites() { # lay_out_suites FOLDER
  local entry
  mkdir -p "$1"/bindings/node/{node_modules/@factstr,native} "$1/bindings/python"
  for entry in "$PWD"/*; do
    [ "$(basename "$entry")" = bindings ] || ln -s "$entry" "$1/"
  done
}

lay_out_node() { # lay_out_node FOLDER PLATFORM
  local node=$1/bindings/node version
  version=$(cat VERSION)
  mkdir "$node/native/$2"
  tar -xzf "dist/npm/factstr-factstr-node-$version.tgz" -C "$node" --strip-components=1
  tar -xzf "dist/npm/factstr-factstr-node-$2-$version.tgz" -C "$node/native/$2" --strip-components=1
  ln -s "../../native/$2" "$node/node_modules/@factstr/factstr-node-$2"
  cp -R bindings/node/test "$node/"
}

lay_out_python() { # lay_out_python FOLDER: the tests alone; the wheel is installed by the caller
  cp -R bindings/python/{tests,hatch_build.py,pyproject.toml,README.md} "$1/bindings/python/"
}
