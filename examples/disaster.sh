#!/usr/bin/env bash
# The loss of the whole database, and what it costs: nothing. Needs `make run` to have been tried once, and curl.
#
#   examples/disaster.sh [2000 [8765]]         how many images, and a port for the API
#
# It starts a stack of its own, in a new directory that is removed again: what you have in .framelog is not touched.
# There it uploads images, edits, publishes, likes, deletes and asks for jobs; notes the digest of every table and some
# answers; stops, deletes Postgres's data directory, and starts again. Then it compares. Exit code 1 if anything differs.
set -euo pipefail
count=${1:-2000}
export url=http://127.0.0.1:${2:-8765}
framelog=${FRAMELOG:-$(dirname "$0")/../.venv/bin/framelog}
if grep -Eqs '^(export +)?FRAMELOG_(KAFKA|S3|POSTGRES)' .env "$(dirname "$0")/../.env"; then
  echo "a .env names servers, and what is lost here must be nobody's: move it away for a moment" >&2
  exit 2
fi
home=$(mktemp -d "${TMPDIR:-/tmp}/framelog-disaster-XXXXXX")
chmod 711 "$home" # Postgres's own user passes through
unset ${!FRAMELOG_@}
stack=
export FRAMELOG_HOME=$home FRAMELOG_PORT=${2:-8765} FRAMELOG_URL=$url XDG_STATE_HOME=$home

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
field() { grep -o "\"$1\": *\"[^\"]*\"" | head -1 | cut -d'"' -f4; } # the first text field of that name
ask() { curl --silent --show-error --fail-with-body "$@"; }
as() { local who=$1; shift; ask -H "Authorization: Bearer $who" "$@"; }
json() { local who=$1; shift; as "$who" -H 'Content-Type: application/json' "$@"; }
every() { awk "NR % $1 == 0" "$home/images"; } # every nth image
each() { xargs -r -P 8 -n 1 bash -c "set -e; $1 \"\$0\""; } # a function of this file for each line, eight at a time

start() {
  rm -f "$home/up"
  "$framelog" up --json > "$home/up" 2> "$home/up.log" &
  stack=$!
  until test -s "$home/up"; do
    kill -0 $stack 2> /dev/null || { cat "$home/up.log" >&2; exit 1; }
    sleep 0.2
  done
}

stop() { # everything, in order, as Ctrl-C does
  kill $stack 2> /dev/null || true
  wait $stack || true
}

end() {
  code=$?
  stop
  if test "$code" = 0; then rm -rf "$home"; else echo "what there was is kept in $home" >&2; fi
}
trap end EXIT

token() { # of somebody, by name and password
  ask "$url/v1/auth/token" -d grant_type=password -d "username=$1" --data-urlencode "password=$2" | field access_token
}

sign_in() {
  admin=$(token admin "$(field password < "$home/credentials.json")")
  ann=$(token ann "$password")
  ben=$(token ben "$password")
  export admin ann ben
}

picture() { # 64 x 64 pixels of noise: no two are alike
  printf 'BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\0\0\0\x40\0\0\0\x01\0\x18\0\0\0\0\0\0\x30\0\0'
  printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  head -c 12288 /dev/urandom
}

edit() { json "$admin" -X PATCH "$url/v1/images/$1" -H 'If-Match: *' -d "{\"title\":\"Edited ${1%%-*}\"}" > /dev/null; }
publish() { json "$admin" "$url/v1/posts" -d "{\"image_id\":\"$1\",\"caption\":\"Noise\"}" | field id; }
like() { as "$ann" -X PUT "$url/v1/posts/$1/like"; as "$ben" -X PUT "$url/v1/posts/$1/like"; }
shrink() { json "$admin" "$url/v1/jobs" -d "{\"image_id\":\"$1\",\"algorithm\":\"thumbnail\",\"params\":{\"width\":32}}" > /dev/null; }
delete() { as "$admin" -X DELETE "$url/v1/images/$1" -H 'If-Match: *'; }
export -f field ask as json edit publish like shrink delete

