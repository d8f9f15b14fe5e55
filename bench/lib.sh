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

# A directory and children, both gone at the end: $work, ${children[@]}.
own_work() {
  PATH=$PATH:/usr/sbin
  work=$(mktemp -d)
  children=()
  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

finish() {
  trap '' INT TERM HUP
  if [ ${#children[@]} -gt 0 ]; then
    kill "${children[@]}" 2>/dev/null || :
    wait "${children[@]}" 2>/dev/null || :
  fi
  rm -rf "$work"
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

free_port() {
  /usr/bin/python3 -c 'import socket
print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}

# start_tls MS - sets url and ca
start_tls() {
  local dir=$work/tls$1 user=
  rm -rf "$dir"
  mkdir "$dir"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$dir/key.pem" \
    -out "$dir/cert.pem" 2>>"$log"
  if [ "$(id -u)" -eq 0 ]; then user="user root;"; fi
  port=$(free_port)
  sed "s|@USER@|$user|; s|@DIR@|$dir|; s|@DELAY@|$1|g; s|@PORT@|$port|" \
    bench/many.conf >"$dir/conf"
  ${on_server:-} nginx -e stderr -c "$dir/conf" 2>>"$log" &
  children+=($!)
  url=https://localhost:$port ca=$dir/cert.pem
  until curl -s --cacert "$ca" -o "$work/ready" "$url/"; do
    kill -0 $! 2>/dev/null || failed nginx
    sleep 0.05
  done
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

# The median of the rounds' own ratios: what slows the machine down for a while
# slows down neighbours.
ratio() { # NAME BASE
  [ -e "$samples/$1" ] && [ -e "$samples/$2" ] || { echo -; return; }
  paste "$samples/$1" "$samples/$2" |
    awk 'NF == 2 && $2 > 0 { print $1 / $2 }' | sort -g |
    awk '{ v[NR] = $1 } END {
      if (!NR) { print "-"; exit }
      m = v[int((NR + 1) / 2)]
      printf m < 0.1 ? "%.4f\n" : "%.2f\n", m }'
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
