#!/usr/bin/env bash
# Builds dist/python/*.whl from a copy of bindings/python with the licences beside it. The same
# source gives the same wheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh

need_python_tools
tools/build-python.sh

staged=build/wheel
rm -rf "$staged"
mkdir -p "$staged/bindings" dist/python
cp VERSION "$staged/"
cp -R bindings/python "$staged/bindings/"
cp LICENSE-MIT LICENSE-APACHE "$staged/bindings/python/"
tools/third-party-licenses.sh >"$staged/bindings/python/THIRD_PARTY_LICENSES"

rm -f dist/python/factstr-*.whl
out=$PWD/dist/python
(cd "$staged/bindings/python" && "$tools/python/bin/python3" -m hatchling build -t wheel -d "$out")
