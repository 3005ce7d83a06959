#!/usr/bin/env bash
# The linker that tools/build-platform.sh gives to Go for Windows: zig cc, with our list of exports
# in place of Go's.
set -euo pipefail
arguments=()
for argument; do
  case $argument in
    */export_file.def) arguments+=("$FACTSTR_EXPORTS") ;;
    *) arguments+=("$argument") ;;
  esac
done
exec zig cc -target "$FACTSTR_TARGET" "${arguments[@]}"
