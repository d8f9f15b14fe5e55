#!/bin/bash
# many.sh - publishes with many in flight, beside libcurl's multi interface,
# bare sockets and boto3 with threads, plain and over TLS, answered at once or
# later: their CPU time, with the server on the same core; with the server on
# a core of its own how many there are in a second, and what their CPU time
# grows by with many in flight ("apart"); and streams of up to a million.
# usage: bench/many.sh [--check]   after `make LUA=5.4` and `make LUA=luajit`
# Prints a table, also into build/bench/many.txt. With --check it exits 1
# where a bound below is passed.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh

ROUNDS=5            # of every measurement, in turn with the others
SLOW_ROUNDS=3       # of those that are answered late
PUBLISHES=20000     # a measurement, of those that are answered at once
TURNS=50            # publishes of each place in flight, of the others
SLOW=20             # ms that a late answer takes
IN_FLIGHT="1 8 64 256"
STREAMS="1000 10000 100000 1000000" # messages
LONG=100000         # messages; longer streams are run once
FEW=8 MANY=256      # in flight, whose CPU time is compared
FLAT_ROUNDS=7       # of these two
FLAT_PUBLISHES=50000
SLOW_PUBLISHES=1000 # a measurement, of boto3
MIN_MULTI=2.0       # times libcurl multi's messages a second, 64 in flight
MIN_EPOLL=0.4       # times bare sockets'
MIN_IDEAL=0.95      # times what latency allows, where answers are late
MIN_BOTO3=40        # times boto3's
MAX_FLAT=1.1        # times the CPU of 8 in flight, with 256
MAX_GROWTH=1024     # kB

own_work

# start_plain MS - sets url; ends by finish
start_plain() {
  rm -f "$work/in$1" "$work/out$1"
  mkfifo "$work/in$1" "$work/out$1"
  ${on_server:-} "$out/server" "$1" <"$work/in$1" >"$work/out$1" &
  children+=($!)
  exec {keep_open}>"$work/in$1"
  read -r port <"$work/out$1"
  url=http://127.0.0.1:$port ca=
}

in_lua() { # LUA IN_FLIGHT N
  local program=lua$1
  [ "$1" = luajit ] && program=luajit
  ${on_client:-} \
    env "LUA_CPATH=build/$1/?.so;;" "$program" bench/many.lua "$url" "$2" \
    "$3" ${ca:+"$ca"}
}

measure() { # WHAT IN_FLIGHT N - CPU us, and kB where that is known
  case $1 in
    epoll) ${on_client:-} "$out/epoll_floor" "$port" "$2" "$3" ;;
    multi)
      ${on_client:-} "$out/multi_floor" "$url" "$2" "$3" ${ca:+"$ca"}
      ;;
    boto3) ${on_client:-} /usr/bin/python3 bench/many.py "$url" "$2" "$3" ;;
    *) in_lua "$@" ;;
  esac
}

# one WHAT SCHEME MS IN_FLIGHT - one more sample: of its CPU time, or where
# the server has a core of its own of its rate
one() {
  local result n=$PUBLISHES cpu _ rate
  case $1$2$3$4 in
    epolltls*) return 0 ;;
    boto3plain064) n=$SLOW_PUBLISHES ;;
    boto3*) return 0 ;;
  esac
  if [ "$3" -gt 0 ]; then n=$(($4 * TURNS)); fi
  result=$(measure "$1" "$4" "$n" 2>>"$log") || failed "$1"
  read -r cpu _ rate <<<"$result"
  if [ -n "${on_server:-}" ]; then
    echo "$rate" >>"$samples/rate_$2_$3_$4_$1"
  else
    echo "$cpu" >>"$samples/many_$2_$3_$4_$1"
  fi
}

measure_all() { # SCHEME MS ROUNDS
  local _ n what
  for _ in $(seq "$3"); do
    for n in $IN_FLIGHT; do
      for what in "${whats[@]}"; do one "$what" "$1" "$2" "$n"; done
    done
  done
  if [ "$2" -eq 0 ] && [ -n "${on_server:-}" ]; then measure_flat "$1"; fi
}

# What a message takes with few in flight and with many, in neighbours.
measure_flat() { # SCHEME
  local _ n what cpu
  for _ in $(seq $FLAT_ROUNDS); do
    for what in "${whats[@]}"; do
      case $what$1 in boto3* | epolltls) continue ;; esac
      for n in $FEW $MANY; do
        cpu=$(measure "$what" "$n" $FLAT_PUBLISHES 2>>"$log") ||
          failed "$what"
        echo "${cpu%% *}" >>"$samples/flat_$1_${n}_$what"
      done
    done
  done
}

everything() {
  local ms rounds=$ROUNDS
  for ms in 0 $SLOW; do
    if [ "$ms" -gt 0 ]; then rounds=$SLOW_ROUNDS; fi
    start_plain "$ms"
    measure_all plain "$ms" "$rounds"
    if command -v nginx >/dev/null; then
      start_tls "$ms"
      measure_all tls "$ms" "$rounds"
    fi
  done
}

# Streams of any length take the same, each message and in all.
streams() {
  local round n lua result cpu grown
  start_plain 0
  for round in $(seq $ROUNDS); do
    for lua in "${luas[@]}"; do
      for n in $STREAMS; do
        if [ "$n" -gt $LONG ] && [ "$round" -gt 1 ]; then continue; fi
        result=$(measure "$lua" 64 "$n" 2>>"$log") || failed "a stream of $n"
        read -r cpu grown _ <<<"$result"
        echo "$cpu" >>"$samples/stream_cpu_${n}_$lua"
        echo "$grown" >>"$samples/stream_grown_${n}_$lua"
      done
    done
  done
}

