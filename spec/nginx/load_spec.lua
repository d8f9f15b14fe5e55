-- Many publishes at once in a real nginx: what they do to the worker, to its
-- other requests and to the service. bench/nginx.sh does it for longer.

local core = require "iotdataplane.core"
local leaks = require "spec.support.fault_leaks"
local nginx = require "spec.support.nginx"
local upstream = require "spec.support.upstream"

if not nginx.is_there() then
  pending "load in a real nginx needs LuaJIT and nginx"
  return
end

local IN_FLIGHT = 64
local SLOW = 0.2 -- seconds that the service takes
local MAX_P99 = 0.005 -- seconds of a neighbour's request
local SETTLED, MANY = 5000, 20000 -- publishes
local MAX_GROWTH = 2048 -- kB

-- ---- nginx ----

local HTTP = [[
keepalive_requests 1000000;
init_by_lua_block {
  package.loaded.publisher = require "iotdataplane".client{
    region_name = "us-east-1", endpoint_url = "http://127.0.0.1:$port",
    $options
  }
  package.loaded.handle = {
    ok = function()
      ngx.header.content_length = 2
      ngx.print "ok"
    end,
    message = function()
      return { topic = "load", qos = 1, payload = ngx.var.args }
    end,
  }
}
]]

local PUBLISH = [[
content_by_lua_block {
  local handle = require "handle"
  local response, err =
    require "publisher":try("publish", handle.message())
  if not response then
    ngx.log(ngx.ERR, tostring(err))
    return ngx.exit(502)
  end
  handle.ok()
}
]]

local LATER = [[
log_by_lua_block {
  require "publisher":publish_later(require "handle".message())
}
]]

local LOCATIONS = "location = /publish {" .. PUBLISH .. "}"
  .. "location = /later { content_by_lua_block { require 'handle'.ok() }"
  .. LATER .. "} location = /both {" .. PUBLISH .. LATER .. "}"
  .. "location = /neighbour { return 200; }"

local KEYS = "aws_access_key_id = 'AKIDEXAMPLE', "
  .. "aws_secret_access_key = 'secret',"

local function start_nginx(port, options, main)
  local http = HTTP:gsub("%$(%l+)", { port = port, options = options })
  return nginx.start { main = main, http = http, locations = LOCATIONS }
end

describe("under load a real nginx", function()
  local service, publisher

  before_each(function() service = upstream.start() end)

  after_each(function()
    publisher:stop()
    service:stop()
  end)

  local function start(connections)
    publisher = start_nginx(service.http, KEYS
      .. ("config = { max_pool_connections = %d },"):format(connections))
  end

  -- Begins to ask for /path?1 to /path?n.
  local function load(path, n, rest)
    service:ask("/_load?port=%d&path=/%s&n=%d&threads=%d%s", publisher.port,
      path, n, IN_FLIGHT, rest or "")
  end

  -- So many were answered; as many publishes came, each message once.
  local function assert_loaded(n, counts)
    assert.equal(n, service:ask "/_loaded")
    counts = counts or service:ask("/_wait?total=%d", n)
    assert.equal(n, counts.total)
    assert.equal(n, counts.distinct)
  end

  local function assert_quiet()
    assert.same({}, publisher:warnings())
  end

  it("answers other requests at once #timing", function()
    start(IN_FLIGHT)
    service:ask("/_set?delay=%g", SLOW)
    load("publish", IN_FLIGHT * 10)
    service:ask("/_wait?total=%d", IN_FLIGHT) -- each has a connection
    local times, began = {}, core.monotonic()
    local now = began
    repeat
      local _, status = publisher:get "/neighbour"
      assert.equal(200, status)
      local before
      before, now = now, core.monotonic()
      times[#times + 1] = now - before
    until now > began + 5 * SLOW
    local counts = service:ask "/_stats"
    assert.equal(IN_FLIGHT, counts.in_flight)
    assert.is_true(counts.total < IN_FLIGHT * 10, "the load was over")
    table.sort(times)
    local p99 = times[math.ceil(#times * 0.99)]
    assert.is_true(#times >= 200 and p99 < MAX_P99,
      ("%d requests, p99 %.2f ms"):format(#times, p99 * 1000))
    assert_loaded(IN_FLIGHT * 10)
    assert_quiet()
  end)

  it("uses no more connections than it may", function()
    start(8)
    service:ask "/_set?delay=0.02"
    load("both", 500)
    assert.equal(500, service:ask "/_loaded")
    local counts = service:ask "/_wait?total=1000"
    assert.same({ 1000, 500, 8, 8 }, { counts.total, counts.distinct,
      counts.in_flight, counts.connections })
    assert_quiet()
  end)

  it("does not grow", function()
    start(IN_FLIGHT)
    load("publish", SETTLED)
    assert_loaded(SETTLED)
    service:ask "/_set?delay=0"
    local settled = leaks.resident(publisher:worker())
    load("publish", MANY)
    assert_loaded(MANY)
    local growth = leaks.resident(publisher:worker()) - settled
    assert.is_true(growth < MAX_GROWTH, growth .. " kB")
    assert_quiet()
  end)

  for _, path in ipairs { "publish", "later" } do
    it("loses nothing when it is reloaded: " .. path, function()
      start(16)
      service:ask "/_set?delay=0.01"
      load(path, 2000, "&close=1") -- a kept connection nginx closes at will
      for _, total in ipairs { 300, 1000 } do
        service:ask("/_wait?total=%d", total)
        publisher:reload()
      end
      assert_loaded(2000)
      assert_quiet()
    end)
  end

  it("asks once for credentials that many wait for", function()
    publisher = start_nginx(service.http,
      "config = { max_pool_connections = 64 },", "env HOME=/nonexistent;"
      .. ("env AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:%d"
      .. "/credentials;"):format(service.http))
    load("publish", 50)
    assert_loaded(50)
    assert.equal(1, service:ask "/_stats".credentials)
    assert_quiet()
  end)
end)
