-- nginx_beyond_limit.lua - beyond the contract: how many connections a worker
-- uses at once; see nginx_beyond.lua

local core = require "iotdataplane.core"
local luassert = require "luassert"

-- luacheck: read globals ngx

local SOON = 0.1 -- seconds

local now_in, most_in = 0, 0

-- Served to ourselves: takes a moment, and sees how many came at once.
local function slow()
  now_in = now_in + 1
  most_in = math.max(most_in, now_in)
  ngx.sleep(0.01)
  now_in = now_in - 1
  ngx.say(ngx.var.connection)
end

local function describe_limit(it, t)
  local ok, fails, in_threads = t.ok, t.fails, t.in_threads

  it("never uses more connections than it may", function()
    t.transport = t.new_transport { max_pool_connections = 3 }
    most_in = 0
    local port, seen = tonumber(ngx.var.server_port), {}
    in_threads(20, function()
      for _ = 1, 5 do seen[ok("/slow", { port = port }).body] = true end
    end)
    local n = 0
    for _ in next, seen do n = n + 1 end
    luassert.same({ 3, 3 }, { most_in, n })
  end)

  it("waits for a connection for as long as one may take", function()
    t.transport = t.new_transport { max_pool_connections = 1 }
    in_threads(2, function(i)
      if i == 1 then
        fails("ReadTimeoutError", true, "/silent", { read_timeout = SOON })
      elseif i == 2 then
        fails("ConnectTimeoutError", false, "/ok",
          { connect_timeout = SOON / 4 })
        fails("ApiCallTimeoutError", false, "/ok",
          { deadline = core.monotonic() + SOON / 4 })
        ok "/ok"
      end
    end)
  end)

  it("has back what a thread held that was killed", function()
    t.transport = t.new_transport { max_pool_connections = 1 }
    for _, case in ipairs { { "/silent" }, { "/takes_nothing", 1024 } } do
      local thread = ngx.thread.spawn(t.send, case[1],
        { body = ("x"):rep(case[2] or 1):rep(4096), read_timeout = SOON })
      ngx.sleep(0.01)
      luassert.is_truthy(ngx.thread.kill(thread))
      ok "/ok"
    end
  end)

  it("loses none where who is let in is killed at once", function()
    local _, pool = ok "/ok", t.transport.pools.pool
    pool.room = 1
    local now = core.monotonic()
    local first, last = { dead_by = now + 10 }, {}
    pool:enter(first, now, now + 10)
    local waiter = ngx.thread.spawn(pool.enter, pool, {}, now, now + 10)
    pool:leave(first)
    luassert.is_truthy(ngx.thread.kill(waiter))
    luassert.is_truthy(pool:enter(last, now, now + 10))
    pool:leave(last)
    luassert.same({ 1, false }, { pool.room, pool.is_crowded })
  end)

  it("does not take one from a thread that is alive", function()
    t.transport = t.new_transport { max_pool_connections = 1 }
    in_threads(2, function(i)
      if i == 1 then
        fails("ReadTimeoutError", true, "/silent", { read_timeout = 1.5 })
      else
        fails("ConnectTimeoutError", false, "/ok", { connect_timeout = 1.3 })
      end
    end)
  end)
end

return { limit = describe_limit, slow = slow }
