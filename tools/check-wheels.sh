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

for list in build/dist/*/factstr.spdx.json; do
  python3 -m spdx_tools.spdx.clitools.pyspdxtools --infile "$list" >build/spdx.log 2>&1 || { cat build/spdx.log && exit 1; }
  ok "SPDX: $(basename "$(dirname "$list")")"
done
echo "$passed checks of wheels and lists passed"
