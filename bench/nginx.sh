#!/bin/bash
# nginx.sh - CPU time of a publish in an nginx worker beside a bare cosocket,
# of publish_later in log_by_lua, and what many publishes leave in memory.
# usage: bench/nginx.sh [--check]   after `make LUA=luajit`; run.sh calls it
# Prints a table, also into build/bench/nginx.txt. With --check it exits 1
# where a bound below is passed.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh

ROUNDS=5            # of every measurement, one after the other
PUBLISHES=20000     # a measurement
IN_FLIGHT=64        # in what follows
MEMORY_RUN=200000   # publishes; what grew after the first SETTLED is counted
SETTLED=20000
MAX_PUBLISH=1.5     # times the bare cosocket, in a handler
MAX_LATER=50        # us of a request's log phase
MAX_GROWTH=2048     # kB

# What lua-resty-aws took beside a bare loop that reads its answers: 115 us
# and 13. A fifth.
MAX_FIFTH=$(awk 'BEGIN { print 115 / 13 / 5 }')

own_work

# get NAME PATH - what a worker says
get() {
  curl -sS --fail-with-body -m 600 --unix-socket "$work/$1/socket" \
    "http://bench/$2" 2>>"$log" || failed "nginx's $2"
}

start_nginx() { # NAME
  local user="" dir=$work/$1
  mkdir "$dir"
  if [ "$(id -u)" -eq 0 ]; then user="user root;"; fi
  sed "s|@USER@|$user|; s|@DIR@|$dir|" bench/nginx.conf >"$dir/conf"
  BENCH_PORT=$port LUA_CPATH="build/luajit/?.so;;" \
    nginx -e stderr -c "$dir/conf" 2>>"$log" &
  children+=($!)
  until [ -S "$dir/socket" ] && get "$1" resident >"$work/ready"; do
    kill -0 $! 2>/dev/null || failed "nginx"
    sleep 0.05
  done
}

# load PATH N THREADS - asks the worker, in portions: what nginx keeps of a
# light thread is freed with its request
load() {
  local left=$2
  while [ "$left" -gt 0 ]; do
    get load "load?socket=$work/worker/socket&path=/$1&n=10000&threads=$3" \
      >"$work/done"
    left=$((left - 10000))
  done
}

# handle PATH - CPU us of a request for it, one after the other
handle() {
  local before
  before=$(get worker clock)
  load "$1" "$PUBLISHES" 1
  awk -v a="$before" -v b="$(get worker clock)" -v n="$PUBLISHES" \
    'BEGIN { printf "%.4f\n", (b - a) / n * 1e6 }'
}

sample() { # NAME VALUE
  echo "$2" >>"$samples/nginx_$1"
}

measure_all() {
  local _ what
  mkdir -p "$samples"
  rm -f "$samples"/nginx_*
  for _ in $(seq "$ROUNDS"); do
    for what in bare pooled lines publish; do
      sample $what "$(get worker "measure?what=$what&n=$PUBLISHES")"
    done
    for what in nothing bare publish; do
      sample handle_$what "$(handle $what)"
    done
    load later "$PUBLISHES" 1
    sample later "$(get worker later_time)"
  done
}

growth() { # kB
  local settled
  load publish $SETTLED $IN_FLIGHT
  settled=$(get worker resident)
  load publish $((MEMORY_RUN - SETTLED)) $IN_FLIGHT
  echo $(($(get worker resident) - settled))
}

table() {
  printf '%-26s %8s %8s %8s\n' "in nginx, a loop, CPU us" each /bare /reading
  row "  bare cosocket, presigned" nginx_bare
  row "  the same, from the pool" nginx_pooled nginx_bare
  row "  bare, reading answers" nginx_lines nginx_bare
  row "  publish" nginx_publish nginx_bare nginx_lines
  row "  a handler: nothing" nginx_handle_nothing
  row "  bare, from the pool" nginx_handle_bare
  row "  publish" nginx_handle_publish nginx_handle_bare
  row "  publish_later, log phase" nginx_later
  printf '%s\n' \
    "memory growth over $MEMORY_RUN publishes, $IN_FLIGHT in flight, kB"
  printf '%-26s %8s\n' "  worker" "$grown"
}

check() {
  passed=yes
  bound "publish / bare cosocket, in handlers" \
    "$(ratio nginx_handle_publish nginx_handle_bare)" $MAX_PUBLISH
  bound "publish / bare cosocket" "$(ratio nginx_publish nginx_lines)" \
    "$MAX_FIFTH"
  bound "publish_later" "$(median nginx_later)" $MAX_LATER
  bound "memory growth" "$grown" $MAX_GROWTH
  [ $passed = yes ]
}

command -v nginx >/dev/null || { echo "bench: no nginx" >&2; exit 0; }
[ -e build/luajit/iotdataplane/core.so ] || die "no build for LuaJIT"
mkdir -p "$out"
: >"$log"
compile server
clean_environment
pin
start_server
start_nginx worker
start_nginx load
measure_all
grown=$(growth)
table | tee "$out/nginx.txt"
if [ "${1:-}" = --check ]; then check; fi
