#!/usr/bin/env bash
# The long lane of systems that this machine is not: Windows programs run under Wine, and programs
# for arm64 under qemu-user. emulated.sh [PART [OPTION...]]
#
#   go     the Go suites of core, its stores but PostgreSQL's, and interop; OPTIONs go to go test
#   jobs   what dist/ has, installed in empty folders: stores opened, streamed from, killed and raced
#          for in C, Node and Python; OPTIONs are platforms (tools/emulated/jobs.sh)
#   suites the tests of Node and Python against what dist/ has; OPTIONs are those of
#          tools/emulated/suites.sh
#
# What an emulator lacks is worked around here or skipped by the test itself, which then names the
# emulator (core/internal/proctest/emulator.go). Neither of them is the real system: what passes
# here has still to be run there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

emulated=$PWD/build/emulated
wine=/usr/lib/wine/wine64
qemu=$(command -v qemu-aarch64-static)
export WINEPREFIX=$emulated/wine WINEDEBUG=-all
mkdir -p "$emulated"

# Each call for a file or a lock waits for Wine's server, so that goes first where it is allowed to.
prepare_wine() {
  [ -d "$WINEPREFIX" ] || "$wine" wineboot -i >"$emulated/wineboot.log" 2>&1
  nice -n -15 /usr/lib/wine/wineserver64 -p60 2>/dev/null || true # it may run already
}

# Test programs of Go are built with three files of Go changed: Wine 8 has neither ProcessPrng for
# random bytes nor removal by the rules of POSIX. Both have an older form. Nothing that ships is
# built so.
write_overlay() {
  local replaced=() root
  root=$(go env GOROOT)/src
  replace() { # replace FILE SED-SCRIPT
    local copy
    copy=$emulated/$(basename "$1")
    sed "$2" "$root/$1" >"$copy"
    ! cmp -s "$copy" "$root/$1" || { echo "$1 of this Go is not what tools/emulated.sh expects" >&2 && return 1; }
    replaced+=("\"$root/$1\":\"$copy\"")
  }
  replace internal/syscall/windows/at_windows.go 's/^var TestDeleteatFallback bool$/var TestDeleteatFallback = true/'
  replace internal/syscall/windows/zsyscall_windows.go 's/"bcryptprimitives.dll"/"advapi32.dll"/; s/"ProcessPrng"/"SystemFunction036"/'
  # The names are spelled as lists of bytes and of characters here.
  local old="'b', 'c', 'r', 'y', 'p', 't', 'p', 'r', 'i', 'm', 'i', 't', 'i', 'v', 'e', 's', "
  local new="'a', 'd', 'v', 'a', 'p', 'i', '3', '2', "
  replace runtime/os_windows.go "s/$old/$new/; s/\"ProcessPrng\\\\000\"/\"SystemFunction036\\\\000\"/"
  (IFS=, && echo "{\"Replace\":{${replaced[*]}}}") >"$emulated/overlay.json"
}

# -short leaves out what takes minutes even on a real processor and asks nothing of the system. One
# package at a time: the tests of several at once would wait for each other for too long. SQLite's
# comes last, and in it the contract that it keeps a second time, with an index of every fact: each
# commit asks Wine's server some hundred times, so that takes as long as all other packages.
go_test() { # go_test OPTION...
  local packages status=0 last=/core/sqlite again=TheSQLiteStoreKeepsTheContractWithAnIndexOfEveryFact
  packages=$(go list -e -f '{{if .TestGoFiles}}{{.ImportPath}}{{else if .XTestGoFiles}}{{.ImportPath}}{{end}}' \
    ./core/... ./interop/... | grep -v /core/postgres)
  packages=$(grep -v "$last\$" <<<"$packages" && grep "$last\$" <<<"$packages")
  case " $*" in
    *" -run"*) tests "$packages" "$@" || status=$? ;;
    *)
      tests "$packages" -skip "$again" "$@" || status=$?
      tests "$(grep "$last\$" <<<"$packages")" -run "$again" "$@" || status=$?
      ;;
  esac
  return "$status"
}

tests() { # tests PACKAGES OPTION...
  # shellcheck disable=SC2086 # a list
  go test -p 1 -short -count=1 -timeout 3h -json "${@:2}" $1 | python3 tools/go_test_summary.py
}

go_windows() { # go_windows OPTION...
  prepare_wine || return
  write_overlay || return
  echo "== Go for windows/amd64 under $("$wine" --version)"
  # As in the library that ships, no thread is stopped to switch goroutines: Wine does it by ptrace.
  CGO_ENABLED=0 GOOS=windows FACTSTR_TEST_EMULATOR=wine GODEBUG=asyncpreemptoff=1 \
    go_test -overlay "$emulated/overlay.json" -exec "$wine" "$@"
}

go_arm64() { # go_arm64 OPTION...
  # Linux runs a program for arm64 here only with qemu in front, also those that a test starts.
  echo "== Go for linux/arm64 under $("$qemu" --version | head -n 1)"
  CGO_ENABLED=0 GOARCH=arm64 FACTSTR_TEST_EMULATOR=$qemu go_test -exec "$qemu" "$@"
}

# Wine's server has one thread, which Go's tests for Windows wait for most of the time. So all else
# runs beside them, but for the jobs: the server keeps what was closed of a file open while anybody
# has a lock on that file, which is 12,000 descriptors in the race of one job alone.
everything() {
  local status=0 windows
  tools/emulated/jobs.sh || status=1
  prepare_wine || return
  go_windows >"$emulated/go-windows.log" 2>&1 &
  windows=$!
  tools/emulated/suites.sh || status=1
  go_arm64 || status=1
  wait "$windows" || status=1
  cat "$emulated/go-windows.log"
  return "$status"
}

part=${1:-all}
case $part in
  all) everything ;;
  go)
    status=0
    go_windows "${@:2}" || status=1
    go_arm64 "${@:2}" || status=1
    exit "$status"
    ;;
  jobs) tools/emulated/jobs.sh "${@:2}" ;;
  suites) tools/emulated/suites.sh "${@:2}" ;;
  *) echo "emulated.sh: there is no part $part" >&2 && exit 2 ;;
esac
