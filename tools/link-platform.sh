#!/usr/bin/env bash
# The linker that tools/build-platform.sh gives to Go for Windows and macOS: zig cc, which then
# exports what FACTSTR_EXPORTS lists. For Windows that is put in place of the list that Go makes, of
# its own functions, and FACTSTR_RESOURCE is linked in; for macOS all other symbols of Go's objects
# are hidden.
set -euo pipefail
arguments=() objects=()
for argument; do
  case $argument in
    */export_file.def) argument=$FACTSTR_EXPORTS ;;
    */go-link-*/*.o) objects+=("$argument") ;;
  esac
  arguments+=("$argument")
done
case $FACTSTR_TARGET in
  *macos*) [ ${#objects[@]} = 0 ] || python3 "$(dirname "${BASH_SOURCE[0]}")/hide_darwin_symbols.py" "$FACTSTR_EXPORTS" "${objects[@]}" ;;
esac
exec zig cc -target "$FACTSTR_TARGET" "${arguments[@]}" ${FACTSTR_RESOURCE:+"$FACTSTR_RESOURCE"}
