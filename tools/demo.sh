#!/usr/bin/env bash
# Shows the history of a git repository going through Node, Python and C, and checks every figure
# against git's own. Called by build.sh, which has built the library and its packages by then.
# Everything that it makes is below build/demo, save a database of PostgreSQL, which is dropped at
# the end:
#
#   demo.sh [--postgres] [REPOSITORY]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
example=examples/git-history
export PYTHONPATH=$root/bindings/python/src:$root/$example/python PYTHONDONTWRITEBYTECODE=1
COMMITS_MIN=40

title() { printf '\n== %s\n' "$*"; }
fail() { echo "demo: $*" >&2 && exit 1; }

backend=sqlite
case ${1:-} in
  --postgres)
    mkdir -p build/demo
    go build -o build/demo/pgserver ./tools/pgserver
    exec build/demo/pgserver -- tools/demo.sh with-database "${@:2}"
    ;;
  with-database)
    backend=postgres
    shift
    ;;
esac

# ---- Which repository ----

# A checkout without git data may lie inside another repository, which is not meant then.
is_own_repository() {
  [ "$(git -C "$root" rev-parse --show-toplevel)" = "$(pwd -P)" ]
}

choose_repository() { # sets $repository and $reason, which is empty when the wanted one will do
  local wanted=$1 answer commits
  # A folder inside a work tree stands for the whole of it; a bare repository has no other folder
  # than its own.
  repository=$(git -C "$wanted" rev-parse --show-toplevel 2>/dev/null) || repository=$wanted
  reason=
  if ! answer=$(git -C "$wanted" rev-parse --git-dir 2>&1); then
    reason="git does not read $wanted as a repository (${answer%%$'\n'*})"
  elif [ "$wanted" = "$root" ] && ! is_own_repository; then
    reason="$wanted has no git data of its own"
  elif ! git -C "$wanted" rev-parse --quiet --verify 'HEAD^{commit}' >/dev/null; then
    reason="$wanted has no commits"
  elif commits=$(git -C "$wanted" rev-list --count HEAD) && [ "$commits" -lt "$COMMITS_MIN" ]; then
    reason="$wanted has $commits commits, fewer than $COMMITS_MIN"
  fi
}

# ---- What was recorded before ----

# Facts are not taken back, so a store fits a repository only while the repository just grows. Line
# 1: the commit that is imported; line 2: what else git's figures depend on; then the tags.
describe_repository() {
  local attributes
  git -C "$repository" rev-parse HEAD
  {
    git --version
    git -C "$repository" rev-parse --is-shallow-repository
    git -C "$repository" config --get-regexp '^(diff|core\.attributesfile)' || [ $? = 1 ]
    git -C "$repository" ls-files -s ':(top,glob)**/.gitattributes'
    attributes=$(git -C "$repository" rev-parse --path-format=absolute --git-path info/attributes)
    [ ! -f "$attributes" ] || cat "$attributes"
  } | cksum
  git -C "$repository" for-each-ref --format='%(refname) %(objectname)' refs/tags | LC_ALL=C sort
}

only_grew_since() { # only_grew_since OLD NEW, both files of describe_repository
  git -C "$repository" merge-base --is-ancestor "$(sed -n 1p "$1")" "$(sed -n 1p "$2")" 2>/dev/null &&
    [ "$(sed -n 2p "$1")" = "$(sed -n 2p "$2")" ] &&
    [ -z "$(LC_ALL=C comm -23 <(sed 1,2d "$1") <(sed 1,2d "$2"))" ]
}

# ---- The steps ----

import() { # import [SHARE/SHARES]
  node "$example/node/import.mjs" "$store" "$repository" "$revision" "$@"
}

follow() { # follow [--follow]
  python3 "$example/python/read_model.py" "$store" "$model" "$@"
}

plan_the_crash() { # plan_the_crash IMPORTERS: sets $commits, and $kill_at, the batch in the middle
  local batch deliveries
  commits=$(git -C "$repository" rev-list --count "$revision")
  batch=$((commits / 20 > 100 ? 100 : commits / 20))
  deliveries=$(($1 * ((commits / $1 + batch - 1) / batch)))
  kill_at=$((deliveries / 2))
  echo "The model dies by SIGKILL in batch $kill_at of about $deliveries: it has stored the batch, but the stream has not heard of it yet."
}

follow_until_killed() { # follow_until_killed [--follow]
  local status=0
  MODEL_KILL_AT=after-commit:$kill_at python3 "$example/python/read_model.py" "$store" "$model" "$@" <&0 &
  # The shell's own note about the death of the process is left out.
  { wait $! || status=$?; } 2>/dev/null
  [ "$status" = 137 ] || fail "the model was to be killed, but ended with status $status"
  echo "Killed (status $status). It is started again:"
}

rebuild_model_through_a_crash() {
  plan_the_crash 1
  # The file is thrown away, so this is a rebuild from the first fact on.
  rm -f "$model" "$model-wal" "$model-shm"
  follow_until_killed
  follow
  echo "And once more:"
  follow
}

follow_live_through_a_crash() { # until standard input ends
  follow_until_killed --follow
  follow --follow
}

import_by_three() { # sets $imported to the sum of their commits; fails when one of them does
  local share pid pids=() status=0
  for share in 1 2 3; do
    (import "$share/3" 2>&1 | sed -u "s/^ \{0,2\}/  importer $share: /" | tee "$demo/import-$share.txt") &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  local sum
  sum=$(sed -nE 's/.*: imported ([0-9]+) commits .*/\1/p' "$demo"/import-?.txt | paste -sd +)
  imported=$((sum))
  echo "Together they imported $sum = $imported commits."
  return $status
}

