#!/usr/bin/env bash
# install.sh --prefix FOLDER: installs the C library of this machine, as `make install` would. A
# package that is staged elsewhere sets DESTDIR.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -eq 2 ] && [ "$1" = --prefix ] && [[ $2 = /* ]] || { echo "install --prefix FOLDER: an absolute path" >&2 && exit 2; }
prefix=${DESTDIR:-}$2
name=factstr-$(cat VERSION)-$(python3 tools/platforms.py here)
from=build/dist/c/$name
[ -d "$from" ] || { echo "$from is missing; ./build.sh dist --here makes it" >&2 && exit 2; }

mkdir -p "$prefix/share/doc/factstr"
for folder in include lib bin; do
  [ ! -d "$from/$folder" ] || cp -R "$from/$folder" "$prefix/"
done
cp -R "$from/docs/." "$from/examples" "$from"/*LICENSE* "$from/factstr.spdx.json" "$prefix/share/doc/factstr/"
echo "installed into $prefix"
