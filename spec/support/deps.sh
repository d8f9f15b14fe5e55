#!/bin/sh
# deps.sh - installs by apt what is missing, and touches nothing else
#
#   deps.sh GROUP...    build, demo, demo-nginx, test or bench
#
# Debian 12's names; "a|b" is content with either, and installs the first.
set -eu

build="gcc libc6-dev make pkg-config libssl-dev libcurl4-openssl-dev
  lua5.4 liblua5.4-dev lua-cjson"
broker="mosquitto mosquitto-clients openssl python3 python3-boto3
  python3-paho-mqtt"
luajit="luajit2|luajit libluajit2-5.1-dev|libluajit-5.1-dev"
nginx="nginx libnginx-mod-http-lua lua-resty-core"
luas="lua5.1 liblua5.1-0-dev lua5.2 liblua5.2-dev lua5.3 liblua5.3-dev
  $luajit"
checks="lua-busted lua-check luarocks valgrind clang libclang-rt-14-dev
  clang-format lua-luv lua-cqueues lua-socket"

packages_of() {
  case $1 in
    build) echo "$build" ;;
    demo) echo "$build $broker" ;;
    demo-nginx) echo "$build $broker $luajit $nginx curl" ;;
    test) echo "$build $broker $luas $nginx $checks" ;;
    bench) echo "$build $luajit $nginx" ;;
    *) echo "deps.sh: no group is called $1" >&2; return 1 ;;
  esac
}

installed() {
  test "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed
}

# missing PACKAGE... - those that have to be installed
missing() {
  for wanted; do
    for package in $(echo "$wanted" | tr '|' ' '); do
      if installed "$package"; then continue 2; fi
    done
    echo "${wanted%%|*}"
  done | sort -u
}

give_up() {
  echo "deps.sh: $1 Please install:" >&2
  echo "$2" | fmt >&2
  echo "With DEPS=: on its command line, make does not look for them." >&2
  exit 1
}

wanted=
for group; do wanted="$wanted $(packages_of "$group")"; done
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  give_up "this machine has no apt." "$(echo "$wanted" | tr '|' '/')"
fi
lacking=$(missing $wanted)
if [ -z "$lacking" ]; then exit 0; fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
  as_root=sudo
  command -v sudo >/dev/null ||
    give_up "only root can install packages, and there is no sudo." "$lacking"
fi

apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

echo "Installing:" $lacking
apt update
apt install --no-install-recommends $lacking
# Their packages start a broker on port 1883 and a server on port 80, which
# nothing here wants.
for service in mosquitto nginx; do
  case " $(echo $lacking) " in
    *" $service "*) $as_root service $service stop >/dev/null 2>&1 || : ;;
  esac
done
