#!/bin/bash
# demo.sh - runs examples/publish.lua against a data plane on this machine,
# and shows what a real MQTT 5 subscriber received
#
#   LUA_BIN=luajit         the interpreter; lua5.4 unless given
#   DEMO_SCHEME=http       without TLS; https unless given
#
# The build for that interpreter must be there. The example is the one for
# AWS itself: only the environment tells it to publish to this machine.
set -eu
cd "$(dirname "$0")/../.."

LUA_BIN=${LUA_BIN:-lua5.4}
PYTHON=${PYTHON:-/usr/bin/python3}
scheme=${DEMO_SCHEME:-https}
work=$(mktemp -d)
subscriber=

# Whatever happens, nothing keeps running and no file is left. The data plane
# ends with its input.
finish() {
  if [ -n "$subscriber" ]; then kill "$subscriber" 2>/dev/null || :; fi
  if [ -n "${plane_pid:-}" ]; then
    kill "$plane_pid" 2>/dev/null || :
    wait "$plane_pid" 2>/dev/null || :
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  echo "demo.sh: $1" >&2
  exit 1
}

# field NAME - what the data plane says of itself
field() {
  "$PYTHON" -c 'import json, sys
print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"
}

start_plane() {
  coproc plane { exec "$PYTHON" -B spec/support/dataplane.py --watch-parent; }
  plane_pid=$!
  read -r ready <&"${plane[0]:--}" ||
    fail "the local data plane did not start"
}

# What mosquitto_sub prints of a message.
format='  topic             %t
  QoS               %q
  retain            %r
  payload           %p
  content type      %C
  response topic    %R
  correlation data  %D
  expiry            %E s
  format indicator  %F
  user properties   %P'

receive=(stdbuf -oL mosquitto_sub -V 5 -q 1 -t '#' -C 1 -W 10 -F "$format")

# Subscribes, and returns when the broker has confirmed it.
subscribe() {
  : >"$work/live"
  "${receive[@]}" -p "$port" -d >>"$work/live" &
  subscriber=$!
  until grep -q '^Subscribed' "$work/live"; do
    kill -0 "$subscriber" 2>/dev/null || fail "mosquitto_sub did not subscribe"
    sleep 0.05
  done
}

# The example's environment: this machine, and none of the user's settings.
environment() {
  local name
  for name in $(compgen -e | grep -iE '^AWS_|_proxy$|^LUA_C?PATH_5'); do
    unset "$name"
  done
  export AWS_ENDPOINT_URL_IOT_DATA_PLANE AWS_REGION AWS_CA_BUNDLE
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
  AWS_ENDPOINT_URL_IOT_DATA_PLANE=$(field "$scheme")
  AWS_REGION=$(field region)
  AWS_CA_BUNDLE=$(field ca)
  AWS_ACCESS_KEY_ID=$(field access_key_id)
  AWS_SECRET_ACCESS_KEY=$(field secret_access_key)
  export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
  local build=build/${LUA_BIN##*/}
  export LUA_PATH="lua/?.lua;${LUA_PATH:-;}"
  export LUA_CPATH="${build/lua5/5}/?.so;${LUA_CPATH:-;}"
}

# The message of examples/publish.lua, with the retain flag $1. A second of
# its life may have passed.
expected() {
  cat <<END
  topic             sensors/roof/temperature
  QoS               1
  retain            $1
  payload           21.5
  content type      text/plain
  response topic    sensors/roof/answers
  correlation data  reading-42
  expiry            3600 s
  format indicator  1
  user properties   unit:C site:roof
END
}

# show TITLE RETAIN FILE - prints a message; fails if it is not whole
show() {
  echo "$1"
  cat "$3"
  echo
  sed 's/ 35[5-9][0-9] s$/ 3600 s/' "$3" >"$work/arrived"
  expected "$2" | diff - "$work/arrived" >"$work/difference" || {
    cat "$work/difference" >&2
    fail "the message did not arrive whole"
  }
}

start_plane
port=$(field mqtt_port)
subscribe
echo "Publishing to $(field "$scheme") with $LUA_BIN:"
(environment; exec "$LUA_BIN" examples/publish.lua) ||
  fail "the example did not publish"
echo
wait "$subscriber" || fail "no message arrived"
subscriber=
grep -Ev '^(Client |Subscribed)' "$work/live" >"$work/message" || :
show "What a subscriber received, while it listened:" 0 "$work/message"
"${receive[@]}" -p "$port" --retained-only >"$work/retained" ||
  fail "no message was retained"
show "What a later subscriber received, because it was retained:" 1 \
  "$work/retained"
