#!/usr/bin/env bash
# release.sh --dry-run [PART...]: makes everything that a release publishes, tries it, and prints
# what would go where. Nothing is published here: that is done by .github/workflows, each lane with
# a trust of its own (RELEASING.md). Without a PART all of them run; some take long:
#
#   packages      ./build.sh dist, and what is in each package
#   wheels        what the package index and auditwheel say
#   runtimes      Node 18 to the newest, Bun, Deno, every Python
#   bundlers      docs/bundlers.md
#   test_runners  Vitest and Jest, docs/testing.md
#   suites        every test of Node and Python against the packages
#   beside        another Go library in one process; the canary for musl
#   reproducible  a clone in another folder gives the same bytes
#   emulated      Windows under Wine and arm64 under qemu-user
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
[ "${1:-}" = --dry-run ] || { sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2; }
shift
version=$(cat VERSION)
passed=0 failed=0 logs=$root/build/release
mkdir -p "$logs"

part() { # part NAME COMMAND...
  local status=0 start=$SECONDS
  echo "== $1"
  "${@:2}" </dev/null >"$logs/$1.log" 2>&1 || status=$?
  case $status in
    0) passed=$((passed + 1)) && echo "ok      $1 ($((SECONDS - start)) s)" ;;
    *) failed=$((failed + 1)) && tail -n 30 "$logs/$1.log" && echo "FAILED  $1, status $status; all it said is in $logs/$1.log" ;;
  esac
}

# What differs between two runs of dist in two folders of the same commit. The commit counts, not
# what is changed since: a release is made of a commit.
reproducible() {
  local other
  other=$(mktemp -d) || return
  git clone -q "$root" "$other/factstr" && git -C "$other/factstr" checkout -q "$(git rev-parse HEAD)" || return
  ln -s "$(realpath .tools)" "$other/factstr/.tools" || return
  # What zig made of the C libraries of each system takes it minutes, and is of zig, not of here.
  mkdir -p "$other/factstr/build" && cp -R build/zig "$other/factstr/build/" || return
  ("$other/factstr/build.sh" dist) && (cd "$other/factstr/dist" && find . -type f | sort | xargs sha256sum) >"$logs/other.sha256" || return
  rm -rf "$other"
  (cd dist && find . -type f | sort | xargs sha256sum) | diff "$logs/other.sha256" -
}

packages() { ./build.sh dist; }
wheels() { tools/check-wheels.sh; }
suites() { tools/check-suites.sh; }
runtimes() { tools/check-runtimes.sh; }
bundlers() { tools/check-bundlers.sh; }
test_runners() { tools/check-test-runners.sh; }
beside() { tools/check-beside.sh; }
emulated() { ./build.sh emulated; }

[ $# -gt 0 ] || set -- packages wheels suites runtimes bundlers test_runners beside reproducible emulated
for name; do
  part "$name" "$name"
done

echo
echo "Version $version of commit $(git rev-parse --short HEAD) would be published so:"
python3 tools/platforms.py list | while read -r platform; do
  [ -f "dist/npm/factstr-factstr-node-$platform-$version.tgz" ] || echo "  MISSING: $platform was not built here; a release needs it"
done
(
  cd dist
  # The main package goes last: whoever installs it must find the platform packages.
  find npm -name "*-node-[a-z]*.tgz" | sort | sed 's/^/  npm           /'
  echo "  npm           npm/factstr-factstr-node-$version.tgz"
  find python -type f | sort | sed 's/^/  PyPI          /'
  find c -type f | sort | sed 's/^/  GitHub        /'
)
[ -z "$(git status --porcelain)" ] || echo "  but files are changed since that commit: a release is made of a commit"
python3 tools/check_version.py --released || echo "  but the changelog is not that of a release"
echo "Nothing was published. The crates factstr, factstr-memory, factstr-sqlite and factstr-postgres are another project's and not touched."
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
