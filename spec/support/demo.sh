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
. spec/support/demo_lib.sh

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
subscribe 1
echo "Publishing to $(field "$scheme") with $LUA_BIN:"
(environment; exec "$LUA_BIN" examples/publish.lua) ||
  fail "the example did not publish"
echo
receive_all || fail "no message arrived"
show "What a subscriber received, while it listened:" 0 "$work/message"
(receive -C 1 --retained-only) >"$work/retained" ||
  fail "no message was retained"
show "What a later subscriber received, because it was retained:" 1 \
  "$work/retained"