growth() { # N LUA - of the medians, as the longest is run once
  awk -v a="$(median "stream_cpu_$1_$2")" \
    -v b="$(median "stream_cpu_10000_$2")" \
    'BEGIN { if (b > 0) printf "%.2f\n", a / b; else print "-" }'
}

stream_rows() {
  local n lua
  printf '%-26s %8s %8s %8s\n' "a stream, 64 in flight" "CPU us" /10000 \
    "kB more"
  for n in $STREAMS; do
    for lua in "${luas[@]}"; do
      printf '%-26s %8s %8s %8s\n' "  $n messages: $lua" \
        "$(median "stream_cpu_${n}_$lua")" "$(growth "$n" "$lua")" \
        "$(median "stream_grown_${n}_$lua")"
    done
  done
}

flat_rows() {
  local scheme what
  printf '%-26s %8s %8s %8s\n' "CPU us apart, in flight" $FEW $MANY "/$FEW"
  for scheme in plain tls; do
    for what in "${whats[@]}"; do
      [ -e "$samples/flat_${scheme}_${MANY}_$what" ] || continue
      printf '%-26s %8s %8s %8s\n' "  $scheme: $what" \
        "$(median "flat_${scheme}_${FEW}_$what")" \
        "$(median "flat_${scheme}_${MANY}_$what")" \
        "$(ratio "flat_${scheme}_${MANY}_$what" "flat_${scheme}_${FEW}_$what")"
    done
  done
}

# The most a second that anybody reaches with one in flight: 1 / latency.
alone() { # SCHEME
  local what
  for what in "${whats[@]}"; do median "rate_$1_${SLOW}_1_$what"; done |
    sort -g | tail -n 1
}

ideal() { # SCHEME IN_FLIGHT WHAT - the share it reaches of in flight / latency
  awk -v rate="$(median "rate_$1_${SLOW}_$2_$3")" -v n="$2" \
    -v one="$(alone "$1")" \
    'BEGIN { if (one > 0) printf "%9.3f\n", rate / one / n; else print "-" }'
}

rows() { # TITLE PREFIX MS...: of all kinds
  local scheme ms n what name share title=$1 prefix=$2
  shift 2
  for scheme in plain tls; do
    for ms; do
      printf '%-26s %8s %8s %8s%s\n' "$scheme, after $ms ms, $title" each \
        /multi /epoll "$([ "$prefix$ms" != "rate$SLOW" ] || echo "   /ideal")"
      for n in $IN_FLIGHT; do
        for what in "${whats[@]}"; do
          name=${prefix}_${scheme}_${ms}_$n
          [ -e "$samples/${name}_$what" ] || continue
          share=
          if [ "$prefix$ms" = "rate$SLOW" ]; then
            share=$(ideal "$scheme" "$n" "$what")
          fi
          echo "$(row "  $n in flight: $what" "${name}_$what" \
            "${name}_multi" "${name}_epoll")$share"
        done
      done
    done
  done
}

table() {
  rows "CPU us" many 0 $SLOW
  rows "a second" rate 0 $SLOW
  flat_rows
  stream_rows
}

at_least() { # WHAT VALUE LIMIT
  awk -v v="$2" -v min="$3" 'BEGIN { exit !(v != "-" && v + 0 >= min) }' ||
    { echo "bench: $1 is $2, the bound $3" >&2; passed=no; }
}

check() {
  local scheme n
  passed=yes
  for scheme in plain tls; do
    at_least "$scheme, 64 in flight / multi" \
      "$(ratio "rate_${scheme}_0_64_5.4" "rate_${scheme}_0_64_multi")" \
      $MIN_MULTI
    bound "$scheme, CPU with $MANY in flight / $FEW" \
      "$(ratio "flat_${scheme}_${MANY}_5.4" "flat_${scheme}_${FEW}_5.4")" \
      $MAX_FLAT
    for n in $IN_FLIGHT; do
      at_least "$scheme after $SLOW ms, $n in flight / ideal" \
        "$(ideal "$scheme" "$n" 5.4)" $MIN_IDEAL
    done
  done
  at_least "64 in flight / epoll" \
    "$(ratio rate_plain_0_64_5.4 rate_plain_0_64_epoll)" $MIN_EPOLL
  at_least "64 in flight / boto3" \
    "$(ratio rate_plain_0_64_5.4 rate_plain_0_64_boto3)" $MIN_BOTO3
  bound "memory of a million messages over that of 10,000" \
    "$(($(median stream_grown_1000000_5.4 | cut -d . -f 1) -
      $(median stream_grown_10000_5.4 | cut -d . -f 1)))" $MAX_GROWTH
  for n in 1000 1000000; do
    bound "CPU of a stream of $n / of 10,000" "$(growth $n 5.4)" $MAX_FLAT
  done
  [ $passed = yes ]
}

mkdir -p "$out" "$samples"
rm -f "$samples"/many_* "$samples"/rate_* "$samples"/flat_* \
  "$samples"/stream_*
: >"$log"
compile server
compile epoll_floor
compile multi_floor -lcurl -lcrypto
clean_environment
luas=()
for lua in 5.4 luajit; do
  if [ -e "build/$lua/iotdataplane/core.so" ]; then luas+=("$lua"); fi
done
whats=(epoll multi "${luas[@]}")
if /usr/bin/python3 -c 'import boto3' 2>>"$log"; then whats+=(boto3); fi
if [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ]; then
  on_server="taskset -c 1" on_client="taskset -c 0"
  everything
  on_server="" on_client=""
fi
pin
everything
streams
table | tee "$out/many.txt"
if [ "${1:-}" = --check ]; then check; fi
