# lib.sh - what the benches share. Sourced at the top of the checkout, under
# set -euo pipefail. CC, CFLAGS and LDFLAGS are honoured.

export LC_ALL=C

out=build/bench
samples=$out/samples
log=$out/log

die() {
  echo "bench: $*" >&2
  exit 1
}

compile() { # NAME LIBRARY...
  local name=$1
  shift
  # shellcheck disable=SC2086 # flags are words
  ${CC:-cc} -std=c99 -O2 -Wall -Wextra ${CFLAGS:-} -o "$out/$name" \
    "bench/$name.c" ${LDFLAGS:-} "$@"
}

# Nothing of the caller's may change what is measured.
clean_environment() {
  local name
  for name in ${!AWS_@} ${!LUA_@}; do unset "$name"; done
  unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
  export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
  export LUA_PATH="lua/?.lua;;"
}

# Client and server share one core, so that no wake-up of another counts.
pin() {
  local cores
  cores=$(taskset -cp $$)
  cores=${cores##*: }
  taskset -cp "${cores%%[-,]*}" $$ >"$log"
}

start_server() {
  coproc SERVER { exec "$out/server"; } # ends with this script: its stdin
  read -r port <&"${SERVER[0]}"
}

failed() { # NAME
  cat "$log" >&2
  die "$1 failed"
}

median() { # NAME; "-" where it was not measured
  [ -e "$samples/$1" ] || { echo -; return; }
  sort -g "$samples/$1" |
    awk '{ v[NR] = $1 } END { printf "%.2f\n", v[int((NR + 1) / 2)] }'
}

ratio() { # NAME BASE
  awk -v a="$(median "$1")" -v b="$(median "$2")" 'BEGIN {
    if (a == "-" || b == "-") print "-"; else printf "%.2f\n", a / b }'
}

row() { # TITLE NAME BASE...
  local title=$1 name=$2 base
  shift 2
  printf '%-26s %8s' "$title" "$(median "$name")"
  for base; do printf ' %8s' "$(ratio "$name" "$base")"; done
  echo
}

bound() { # WHAT VALUE LIMIT
  awk -v v="$2" -v max="$3" 'BEGIN { exit !(v != "-" && v + 0 <= max) }' ||
    { echo "bench: $1 is $2, the bound $3" >&2; passed=no; }
}
