#!/usr/bin/env bash
# Prints the licences of everything that is linked into libfactstr: Go's own library and runtime,
# and each module. A module without a licence file is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "libfactstr is built with Go and contains the modules below. Their licences follow."
printf '\n==== Go standard library and runtime ====\n\n'
cat tools/package/LICENSE-GO

modules=$(GOTOOLCHAIN=local CGO_ENABLED=1 go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./capi | sort -u)
while read -r path version dir; do
  [ -n "$path" ] || continue
  found=$(find "$dir" -maxdepth 1 -type f \( -iname '*licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort)
  if [ -z "$found" ]; then
    echo "no licence file in $path $version" >&2
    exit 1
  fi
  while read -r file; do
    printf '\n==== %s %s: %s ====\n\n' "$path" "$version" "$(basename "$file")"
    cat "$file"
  done <<<"$found"
done <<<"$modules"
