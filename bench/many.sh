#!/bin/bash
# many.sh - CPU time of a publish with many in flight, beside libcurl's multi
# interface and bare sockets, plain and over TLS, answered at once or later.
# usage: bench/many.sh [--check]   after `make LUA=5.4` and `make LUA=luajit`
# Prints a table, also into build/bench/many.txt. With --check it exits 1
# where a bound below is passed.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh

ROUNDS=3            # of every measurement, one after the other
PUBLISHES=20000     # a measurement, of those that are answered at once
TURNS=100           # publishes of each place in flight, of the others
SLOW=20             # ms that a late answer takes
IN_FLIGHT="1 8 64 256"
MAX_MULTI=1.25      # times libcurl's multi interface, Lua 5.4, 64 in flight
MAX_FLAT=1.5        # times the CPU of 8 in flight, with 256
MAX_GROWTH=1024     # kB

PATH=$PATH:/usr/sbin
work=$(mktemp -d)
children=()

finish() {
  trap '' INT TERM HUP
  if [ ${#children[@]} -gt 0 ]; then
    kill "${children[@]}" 2>/dev/null || :
    wait "${children[@]}" 2>/dev/null || :
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# start_plain MS - sets url; ends by finish
start_plain() {
  mkfifo "$work/in$1" "$work/out$1"
  "$out/server" "$1" <"$work/in$1" >"$work/out$1" &
  children+=($!)
  exec {keep_open}>"$work/in$1"
  read -r port <"$work/out$1"
  url=http://127.0.0.1:$port ca=
}

free_port() {
  /usr/bin/python3 -c 'import socket
print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}

# start_tls MS - sets url and ca
start_tls() {
  local dir=$work/tls$1 user=
  mkdir "$dir"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$dir/key.pem" \
    -out "$dir/cert.pem" 2>>"$log"
  if [ "$(id -u)" -eq 0 ]; then user="user root;"; fi
  port=$(free_port)
  sed "s|@USER@|$user|; s|@DIR@|$dir|; s|@DELAY@|$1|g; s|@PORT@|$port|" \
    bench/many.conf >"$dir/conf"
  nginx -e stderr -c "$dir/conf" 2>>"$log" &
  children+=($!)
  url=https://localhost:$port ca=$dir/cert.pem
  until curl -s --cacert "$ca" -o "$work/ready" "$url/"; do
    kill -0 $! 2>/dev/null || failed nginx
    sleep 0.05
  done
}

in_lua() { # LUA IN_FLIGHT N
  local program=lua$1
  [ "$1" = luajit ] && program=luajit
  env "LUA_CPATH=build/$1/?.so;;" "$program" bench/many.lua "$url" "$2" \
    "$3" ${ca:+"$ca"}
}

measure() { # WHAT IN_FLIGHT N - CPU us, and kB where that is known
  case $1 in
    epoll) "$out/epoll_floor" "$port" "$2" "$3" ;;
    multi) "$out/multi_floor" "$url" "$2" "$3" ${ca:+"$ca"} ;;
    *) in_lua "$@" ;;
  esac
}

measure_all() { # SCHEME MS
  local _ n what result publishes
  for n in $IN_FLIGHT; do
    publishes=$PUBLISHES
    if [ "$2" -gt 0 ]; then publishes=$((n * TURNS)); fi
    for what in "${whats[@]}"; do
      if [ "$what$1" = epolltls ]; then continue; fi
      for _ in $(seq "$ROUNDS"); do
        result=$(measure "$what" "$n" "$publishes" 2>>"$log") || failed "$what"
        echo "${result% *}" >>"$samples/many_$1_$2_${n}_$what"
        case $result in
          *\ *) echo "${result#* }" >>"$samples/many_grown" ;;
        esac
      done
    done
  done
}

table() {
  local scheme ms n what name
  for scheme in plain tls; do
    for ms in 0 $SLOW; do
      printf '%-26s %8s %8s %8s\n' "$scheme, after $ms ms, CPU us" each \
        /multi /epoll
      for n in $IN_FLIGHT; do
        for what in "${whats[@]}"; do
          name=many_${scheme}_${ms}_$n
          row "  $n in flight: $what" "${name}_$what" "${name}_multi" \
            "${name}_epoll"
        done
      done
    done
  done
  printf '%-26s %8s\n' "memory growth, most, kB" "$grown"
}

check() {
  local scheme ms
  passed=yes
  for scheme in plain tls; do
    for ms in 0 $SLOW; do
      bound "$scheme after $ms ms, 64 in flight / multi" \
        "$(ratio "many_${scheme}_${ms}_64_5.4" "many_${scheme}_${ms}_64_multi")" \
        $MAX_MULTI
      bound "$scheme after $ms ms, 256 in flight / 8" \
        "$(ratio "many_${scheme}_${ms}_256_5.4" "many_${scheme}_${ms}_8_5.4")" \
        $MAX_FLAT
    done
  done
  bound "memory growth" "$grown" $MAX_GROWTH
  [ $passed = yes ]
}

mkdir -p "$out" "$samples"
rm -f "$samples"/many_*
: >"$log"
compile server
compile epoll_floor
compile multi_floor -lcurl -lcrypto
clean_environment
pin
whats=(epoll multi)
for lua in 5.4 luajit; do
  if [ -e "build/$lua/iotdataplane/core.so" ]; then whats+=("$lua"); fi
done
for ms in 0 $SLOW; do
  start_plain "$ms"
  measure_all plain "$ms"
  if command -v nginx >/dev/null; then
    start_tls "$ms"
    measure_all tls "$ms"
  fi
done
grown=$(sort -n "$samples/many_grown" | tail -n 1)
table | tee "$out/many.txt"
if [ "${1:-}" = --check ]; then check; fi
