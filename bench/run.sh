#!/bin/bash
# run.sh - CPU time of signing and publishing beside what C alone would take.
# usage: bench/run.sh [--check]   after `make LUA=5.4` and `make LUA=luajit`
# Prints tables, and writes them to bench/RESULTS.md. With --check it exits 1
# where a bound is passed. CC, CFLAGS and LDFLAGS are honoured.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/lib.sh

ROUNDS=5            # of every measurement, one after the other
SIGNATURES=200000   # a measurement
PUBLISHES=20000     # a measurement
MEMORY_RUN=200000   # publishes; what grew after the first 10,000 is counted
SLOW_PUBLISHES=500  # a measurement, of boto3
STARTS=10           # a measurement, of a program's first publish
SLOW_STARTS=2       # a measurement, of boto3
MAX_SIGN=1.5        # times the floor, Lua 5.4, without and with a token
MAX_PUBLISH=0.55    # times libcurl's easy interface, Lua 5.4
MAX_TLS=0.65        # the same over TLS
MAX_BOTO3=0.025     # times boto3
MAX_COLD=2.0        # times curl's program, from its start to its end
MAX_COLD_BOTO3=0.05 # times boto3
MAX_PEAK=12288      # kB, of a program that publishes once
MAX_GROWTH=1024     # kB

compile_all() {
  mkdir -p "$out"
  compile cputime
  compile server
  compile sign_floor -lcrypto
  compile easy_floor -lcurl
  compile raw_floor
}

built() { # LUA
  [ -e "build/$1/iotdataplane/core.so" ]
}

in_lua() { # LUA SCRIPT ARGUMENT...
  local lua=$1 program=lua$1
  shift
  [ "$lua" = luajit ] && program=luajit
  export LUA_CPATH="build/$lua/?.so;;" # by env, a program would count as well
  command=("$program" "$@")
}

set_command() { # NAME N
  case $1 in
    sign_floor) command=("$out/sign_floor" "$2") ;;
    sign_floor_token) command=("$out/sign_floor" "$2" token) ;;
    sign_*_token)
      set -- "${1%_token}" "$2"
      in_lua "${1#*_}" bench/sign.lua "$2" token
      ;;
    sign_*_new)
      set -- "${1%_new}" "$2"
      in_lua "${1#*_}" bench/sign.lua "$2" new
      ;;
    sign_*) in_lua "${1#*_}" bench/sign.lua "$2" ;;
    cold_curl)
      command=(curl -s -d 21.5 "http://127.0.0.1:$port/topics/sensors%2F1?qos=1")
      ;;
    cold_boto3) command=(/usr/bin/python3 bench/publish.py "$port" 1) ;;
    cold_tls_curl)
      command=(curl -s --cacert "$ca" -d 21.5
        "https://localhost:$tls_port/topics/sensors%2F1?qos=1")
      ;;
    cold_tls_boto3)
      command=(/usr/bin/python3 bench/publish.py "$tls_port" 1 "$ca") ;;
    cold_tls_*)
      in_lua "${1#cold_tls_}" bench/publish.lua "$tls_port" 1 "$ca" ;;
    cold_*) in_lua "${1#cold_}" bench/publish.lua "$port" 1 ;;
    publish_boto3) command=(/usr/bin/python3 bench/publish.py "$port" "$2") ;;
    publish_tls_easy)
      command=("$out/easy_floor" "$tls_port" "$2" "$ca") ;;
    publish_tls_*)
      in_lua "${1#publish_tls_}" bench/publish.lua "$tls_port" "$2" "$ca" ;;
    publish_raw) command=("$out/raw_floor" "$port" "$2") ;;
    publish_raw_token) command=("$out/raw_floor" "$port" "$2" token) ;;
    publish_easy) command=("$out/easy_floor" "$port" "$2") ;;
    publish_easy_token) command=("$out/easy_floor" "$port" "$2" token) ;;
    publish_*_token)
      set -- "${1%_token}" "$2"
      in_lua "${1#*_}" bench/publish.lua "$port" "$2" token
      ;;
    publish_*) in_lua "${1#*_}" bench/publish.lua "$port" "$2" ;;
  esac
}

cpu() { # NAME N
  set_command "$1" "$2"
  "$out/cputime" "${command[@]}" 2>"$log" || failed "$1"
}

