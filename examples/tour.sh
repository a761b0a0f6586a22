#!/usr/bin/env bash
# A tour of the API with curl and framelog alone, against a running stack that may call this machine:
#
#   FRAMELOG_ALLOW_PRIVATE_URLS=127.0.0.1:8000,127.0.0.1:8099 make run      # in one terminal
#   examples/tour.sh [http://127.0.0.1:8000 [8099]]                         # in another: the API, a port to be called at
#
# It signs up two people of its own, so it can be run again and again. It stops at the first thing that is not as it
# should be. What it classifies and captions with: examples/stand_ins.py.
set -euo pipefail
url=${1:-http://127.0.0.1:8000}
port=${2:-8099}
framelog=${FRAMELOG:-$(dirname "$0")/../.venv/bin/framelog}
home=$(mktemp -d)
trap 'rm -rf "$home"; kill $(jobs -p) 2> /dev/null || true' EXIT
self=$RANDOM$RANDOM
password="correct horse $self"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
field() { grep -o "\"$1\":\"[^\"]*\"" | head -1 | cut -d'"' -f4; } # the first text field of that name
ask() { curl --silent --show-error --fail-with-body "$@"; }
json() { ask -H 'Content-Type: application/json' "$@"; }
as_ann() { "$@" -H "Authorization: Bearer $ann"; }
as_ben() { "$@" -H "Authorization: Bearer $ben"; }

sign_up() {
  json "$url/v1/accounts" -d "{\"username\":\"$1\",\"email\":\"$1@example.org\",\"password\":\"$password\"}" > /dev/null
  ask "$url/v1/auth/token" -d grant_type=password -d "username=$1" --data-urlencode "password=$password" | field access_token
}

ended() { # a job's status, once it has ended
  local status=queued
  for _ in $(seq 150); do
    status=$(as_ann ask "$url/v1/jobs/$1" | field status)
    case $status in succeeded | failed) break ;; esac
    sleep 0.2
  done
  echo "$status"
}

is() { # what was found, what it should be
  test "$1" = "$2" || { echo "found $1, not $2" >&2; exit 1; }
}

say "Two people sign up and sign in"
ann=$(sign_up "ann-$self")
ben=$(sign_up "ben-$self")
echo "ann-$self, ben-$self"

say "Ann uploads a picture: 64 x 64 pixels of noise"
{
  printf 'BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\0\0\0\x40\0\0\0\x01\0\x18\0\0\0\0\0\0\x30\0\0'
  printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  head -c 12288 /dev/urandom
} > "$home/noise.bmp"
made=$(as_ann ask "$url/v1/images" -F "file=@$home/noise.bmp" -F "title=Noise" -F "tags=tour" -F "visibility=public")
image=$(field id <<< "$made")
position=$(field position <<< "$made")
echo "image $image at $position"

say "She gives it another title, at the version she has read"
as_ann json -X PATCH "$url/v1/images/$image" -H 'If-Match: "1"' -d '{"title":"Noise at dawn"}' | field title

say "Every change is in its history"
as_ann ask "$url/v1/images/$image/history" | grep -o '"type":"[^"]*"'

say "She finds it by a word of its title"
is "$(as_ann ask "$url/v1/images?q=dawn" | field id)" "$image"

say "A thumbnail of another size, as a job: its picture by the job's id"
job=$(as_ann json "$url/v1/jobs" -d "{\"image_id\":\"$image\",\"algorithm\":\"thumbnail\",\"params\":{\"width\":32,\"format\":\"png\"}}" | field id)
is "$(ended "$job")" succeeded
as_ann ask "$url/v1/jobs/$job/content" -o "$home/small.png" -w '%{content_type}, %{size_download} bytes\n'
as_ann ask "$url/v1/jobs/$job/content" -H 'Accept: application/json' | cut -c 1-120

say "A job that calls back when it is done: received, verified and printed by framelog listen"
secret=$(as_ann ask "$url/v1/me/webhook-secret" | field secret)
"$framelog" listen --secret "$secret" --token let-me-in --port "$port" --count 1 --seconds 60 > "$home/heard" 2> "$home/listens" &
listener=$!
until test -s "$home/listens"; do sleep 0.1; done
asked="{\"image_id\":\"$image\",\"algorithm\":\"poi_detection\",\"callback_url\":\"http://127.0.0.1:$port/\",\"callback_token\":\"let-me-in\"}"
job=$(as_ann json "$url/v1/jobs" -d "$asked" | field id) ||
  { echo "start the stack with FRAMELOG_ALLOW_PRIVATE_URLS=${url#http://},127.0.0.1:$port" >&2; exit 1; }
wait "$listener"
cat "$home/heard"
grep -q "job.succeeded .*$job" "$home/heard"

say "A classification and a caption, where there is a model and a service for them"
for algorithm in classification caption; do
  if as_ann ask "$url/v1/algorithms" | grep -q "\"name\":\"$algorithm\",\"version\":\"[0-9]*\",\"enabled\":true"; then
    job=$(as_ann json "$url/v1/jobs" -d "{\"image_id\":\"$image\",\"algorithm\":\"$algorithm\"}" | field id)
    is "$(ended "$job")" succeeded
    as_ann ask "$url/v1/jobs/$job" | sed 's/.*"result":\(.*\),"error".*/\1/'; echo
  else
    echo "$algorithm is off here; examples/stand_ins.py says how to try it"
  fi
done

say "An image from an address: a rendition of the first, which anybody may see"
for _ in $(seq 100); do
  small=$(as_ann ask "$url/v1/images/$image" | grep -o '/v1/images/[^"]*/renditions/small[^"]*' || true)
  test -n "$small" && break
  sleep 0.2
done
job=$(as_ann json "$url/v1/images:from-url" -d "{\"image_url\":\"$url$small\",\"title\":\"From an address\"}" | field id) ||
  { echo "start the stack with FRAMELOG_ALLOW_PRIVATE_URLS=${url#http://},127.0.0.1:$port" >&2; exit 1; }
is "$(ended "$job")" succeeded
as_ann ask "$url/v1/jobs/$job" | field image_id

say "She publishes her picture; Ben likes it and follows her"
post=$(as_ann json "$url/v1/posts" -d "{\"image_id\":\"$image\",\"caption\":\"Noise at dawn\"}" | field id)
as_ben ask -X PUT "$url/v1/posts/$post/like"
as_ben ask -X PUT "$url/v1/accounts/ann-$self/follow"
is "$(as_ben ask "$url/v1/feed" | field id)" "$post"
is "$(ask "$url/v1/posts?sort=most_liked&author=ann-$self" | field id)" "$post"
ask "$url/v1/posts/$post" | grep -o '"likes":[0-9]*'

say "What Ben sees of her picture holds no file name, no hash, no original"
as_ben ask "$url/v1/images/$image" | grep -o '"[a-z_]*":' | tr '\n' ' '
is "$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $ben" "$url/v1/images/$image/content")" 403

say "Deleted, and restored"
as_ann ask -X DELETE "$url/v1/images/$image" -H 'If-Match: *'
is "$(curl -s -o /dev/null -w '%{http_code}' "$url/v1/posts/$post")" 404
as_ann ask -X POST "$url/v1/images/$image/restore" | grep -o '"version":[0-9]*'
is "$(curl -s -o /dev/null -w '%{http_code}' "$url/v1/posts/$post")" 200

say "That was all."
