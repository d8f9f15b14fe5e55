#!/bin/bash
# demo_nginx.sh - runs examples/openresty.conf on this machine's nginx against
# a data plane on this machine, and shows what a real MQTT 5 subscriber
# received
#
#   NGINX=nginx            the program
#   DEMO_SCHEME=http       without TLS; https unless given
#
# The build for LuaJIT must be there. The example is the one for AWS itself:
# what is changed of it is shown.
set -eu
cd "$(dirname "$0")/../.."
LUA_BIN=luajit
. spec/support/demo_lib.sh

NGINX=${NGINX:-nginx}
ATTEMPTS=5 # at a port that was free a moment ago
example=examples/openresty.conf
conf=$work/nginx.conf
PATH=$PATH:/usr/sbin

# What mosquitto_sub prints of a message.
format='  topic    %t
  QoS      %q
  payload  %p'

# fail_logged TEXT - after what nginx says itself
fail_logged() {
  cat "$work/log" >&2
  fail "$1"
}

# Cosockets ask a name server even for localhost.
start_names() {
  mkfifo "$work/names"
  "$PYTHON" -B spec/support/demo_names.py >"$work/names" &
  running+=($!)
  read -r names <"$work/names" || fail "the name server did not start"
}

free_port() {
  "$PYTHON" -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The example, for this machine. nginx keeps temporary files where only its
# package's user may write.
adapt() {
  local kind temp="" user=""
  for kind in client_body proxy fastcgi uwsgi scgi; do
    temp="$temp  ${kind}_temp_path $work/$kind;\\n"
  done
  if [ "$(id -u)" -eq 0 ]; then user="user root;\\n"; fi
  sed -e "s|^pid .*|${user}pid $work/pid;|" \
    -e "s|^\( *resolver \)[^ ]*|\1127.0.0.1:$names|" \
    -e "s|^\( *lua_ssl_trusted_certificate \).*|\1$(field ca);|" \
    -e "s|^\( *listen \).*|\1127.0.0.1:$http;|" \
    -e "s|^http {|&\\n${temp%??}|" "$example" >"$conf"
}

answers() {
  curl -s -o "$work/stats" "http://127.0.0.1:$http/telemetry"
}

# Until it answers; 1 where it ended.
start_once() {
  http=$(free_port)
  adapt
  (environment; exec "$NGINX" -e stderr -c "$conf") 2>"$work/log" &
  nginx=$!
  until answers; do
    kill -0 $nginx 2>/dev/null || return 1
    sleep 0.05
  done
  kill -0 $nginx 2>/dev/null # or another's nginx has answered
}

start_nginx() {
  local attempt
  for ((attempt = 1; attempt <= ATTEMPTS; attempt++)); do
    if start_once; then running+=($nginx); return; fi
    grep -q 'Address already in use' "$work/log" || break
  done
  fail_logged "nginx did not start"
}

publish() {
  local url=http://127.0.0.1:$http/publish/sensors/roof/temperature
  echo "  curl -d 21.5 $url"
  curl -sS --fail-with-body -m 20 -d 21.5 "$url" | sed 's/^/  RequestId /'
  [ "${PIPESTATUS[0]}" -eq 0 ] || fail_logged "the example did not publish"
}

# The response's time is not the same every day.
check() {
  sed -E 's/"seconds":[0-9.]+/"seconds":S/' "$work/message" >"$work/arrived"
  diff - "$work/arrived" >"$work/difference" <<'END' || {
  topic    sensors/roof/temperature
  QoS      1
  payload  21.5
  topic    telemetry/requests
  QoS      0
  payload  {"status":200,"seconds":S}
END
    cat "$work/difference" >&2
    fail "the messages did not arrive whole"
  }
}

# What nginx says is wrong with it is wrong with the example.
stop_nginx() {
  kill -QUIT $nginx
  wait $nginx || fail "nginx ended with status $?"
  unset 'running[-1]'
  [ ! -s "$work/log" ] || fail_logged "nginx's error log is not empty"
}

command -v "$NGINX" >/dev/null || fail "there is no $NGINX"
start_plane
start_names
subscribe 2
start_nginx
echo "$("$NGINX" -v 2>&1), $example, but for these lines:"
diff "$example" "$conf" | sed -n 's/^> */  /p'
echo
echo "Publishing to $(field "$scheme"):"
publish
echo
receive_all || fail_logged "the example did not publish both messages"
echo "What a subscriber received, the second from log_by_lua:"
cat "$work/message"
check
stop_nginx
