-- nginx_beyond.lua - what the transport of cosockets does beyond the contract;
-- runs in an nginx worker, see nginx_contract.lua

local describe_limit = require "spec.support.nginx_beyond_limit".limit
local describe_proxies = require "spec.support.nginx_beyond_tls".proxies
local describe_tls = require "spec.support.nginx_beyond_tls".tls
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local luassert = require "luassert"

-- luacheck: read globals ngx

local SOON = 0.1 -- seconds

local beyond = {}

-- What tests are written with: {hosts, new_transport, transport, ...}.
local t = {}

local function request(path, changes)
  local made = {
    method = "POST", scheme = "http", host = "127.0.0.1", path = path,
    query = "", headers = { { "host", "here" } }, body = "x",
    connect_timeout = 10, read_timeout = 10, replay = true,
    tls = { verify = true }, tcp_keepalive = false,
  }
  for name, value in next, changes or {} do made[name] = value end
  made.port = made.port or t.hosts[made.scheme]
  return made
end

function t.send(path, changes)
  return t.transport:send(request(path, changes))
end

function t.ok(path, changes)
  local response, failure = t.send(path, changes)
  luassert.is_nil(failure and failure.name .. ": " .. failure.message)
  luassert.equal(200, response.status)
  return response
end

function t.fails(name, sent, path, changes)
  local response, failure = t.send(path, changes)
  luassert.is_nil(response)
  luassert.same({ name, sent }, { failure.name, failure.sent })
  return failure.message
end

function t.has(text, ...)
  for _, word in ipairs { ... } do
    luassert.is_truthy(text:find(word, 1, true), text)
  end
end

function t.in_threads(n, run)
  local threads = {}
  for i = 1, n do threads[i] = ngx.thread.spawn(run, i) end
  for i = 1, n do luassert.is_true((ngx.thread.wait(threads[i]))) end
end

local ok, fails, has, in_threads = t.ok, t.fails, t.has, t.in_threads

-- ---- connections that are kept ----

local function describe_keeping(it)
  it("tells which connection it was", function()
    ok "/ok"
    luassert.equal("new", t.transport:connection())
    ok "/ok"
    luassert.equal("kept 1", t.transport:connection())
    ok "/ok"
    luassert.equal("kept 2", t.transport:connection())
  end)

  it("says where it sent twice", function()
    luassert.is_nil(ok "/second_closes".replayed)
    luassert.is_true(ok "/second_closes".replayed)
  end)

  it("sends again on a new connection, not on a kept one", function()
    in_threads(3, function() ok "/second_closes" end)
    luassert.is_true(ok "/second_closes".replayed)
    luassert.equal(4, (t.hosts:arrived "http"))
  end)

  it("closes what it keeps, and opens anew", function()
    in_threads(3, function() ok "/drip_head" end)
    t.transport:close()
    t.hosts:wait(function(stats)
      local closed = 0
      for _, c in ipairs(stats.connections) do
        if c.ended == "eof" then closed = closed + 1 end
      end
      return closed == 3
    end)
    ok "/ok"
    luassert.equal(4, (t.hosts:arrived "http"))
  end)

  it("does not keep what was in use when it was closed", function()
    in_threads(2, function(i)
      if i == 1 then ok "/drip_head" else t.transport:close() end
    end)
    ok "/ok"
    luassert.equal(2, (t.hosts:arrived "http"))
  end)

  it("lets no connection live for ever", function()
    in_threads(3, function() ok "/drip_head" end)
    local _, pool = next(t.transport.pools.all)
    pool.old_at = pool.old_at - 600
    ok "/ok"
    ok "/ok"
    luassert.equal(4, (t.hosts:arrived "http"))
  end)

  it("drops a connection that was idle too long", function()
    t.transport = t.new_transport { max_idle_time = 0.001 }
    ok "/ok"
    ngx.sleep(0.05)
    ok "/ok"
    luassert.equal(2, (t.hosts:arrived "http"))
  end)

  it("keeps nothing for another transport", function()
    ok "/ok"
    t.transport = t.new_transport()
    ok "/ok"
    luassert.equal(2, (t.hosts:arrived "http"))
  end)

  it("tells connections with TCP's keep-alive from those without", function()
    ok "/ok"
    ok("/ok", { tcp_keepalive = true })
    ok "/ok"
    luassert.equal(2, (t.hosts:arrived "http"))
  end)

  it("has TCP's keep-alive where it is wanted", function()
    local seen = {}
    for i, wanted in ipairs { true, false } do
      local changes = { tcp_keepalive = wanted }
      ok("/ok", changes)
      t.transport.pools.pool.keep = function(_, exchange)
        seen[i] = exchange.sock:getoption "keepalive"
        exchange.sock:close()
      end
      ok("/ok", changes)
    end
    luassert.same({ 1, 0 }, seen)
  end)

  it("is not misled by a NUL in what names a connection", function()
    for _, changes in ipairs {
      { host = "127.0.0.1\0" }, { tls = { cert = "\0" } },
    } do
      fails("HTTPClientError", false, "/ok", changes)
    end
  end)
