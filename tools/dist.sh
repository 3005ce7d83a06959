#!/usr/bin/env bash
# Builds and packs: dist/npm/*.tgz, dist/python/*.whl and dist/c/*. dist.sh makes every platform,
# dist.sh --here that of this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python3 tools/check_version.py
case ${1:-} in
  '') platforms=$(python3 tools/platforms.py list) ;;
  --here) platforms=$(python3 tools/platforms.py here) ;;
  *) echo "dist.sh: unknown option: $1" >&2 && exit 2 ;;
esac
for platform in $platforms; do
  tools/build-platform.sh "$platform"
done
# shellcheck disable=SC2086 # a list
tools/pack.sh $platforms