settled() { # nothing is queued or running any more
  for list in images jobs; do
    for status in queued running; do
      until as "$admin" "$url/v1/$list?status=$status&limit=1" | grep -q '"items":\[\]'; do sleep 0.3; done
    done
  done
}

look() { # at the digests and at some answers, into a directory
  mkdir "$1"
  "$framelog" verify > "$1.verified" || { cat "$1.verified"; exit 1; }
  cut -f 1-3 "$1.verified" > "$1/digests"
  first=$(head -1 "$home/images")
  post=$(head -1 "$home/posts")
  while read -r name path; do as "$admin" "$url$path" > "$1/$name"; done << END
    accounts /v1/accounts
    account  /v1/me
    follows  /v1/accounts/ann/followers
    images   /v1/images?limit=200
    deleted  /v1/images?limit=200&deleted=true
    search   /v1/images?limit=200&q=edited&min_width=64&sort=created_at
    alike    /v1/images?limit=200&near=$first&distance=16
    image    /v1/images/$first
    history  /v1/images/$first/history
    bytes    /v1/images/$first/content
    jobs     /v1/jobs?limit=200
    posts    /v1/posts?limit=200&sort=most_liked
    likes    /v1/posts/$post/likes
END
}

say "A stack of its own, in $home"
start
password="correct horse $RANDOM$RANDOM"
for name in ann ben; do
  ask "$url/v1/accounts" -H 'Content-Type: application/json' \
    -d "{\"username\":\"$name\",\"email\":\"$name@example.org\",\"password\":\"$password\"}" > /dev/null
done
sign_in
as "$ben" -X PUT "$url/v1/accounts/ann/follow"
echo "answers at $url; admin, ann and ben are signed in, and ben follows ann"

say "$count images, uploaded and analysed"
mkdir "$home/pictures"
for number in $(seq "$count"); do picture > "$home/pictures/$number.bmp"; done
"$framelog" upload "$home/pictures" --tag noise --wait | awk '$1 == "uploaded" { print $2 }' > "$home/images"
is=$(wc -l < "$home/images")
test "$is" -eq "$count" || { echo "$is were uploaded, not $count" >&2; exit 1; }

say "What people do with them"
every 2 | each edit
echo "$(every 2 | wc -l) edited"
every 4 | each publish > "$home/posts"
echo "$(wc -l < "$home/posts") published"
each like < "$home/posts"
echo "$(wc -l < "$home/posts") liked, by ann and by ben"
every 5 | each shrink
echo "$(every 5 | wc -l) jobs"
every 10 | each delete
echo "$(every 10 | wc -l) deleted"
settled

say "Before: every table's digest, proved by the log, and what the API answers"
look "$home/before"
cat "$home/before/digests"

say "The disaster: Postgres's data directory is deleted"
stop
du -sh "$home/postgres/data" | cut -f 1
rm -rf "$home/postgres"

say "Started again: the read model is built from the log before the API is ready"
SECONDS=0
start
echo "ready after $SECONDS s"
sign_in

say "After: the same"
look "$home/after"
lost=0
while read -r table rows digest; do
  now=$(awk -v table="$table" '$1 == table' "$home/after/digests")
  if test "$now" = "$table	$rows	$digest"; then verdict=equal; else verdict="DIFFERS: $now"; lost=$((lost + 1)); fi
  printf '%-12s %8s  %-32s  %s\n' "$table" "$rows" "$digest" "$verdict"
done < "$home/before/digests"
for answer in "$home"/before/*; do
  cmp -s "$answer" "$home/after/${answer##*/}" || { echo "another answer: ${answer##*/}"; lost=$((lost + 1)); }
done

say "All of it in one line"
echo "before  $(sha256sum < "$home/before/digests" | cut -c 1-64)"
echo "after   $(sha256sum < "$home/after/digests" | cut -c 1-64)"
echo "answers $(ls "$home/before" | grep -vc digests) compared: accounts, images, search, history, bytes, jobs, posts, likes"
echo "lost: $lost"
test "$lost" = 0
