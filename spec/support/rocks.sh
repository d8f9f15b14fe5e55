#!/bin/bash
# rocks.sh - builds the rock with `luarocks make` into an empty tree for each
# Lua, then runs rocks_publish.lua on what was installed, and only that
#
#   rocks.sh [LUA...]      5.1 5.3 5.4 luajit
#
# The system's lua-cjson stands for the rock's one dependency.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# LuaRocks leaves objects where it builds: let that be a copy.
cp -R lua csrc rockspec "$work"
cat >"$work/config.lua" <<'EOF'
rocks_provided = { ["lua-cjson"] = "2.1.0-1" }
rocks_servers = {}
EOF
export LUAROCKS_CONFIG=$work/config.lua

# install VERSION TREE [VARIABLE=VALUE...]
install_rock() {
  local version=$1 tree=$2; shift 2
  (cd "$work" &&
    luarocks --lua-version "$version" --tree "$tree" make "$@") 2>&1
}

# use INTERPRETER VERSION TREE
use_rock() {
  local interpreter=$1 version=$2 tree=$3
  local script=spec/support/rocks_publish.lua cjson
  cjson=$(find /usr/lib -path "*/lua/$version/cjson.so" | head -n 1)
  export LUA_PATH="$tree/share/lua/$version/?.lua"
  export LUA_CPATH="$tree/lib/lua/$version/?.so;$(dirname "$cjson")/?.so"
  if [ -f $script ]; then
    "$interpreter" $script
  else
    "$interpreter" -e 'require "iotdataplane"' -e \
      'require "iotdataplane.core"' -e 'require "iotdataplane.curl"'
  fi 2>&1
}

# try LUA - one rock, installed and used
try() {
  local version=$1 interpreter=lua$1 tree=$work/tree-$1 include=()
  if [ "$1" = luajit ]; then
    version=5.1 interpreter=luajit
    include=("LUA_INCDIR=$(pkg-config --variable=includedir luajit)")
  fi
  install_rock "$version" "$tree" "${include[@]}" &&
    (use_rock "$interpreter" "$version" "$tree")
}

for lua in ${*:-5.1 5.3 5.4 luajit}; do
  if output=$(try "$lua"); then
    passed=$((passed + 1))
    echo "ok      the rock for $lua"
  else
    failed=$((failed + 1))
    echo "$output"
    echo "FAILED  the rock for $lua"
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
