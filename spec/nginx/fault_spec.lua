-- Every fault of spec/faults.lua over cosockets, in a worker of a real nginx:
-- class, delivery, number of attempts, time, and nothing left behind.

local cjson = require "cjson"
local faults = require "spec.faults"
local hostile = require "spec.support.hostile"
local matrix = require "spec.support.fault_matrix"
local nginx = require "spec.support.nginx"

local ROUNDS = 100

local HTTP = [[
  lua_ssl_protocols TLSv1.2 TLSv1.3;
  lua_ssl_verify_depth 3;
  resolver 127.0.0.1:$names ipv6=off;
  init_by_lua_block {
    require "spec.support.nginx_faults".init "$dir/hosts.json"
  }
]]

-- The bundle is nginx's, not the request's: each has a place of its own.
local LOCATIONS = [[
  location = /ca_pem {
    lua_ssl_trusted_certificate $ca_pem;
    content_by_lua_block { require "spec.support.nginx_faults".answer() }
  }
  location = /other_ca_pem {
    lua_ssl_trusted_certificate $other_ca_pem;
    content_by_lua_block { require "spec.support.nginx_faults".answer() }
  }
]]

-- What cosockets cannot show.
local cannot = {
  ["wants a certificate, in TLS 1.3"] =
    "to a cosocket an alert after the handshake is a closed connection",
  ["speaks our protocol"] = "cosockets have no ALPN",
  ["speaks none of our protocols"] = "cosockets have no ALPN",
  ["has not heard of protocols"] = "cosockets have no ALPN",
}

local is_there = nginx.is_there()

describe("to nginx a server that", function()
  if not is_there then
    pending "needs LuaJIT, nginx and its module for Lua"
    return
  end

  local world, worker = { rounds = ROUNDS, cannot = cannot }, nil

  setup(function()
    local hosts = hostile.start "nginx_hosts.py"
    local record = nginx.record_of(hosts)
    worker = nginx.start {
      http = nginx.filled(HTTP, record),
      locations = nginx.filled(LOCATIONS, record),
      files = { ["hosts.json"] = cjson.encode(record) },
    }
    world.hosts = hosts
  end)

  teardown(function()
    worker:stop()
    world.hosts:stop()
  end)

  -- ---- what is played in the worker ----

  local function ask(what, row, times)
    local how = row and faults.with_names[row][2] or {}
    local body, status = worker:get(("/%s?what=%s&row=%d&times=%d"):format(
      how.verify or "ca_pem", what, row or 0, times or 0))
    assert.equal(200, status)
    return cjson.decode(body)
  end

  -- What failed is closed, and not kept; nginx itself keeps its own way to
  -- the server of names.
  function world.play(row)
    local result, how = ask("play", row), faults.with_names[row][2]
    assert.is_nil(result.lack)
    if result.name and not result.code then assert.equal(0, result.kept) end
    if not how.host then assert.equal(0, result.open) end
    return result
  end

  function world.run(row, times)
    assert.is_nil(ask("run", row, times).lack)
  end

  function world.finish(row)
    ask("finish", row)
  end

  function world.held()
    local held = ask "held"
    assert.equal(0, held.timers)
    return held
  end

  function world.outcomes()
    return ask "outcomes"
  end

  matrix.describe(faults.with_names, world)

  -- ---- and besides ----

  it("is shown by a fault that is named, where it cannot be", function()
    assert.same({}, cannot)
  end)

  it("makes nothing global", function()
    assert.same({}, ask "globals")
  end)

  it("leaves nothing in the log but what was provoked", function()
    for _, line in ipairs(worker:warnings()) do
      assert.is_true(nginx.is_provoked(line), line)
    end
  end)
end)