measure() { # NAME N: one more sample, start-up taken off
  local none all
  none=$(cpu "$1" 0)
  all=$(cpu "$1" "$2")
  awk -v none="$none" -v all="$all" -v n="$2" \
    'BEGIN { printf "%.4f\n", (all - none) / n * 1e6 }' >>"$samples/$1"
}

start() { # NAME N: one more sample, CPU ms from its start to its end
  local _
  for _ in $(seq "$2"); do cpu "$1" 1; done |
    awk '{ all += $1 } END { printf "%.4f\n", all / NR * 1e3 }' \
      >>"$samples/$1"
}

measure_all() {
  local name _
  rm -rf "$samples"
  mkdir -p "$samples"
  for _ in $(seq "$ROUNDS"); do
    for name in "${names[@]}"; do
      case $name in
        sign_*) measure "$name" "$SIGNATURES" ;;
        cold_*boto3) start "$name" "$SLOW_STARTS" ;;
        cold_*) start "$name" "$STARTS" ;;
        *_boto3) measure "$name" "$SLOW_PUBLISHES" ;;
        *) measure "$name" "$PUBLISHES" ;;
      esac
    done
  done
}

last_signature() { # NAME
  set_command "$1" 1000
  "${command[@]}" 2>"$log" | cut -d ' ' -f 1 || failed "$1"
}

# The same work is the same signature: the last of N, floor and Lua alike.
compare_signatures() { # NAME FLOOR
  local ours floor
  ours=$(last_signature "$1")
  floor=$(last_signature "$2")
  [ "$ours" = "$floor" ] || die "$1 signs differently: $ours, not $floor"
}

peak() { # NAME: kB, at most
  set_command "$1" 1
  "$out/cputime" -m "${command[@]}" 2>"$log" || failed "memory of $1"
}

growth() { # LUA: kB
  built "$1" || { echo -; return; }
  set_command "publish_$1" "$MEMORY_RUN"
  "${command[@]}" memory 2>"$log" || failed "memory of $1"
}

table() {
  printf '%-26s %8s %8s\n' "signing, CPU us" each /floor
  row "  OpenSSL floor" sign_floor
  row "  Lua 5.4" sign_5.4 sign_floor
  row "  LuaJIT" sign_luajit sign_floor
  row "  Lua 5.4, new request" sign_5.4_new sign_floor
  row "  LuaJIT, new request" sign_luajit_new sign_floor
  row "  OpenSSL floor, token" sign_floor_token
  row "  Lua 5.4, token" sign_5.4_token sign_floor_token
  row "  LuaJIT, token" sign_luajit_token sign_floor_token
  printf '%-26s %8s %8s %8s\n' "publish, CPU us" each /easy /raw
  row "  raw socket, presigned" publish_raw
  row "  libcurl easy, presigned" publish_easy publish_easy publish_raw
  row "  Lua 5.4" publish_5.4 publish_easy publish_raw
  row "  LuaJIT" publish_luajit publish_easy publish_raw
  row "  raw socket, token" publish_raw_token
  row "  libcurl easy, token" publish_easy_token publish_easy_token \
    publish_raw_token
  row "  Lua 5.4, token" publish_5.4_token publish_easy_token publish_raw_token
  row "  LuaJIT, token" publish_luajit_token publish_easy_token \
    publish_raw_token
  row "  libcurl easy, TLS" publish_tls_easy publish_tls_easy
  row "  Lua 5.4, TLS" publish_tls_5.4 publish_tls_easy
  row "  LuaJIT, TLS" publish_tls_luajit publish_tls_easy
  row "  boto3" publish_boto3 publish_easy publish_raw
  printf '%-26s %8s %8s %8s\n' "one publish, CPU ms" each /curl /boto3
  row "  curl's program" cold_curl
  row "  Lua 5.4" cold_5.4 cold_curl cold_boto3
  row "  LuaJIT" cold_luajit cold_curl cold_boto3
  row "  boto3" cold_boto3 cold_curl
  row "  curl's program, TLS" cold_tls_curl
  row "  Lua 5.4, TLS" cold_tls_5.4 cold_tls_curl cold_tls_boto3
  row "  LuaJIT, TLS" cold_tls_luajit cold_tls_curl cold_tls_boto3
  row "  boto3, TLS" cold_tls_boto3 cold_tls_curl
  printf '%s\n' "memory, kB: of one publish, and growth over $MEMORY_RUN"
  printf '%-26s %8s %8s\n' "  Lua 5.4" "$peak_54" "$growth_54" \
    "  LuaJIT" "$peak_jit" "$growth_jit"
}

