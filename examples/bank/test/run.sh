#!/usr/bin/env bash
# Plays the bank in TypeScript and in Python on one database: run.sh. What one writes the other one
# reads; commands that are sent twice change nothing; of withdrawals at the same time only as many
# succeed as there is money for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(cd ../.. && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$root/examples/link-node-package.sh"
npm ci --prefix typescript --silent --no-audit --no-fund
npm run build --prefix typescript --silent
export PYTHONPATH=$root/bindings/python/src:$PWD/python PYTHONDONTWRITEBYTECODE=1

bank() { # bank LANGUAGE WORD...
  case $1 in
    typescript) node typescript/dist/main.js "$work/bank.db" "${@:2}" ;;
    python) python3 -m bank "$work/bank.db" "${@:2}" ;;
  esac
}
expect() { # expect STATUS TEXT COMMAND...
  local status=0 text
  text=$("${@:3}" 2>&1) || status=$?
  [ "$status" = "$1" ] && [ "$(tail -n 1 <<<"$text")" = "$2" ] || { echo "${*:3}: status $status, $text; not $1, $2" >&2 && exit 1; }
}

other() { [ "$1" = python ] && echo typescript || echo python; }
n=0
for language in typescript python; do
  a=$language-ada b=$language-ben
  expect 0 "fact $((n + 1))" bank "$language" deposit "$a-1" "$a" 10000
  expect 0 "fact $((n + 2))" bank "$language" deposit "$b-1" "$b" 500
  # Sent again, in either language, nothing happens.
  expect 0 "done before: fact $((n + 1))" bank "$language" deposit "$a-1" "$a" 10000
  expect 0 "done before: fact $((n + 1))" bank "$(other "$language")" deposit "$a-1" "$a" 10000
  expect 1 "refused: $a-1 is the id of another command" bank "$language" deposit "$a-1" "$a" 10001
  expect 0 "fact $((n + 3))" bank "$language" withdraw "$a-2" "$a" 2500
  expect 1 "refused: $b has 500, which is less than 501" bank "$language" withdraw "$b-2" "$b" 501
  expect 0 "fact $((n + 4))" bank "$language" transfer "$a-3" "$a" "$b" 7000
  expect 0 "done before: fact $((n + 4))" bank "$(other "$language")" transfer "$a-3" "$a" "$b" 7000
  expect 1 "refused: $a has 500, which is less than 7000" bank "$language" transfer "$a-4" "$a" "$b" 7000
  expect 1 "refused: nobody has paid into nobody: is the name right?" bank "$language" transfer "$a-5" "$a" nobody 1
  expect 1 "refused: $a cannot transfer to itself" bank "$language" transfer "$a-6" "$a" "$a" 1
  expect 1 "refused: 10000 were paid in already, and 1000000 are the limit" bank "$language" deposit "$a-7" "$a" 990001
  expect 1 "refused: an amount is a whole number of cents above 0, not 1.5" bank "$language" deposit "$a-8" "$a" 1.5
  expect 0 "$a has 500" bank "$(other "$language")" balance "$a"
  expect 0 "$b has 7500" bank "$(other "$language")" balance "$b"
  n=$((n + 4))
done

# Eight people at once want 200 of the 500.
pids=()
for number in 1 2 3 4 5 6 7 8; do
  language=$([ $((number % 2)) = 0 ] && echo python || echo typescript)
  bank "$language" withdraw "race-$number" typescript-ada 200 >"$work/$number" 2>&1 &
  pids+=($!)
done
done=0
for pid in "${pids[@]}"; do
  status=0
  wait "$pid" || status=$?
  case $status in 0) done=$((done + 1)) ;; 1) ;; *) cat "$work"/[1-8] >&2 && exit 1 ;; esac
done
[ "$done" = 2 ] || { echo "$done of 8 withdrawals of 200 from 500 succeeded" >&2 && exit 1; }
expect 0 "typescript-ada has 100" bank python balance typescript-ada
echo "bank: two languages on one file, nothing happens twice, 2 of 8 withdrawals of 200 from 500 at once succeed"
