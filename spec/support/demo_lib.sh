# demo_lib.sh - what the demonstrations share: a data plane on this machine, a
# subscriber, and the environment in which a program publishes there. Sourced
# at the top of the checkout, under set -eu.

LUA_BIN=${LUA_BIN:-lua5.4}
PYTHON=${PYTHON:-/usr/bin/python3}
scheme=${DEMO_SCHEME:-https}
work=$(mktemp -d)
running=() # processes to end, the last one first
subscriber=

# Whatever happens, nothing keeps running and no file is left.
finish() {
  local i
  trap '' INT TERM HUP
  for ((i = ${#running[@]} - 1; i >= 0; i--)); do
    kill "${running[i]}" 2>/dev/null || :
    wait "${running[i]}" 2>/dev/null || :
  done
  if [ -n "$subscriber" ]; then kill "$subscriber" 2>/dev/null || :; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  echo "${0##*/}: $1" >&2
  exit 1
}

# field NAME - what the data plane says of itself
field() {
  "$PYTHON" -c 'import json, sys
print(json.loads(sys.argv[1])[sys.argv[2]])' "$ready" "$1"
}

# The data plane ends with its input.
start_plane() {
  coproc plane { exec "$PYTHON" -B spec/support/dataplane.py --watch-parent; }
  running+=($!)
  read -r ready <&"${plane[0]:--}" ||
    fail "the local data plane did not start"
  port=$(field mqtt_port)
}

# receive OPTION... - mosquitto_sub prints what arrives as `format` has it
receive() {
  exec stdbuf -oL mosquitto_sub -V 5 -q 1 -t '#' -W 10 -F "$format" \
    -p "$port" "$@"
}

# subscribe COUNT - to so many messages, which $work/live gets; returns when
# the broker has confirmed it
subscribe() {
  : >"$work/live"
  receive -C "$1" -d >>"$work/live" &
  subscriber=$!
  until grep -q '^Subscribed' "$work/live"; do
    kill -0 "$subscriber" 2>/dev/null || fail "mosquitto_sub did not subscribe"
    sleep 0.05
  done
}

# Waits for the messages, which $work/message gets; fails where one lacks.
receive_all() {
  local status=0
  wait "$subscriber" || status=1
  subscriber=
  grep -Ev '^(Client |Subscribed)' "$work/live" >"$work/message" || :
  return $status
}

# This machine, and none of the user's settings.
environment() {
  local name build=build/${LUA_BIN##*/}
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
  export LUA_PATH="$PWD/lua/?.lua;${LUA_PATH:-;}"
  export LUA_CPATH="$PWD/${build/lua5/5}/?.so;${LUA_CPATH:-;}"
}
