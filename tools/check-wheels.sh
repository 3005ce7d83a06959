#!/usr/bin/env bash
# What the package indexes and the system's loader will say of what is in dist/: the metadata of the
# wheels, the glibc that they need, and the lists of what is linked in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
need_release_tools
export PYTHONPATH=$tools/release
passed=0
ok() { echo "ok      $1" && passed=$((passed + 1)); }

python3 -m twine check --strict dist/python/*.whl >build/twine.log 2>&1 || { cat build/twine.log && exit 1; }
ok "twine check --strict"

for wheel in dist/python/*manylinux*.whl; do
  said=$(python3 -m auditwheel show "$wheel")
  # The first tag that it names is the oldest system on which it says that the wheel works.
  oldest=$(grep -oE 'manylinux_[0-9]+_[0-9]+_[a-z0-9_]+' <<<"${said#*is consistent with}" | head -n 1)
  [[ .${wheel%.whl}. = *[.-]"$oldest".* ]] || { echo "$said" && echo "$(basename "$wheel") does not carry the tag $oldest" && exit 1; }
  ok "auditwheel: $(basename "$wheel") works from $oldest on"
done

# A pre-release is spelled in another way by Python's packages than by everybody else.
pre=$(mktemp -d)
trap 'rm -rf "$pre"' EXIT
here=$(python3 tools/platforms.py here)
cp -R "build/dist/wheel-$here" "$pre/wheel"
echo 1.0.0-rc.1 >"$pre/wheel/VERSION"
echo '__version__ = "1.0.0-rc.1"' >"$pre/wheel/bindings/python/src/factstr/_version.py"
(cd "$pre/wheel/bindings/python" && PYTHONPATH='' python3 -m hatchling build -t wheel -d "$pre")
[ "$(find "$pre" -name 'factstr-1.0.0rc1-py3-none-*.whl' | wc -l)" = 1 ] || { ls "$pre" && exit 1; }
python3 -m twine check --strict "$pre"/*.whl >build/twine.log 2>&1 || { cat build/twine.log && exit 1; }
ok "version 1.0.0-rc.1 is the wheel 1.0.0rc1"

for list in build/dist/*/factstr.spdx.json; do
  python3 -m spdx_tools.spdx.clitools.pyspdxtools --infile "$list" >build/spdx.log 2>&1 || { cat build/spdx.log && exit 1; }
  ok "SPDX: $(basename "$(dirname "$list")")"
done
echo "$passed checks of wheels and lists passed"