end

-- ---- an answer before the request is out ----

local function describe_early(it)
  local LARGE = ("x"):rep(8 * 1024 * 1024)

  it("is no success", function()
    has(fails("HTTPClientError", true, "/early_ok", { body = LARGE }),
      "before")
  end)

  it("ends the sending at once", function()
    ok "/ok"
    local is_out, reused
    local pool = t.transport.pools.pool
    pool.leave = function(self, exchange)
      is_out, reused = exchange.is_out, exchange.sock:getreusedtimes()
      return getmetatable(self).leave(self, exchange)
    end
    luassert.equal(413, (t.send("/early", { body = LARGE }).status))
    luassert.is_false(is_out)
    luassert.is_nil(reused)
  end)
end

-- ---- hosts that have a name ----

local named = { host = "localhost" }

local function describe_names(it)
  it("keeps a connection to one", function()
    ok("/ok", named)
    luassert.equal("new", t.transport:connection())
    ok("/ok", named)
    luassert.equal("kept 1", t.transport:connection())
    luassert.equal(1, (t.hosts:arrived "http"))
  end)

  it("looks for many at once", function()
    t.transport = t.new_transport { max_pool_connections = 3 }
    in_threads(12, function()
      ok("/ok", named)
      fails("EndpointConnectionError", false, "/ok",
        { host = "nobody.invalid" })
      fails("ConnectTimeoutError", false, "/ok",
        { host = "nobody.slow", connect_timeout = SOON / 4 })
    end)
    luassert.equal(3, (t.hosts:arrived "http"))
  end)

  it("closes what it ends while it connects", function()
    local way = { host = "localhost", port = t.hosts.deaf,
                  connect_timeout = SOON }
    ok("/ok", named) -- nginx keeps its own way to the server of names
    local before = leaks.descriptors()
    fails("ConnectTimeoutError", false, "/ok", way)
    luassert.equal(before, leaks.descriptors())
  end)

  it("has back what a thread held that was killed", function()
    t.transport = t.new_transport { max_pool_connections = 1 }
    local way = { host = "nobody.silent", connect_timeout = SOON }
    local thread = ngx.thread.spawn(t.send, "/ok", way)
    luassert.is_truthy(ngx.thread.kill(thread))
    local pool = t.transport.pools.pool
    luassert.equal(0, pool.room)
    pool.held[1].dead_by = 0 -- instead of to wait for it
    fails("ConnectTimeoutError", false, "/ok", way)
    luassert.equal(1, pool.room)
  end)
end

function beyond.describe(busted, new)
  t.new_transport = new

  local function group(name, describe)
    busted.describe(name, function() describe(busted.it, t) end)
  end

  busted.describe("beyond the contract", function()
    busted.setup(function()
      t.hosts = hostile.start(nil, t.new_transport())
    end)
    busted.before_each(function()
      t.hosts:clear()
      t.transport = t.new_transport()
    end)
    busted.after_each(function() t.transport:close() end)
    group("connections in use", describe_limit)
    group("kept connections", describe_keeping)
    group("an early answer", describe_early)
    group("TLS", describe_tls)
    group("proxies", describe_proxies)
    group("names", describe_names)
  end)
end

return beyond
