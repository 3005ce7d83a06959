#!/usr/bin/env bash
# The site of the documentation: docs.sh [--serve]. Builds build/site/html/VERSION from docs/ and
# checks its links; with --serve it shows it to this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(cat VERSION)
site=build/site

mkdir -p "$site/html"
rm -rf "$site/html/$version"
python3 tools/site/prepare.py docs "$site/docs"
cp tools/site/site.css "$site/docs/"
sed "s|^site_dir = .*|site_dir = \"html/$version\"|" tools/site/zensical.toml >"$site/zensical.toml"
(cd "$site" && PYTHONPATH=$OLDPWD/.tools/docs python3 -m zensical build --clean -f zensical.toml)
python3 tools/site/finish.py "$site/docs" "$site/html" "$version"
python3 tools/site/questions.py "$site/html/$version"
python3 tools/code_blocks.py

if [ "${1:-}" = --serve ]; then
  echo "http://127.0.0.1:8000/$version/"
  python3 -m http.server 8000 --bind 127.0.0.1 --directory "$site/html"
fi
