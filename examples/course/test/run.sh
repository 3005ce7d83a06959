#!/usr/bin/env bash
# Tries the course services: run.sh [ENROLMENTS]. Starts one in Node and one in Python on one log in
# the database DATABASE_URL, clicks in two browsers, enrols under load, and ends them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(cd ../.. && pwd)
enrolments=${1:-1000}
work=$(mktemp -d)
pids=()
end() {
  kill "${pids[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap end EXIT

"$root/examples/link-node-package.sh"
npm ci --prefix node --silent --no-audit --no-fund
npm run build --prefix node --silent
python=$work/env/bin/python3
python3 -m venv --without-pip "$work/env"
python3 -m pip --python "$python" install -q --require-hashes --only-binary :all: -r python/requirements.txt

start() { # start NAME COMMAND...: a service, once it has said that it listens
  "${@:2}" >"$work/$1.log" 2>&1 &
  pids+=($!)
}
start node node node/dist/server.js "$DATABASE_URL" 3001
PYTHONPATH=$root/bindings/python/src start python "$python" python/server.py "$DATABASE_URL" 3002
services=(http://127.0.0.1:3001 http://127.0.0.1:3002)
for service in "${services[@]}"; do
  until curl -fs -o "$work/answer" "$service/courses"; do
    kill -0 "${pids[@]}" 2>/dev/null || { cat "$work"/*.log && exit 1; }
    sleep 0.1
  done
done

ln -sfn ../node/node_modules test/node_modules
CHROMIUM=$(command -v chromium) SERVICES="${services[*]}" node --test --test-timeout=600000 --test-reporter=spec test/page.test.mjs
# Two in three who ask for a place find none left.
node test/load.mjs "$enrolments" 50 20 $((enrolments / 120)) "${services[@]}"