import_while_the_model_follows() {
  local pipes=$demo/pipes follower shower status=0
  echo "The model follows the log while it is still empty, so the batches that it gets before it dies come to it live."
  plan_the_crash 3
  rm -rf "$pipes" && mkdir "$pipes"
  mkfifo "$pipes"/model.{in,out}
  follow_live_through_a_crash <"$pipes/model.in" >"$pipes/model.out" &
  follower=$!
  exec 3>"$pipes/model.in" 4<"$pipes/model.out"
  read -r <&4 || fail "the model did not get ready"
  sed -u 's/^/  model: /' <&4 3>&- &
  shower=$!
  import_by_three || status=$?
  exec 3>&- 4<&-
  wait "$follower" && wait "$shower" || fail "the model failed"
  [ $status = 0 ] || fail "an importer failed"
  [ "$imported" = "$commits" ] || fail "there are $commits commits to import"
}

list_commits() { # list_commits PATH FILE
  printf 'Commits that touch %q, the first and last of them:\n' "$1"
  "$demo/commits_of_path" "$store" "$1" >"$2"
  awk '{ line[NR] = $0 } END { for (n = 1; n <= NR; n++) if (n <= 3 || n > NR - 3) print "  " line[n]; else if (n == 4) print "  ..." }' "$2"
}

race() {
  local pipes=$demo/pipes pids=()
  rm -rf "$pipes" && mkdir "$pipes"
  mkfifo "$pipes"/{node,python}.{in,out}
  node "$example/node/race.mjs" "$store" "$revision" <"$pipes/node.in" >"$pipes/node.out" &
  pids+=($!)
  python3 "$example/python/race.py" "$store" "$revision" <"$pipes/python.in" >"$pipes/python.out" &
  pids+=($!)
  exec 3>"$pipes/node.in" 4>"$pipes/python.in" 5<"$pipes/node.out" 6<"$pipes/python.out"
  read -r <&5 && read -r <&6 || fail "a racer did not get ready"
  # Both have seen the context by now; both are told to go.
  echo go >&3 && echo go >&4
  cat <&5 >"$pipes/result"
  cat <&6 >>"$pipes/result"
  exec 3>&- 4>&- 5<&- 6<&-
  wait "${pids[0]}" && wait "${pids[1]}" || fail "a racer failed"
  sed 's/^/  /' "$pipes/result"
  [ "$(grep -c ' won: ' "$pipes/result")" = 1 ] && [ "$(grep -c ' got the conflict: ' "$pipes/result")" = 1 ] ||
    fail "exactly one was to win"
}

# ---- The demo ----

mkdir -p build/demo
exec 9>build/demo/lock
flock -n 9 || fail "another demo is running in this checkout"

if [ $# -gt 0 ]; then
  [ -d "$1" ] || { echo "demo: there is no folder $1: name a git repository" >&2 && exit 2; }
  choose_repository "$(cd "$1" && pwd -P)"
else
  choose_repository "$(pwd -P)"
fi
if [ -n "$reason" ]; then
  repository=$root/build/demo/generated.git
  echo "$reason: using a generated repository with the nasty cases instead, $repository"
  if [ ! -f build/demo/generated.ok ]; then
    rm -rf "$repository"
    python3 "$example/generate/generate.py" "$repository" --commits 400
    touch build/demo/generated.ok
  fi
fi

demo=$root/build/demo/$(basename "$repository")-$(printf '%s' "$repository" | cksum | cut -d ' ' -f 1)
if [ "$backend" = postgres ]; then
  # The database is empty each time, so nothing else is kept either.
  demo=$demo-postgres
  rm -rf "$demo"
fi
mkdir -p "$demo"
describe_repository >"$demo/now"
if [ -f "$demo/recorded" ] && ! only_grew_since "$demo/recorded" "$demo/now"; then
  echo "Since the last demo the history was rewritten, a tag moved, the branch changed or git counts otherwise: beginning with an empty store."
  rm -rf "$demo"
  mkdir "$demo"
  describe_repository >"$demo/now"
fi
mv "$demo/now" "$demo/recorded"
revision=$(sed -n 1p "$demo/recorded")
store=$demo/facts.db
where=${store#"$root"/}
if [ "$backend" = postgres ]; then
  store=$DATABASE_URL
  where="a PostgreSQL database, which is dropped now"
fi
model=$demo/lines-by-author.db

examples/link-node-package.sh
"${CC:-gcc}" -std=c11 -O2 -Wall -Wextra -Iinclude -o "$demo/commits_of_path" "$example"/c/*.c \
  -Lbuild/lib -lfactstr -Wl,-rpath,"$root/build/lib"

if [ "$backend" = sqlite ]; then
  title "Node imports $repository at ${revision:0:12}"
  import

  title "Python builds a query model from a durable stream"
  rebuild_model_through_a_crash
else
  title "Three Node processes import $repository at ${revision:0:12}, while Python follows by a durable stream"
  import_while_the_model_follows

  title "All four once more"
  import_by_three || fail "an importer failed"
  [ "$imported" = 0 ] || fail "everything was imported before"
  follow
fi

title "C lists the commits that touch a path"
listings=()
paths=("$(python3 "$example/check/busiest_path.py" "$repository" "$revision")")
[ -z "$reason" ] || paths+=("with \"double\" and 'single' quotes")
for path in "${paths[@]}"; do
  listing=$demo/listing-$((${#listings[@]} / 2)).txt
  list_commits "$path" "$listing"
  listings+=("$path" "$listing")
done

title "Node and Python race to take the review of ${revision:0:12}"
race

title "What the facts say, and what git says"
python3 "$example/check/compare.py" "$store" "$model" "$repository" "$revision" "${listings[@]}"
echo "The facts are in $where, the query model in ${model#"$root"/}."