check() {
  passed=yes
  bound "signing / floor" "$(ratio sign_5.4 sign_floor)" $MAX_SIGN
  bound "signing with a token / floor" \
    "$(ratio sign_5.4_token sign_floor_token)" $MAX_SIGN
  bound "publish / easy" "$(ratio publish_5.4 publish_easy)" $MAX_PUBLISH
  bound "publish with a token / easy" \
    "$(ratio publish_5.4_token publish_easy_token)" $MAX_PUBLISH
  bound "publish over TLS / easy" "$(ratio publish_tls_5.4 publish_tls_easy)" \
    $MAX_TLS
  bound "publish / boto3" \
    "$(ratio publish_5.4 publish_boto3)" $MAX_BOTO3
  bound "one publish / curl" "$(ratio cold_5.4 cold_curl)" $MAX_COLD
  bound "one publish / boto3" "$(ratio cold_5.4 cold_boto3)" $MAX_COLD_BOTO3
  bound "one publish over TLS / curl" "$(ratio cold_tls_5.4 cold_tls_curl)" \
    $MAX_COLD
  bound "one publish over TLS / boto3" \
    "$(ratio cold_tls_5.4 cold_tls_boto3)" $MAX_COLD_BOTO3
  bound "memory of one publish" "$peak_54" $MAX_PEAK
  bound "memory growth" "$growth_54" $MAX_GROWTH
  [ $passed = yes ]
}

results() { # in Markdown
  local file
  echo "# What was measured"
  echo
  echo "By \`make bench\`, medians of several rounds; a ratio is the median of"
  echo "the rounds' own. Client and server share a core, but for what is counted"
  echo "by the second, or apart."
  echo
  echo "- $(date -u +%Y-%m-%d), $(getconf _NPROCESSORS_ONLN) cores," \
    "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
  echo "- $(uname -sr), $(curl --version | head -n 1 | cut -d ' ' -f 1-4)"
  for file in results many nginx; do
    [ -e "$out/$file.txt" ] || continue
    echo
    sed 's/^/    /' "$out/$file.txt"
  done
}

own_work
compile_all
clean_environment
pin
start_server
plain_port=$port ca='' tls_port=''
if command -v nginx >/dev/null; then
  start_tls 0
  tls_port=$port port=$plain_port
fi
luas=()
for lua in 5.4 luajit; do
  built $lua || { echo "bench: no build for $lua" >&2; continue; }
  luas+=("$lua")
  compare_signatures "sign_$lua" sign_floor
  compare_signatures "sign_${lua}_token" sign_floor_token
done
boto3=
if /usr/bin/python3 -c 'import boto3' 2>"$log"; then boto3=boto3; fi

# compared PREFIX SUFFIX WHAT... - what is compared is measured in neighbours
compared() {
  local prefix=$1 suffix=$2 what
  shift 2
  for what; do names+=("$prefix$what$suffix"); done
}
names=()
compared sign_ "" floor "${luas[@]}"
compared sign_ _new "${luas[@]}"
compared sign_ _token "${luas[@]}"
compared sign_ "" floor_token
compared publish_ "" raw easy "${luas[@]}" $boto3
compared publish_ _token raw easy "${luas[@]}"
compared cold_ "" curl "${luas[@]}" $boto3
if [ -n "$ca" ]; then
  compared publish_tls_ "" easy "${luas[@]}"
  compared cold_tls_ "" curl "${luas[@]}" $boto3
fi
measure_all
growth_54=$(growth 5.4)
growth_jit=$(growth luajit)
peak_54=- peak_jit=-
if built 5.4; then peak_54=$(peak cold_5.4); fi
if built luajit; then peak_jit=$(peak cold_luajit); fi
table | tee "$out/results.txt"
status=0
if [ "${1:-}" = --check ]; then check || status=1; fi
bash bench/many.sh "$@" || status=1
bash bench/nginx.sh "$@" || status=1
results >bench/RESULTS.md
exit $status
