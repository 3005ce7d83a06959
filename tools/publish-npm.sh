#!/usr/bin/env bash
# publish-npm.sh --dry-run | --publish: the npm packages of dist/, the platforms first, so that
# whoever installs the main package finds them. Only .github/workflows/publish-npm.yml publishes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(cat VERSION)
case ${1:-} in
  --dry-run) options=(--dry-run) ;;
  --publish) [ -n "${GITHUB_ACTIONS:-}" ] || { echo "only the workflow publishes (RELEASING.md)" >&2 && exit 2; }; options=(--provenance) ;;
  *) sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
esac
# Who asks for no version gets none that is still being tried.
case $version in *-*) options+=(--tag next) ;; esac

for platform in $(python3 tools/platforms.py list) ''; do
  package=dist/npm/factstr-factstr-node-${platform:+$platform-}$version.tgz
  [ -f "$package" ] || { echo "$package is missing" >&2 && [ "$1" = --dry-run ] && continue || exit 1; }
  npm publish "./$package" --access public "${options[@]}"
done
