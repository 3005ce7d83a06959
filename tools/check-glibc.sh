#!/usr/bin/env bash
# check-glibc.sh FILE...: prints the highest version of glibc that each file needs. It depends on
# the glibc that it was built with.
set -euo pipefail

for file; do
  needed=$(readelf --dyn-syms --wide "$file" | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -n 1)
  [ -n "$needed" ] || { echo "$file: no needed version of glibc can be read" >&2 && exit 1; }
  echo "$(basename "$file") needs ${needed/GLIBC_/glibc }"
done
