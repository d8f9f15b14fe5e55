local alone = require "spec.transport_alone"
local contract = require "spec.transport_contract"
local core = require "iotdataplane.core"
local curl = require "iotdataplane.curl"
local hostile = require "spec.support.hostile"
local new = require "iotdataplane.transport.curl"

local function new_transport(changes)
  local options = { max_idle_time = 50, max_pool_connections = 10 }
  for name, value in next, changes or {} do options[name] = value end
  return new(options)
end

describe("the curl transport", function()
  contract(new_transport,
    { client_certificate = true, late_alert = true, alpn = true })
end)

describe("the curl transport alone", function() alone "curl" end)

describe("the curl transport by itself", function()
  local hosts

  setup(function() hosts = hostile.start() end)

  teardown(function() hosts:stop() end)

  -- As transport/curl.lua names a connection.
  local function identity()
    return table.concat({ "http", "127.0.0.1", tostring(hosts.http), "1", "",
                          "", "", "0", "", "", "", "", "", "", "" }, "\0")
  end

  local function send_by(exchange, path, read_timeout)
    return exchange:send(identity(), "GET", path, "", {}, "", 10,
      read_timeout or 10)
  end

  it("survives a pool that is closed before its exchanges", function()
    local pool = curl.pool(50, 10)
    local exchange = pool:exchange()
    local close = getmetatable(pool).__gc
    close(pool)
    close(pool)
    pool:clear()
    assert.has_error(function() pool:exchange() end, "the pool is closed")
    local status, fields, body, head = send_by(exchange, "/ok")
    assert.same({ 200, { ["content-length"] = "2" }, "ok" },
      { status, fields, body })
    assert.same({ { "Content-Length", "2" } }, core.headers(head))
  end)

  it("refuses an exchange that is closed", function()
    local exchange = curl.pool(50, 10):exchange()
    exchange:close()
    exchange:close()
    for _, name in ipairs { "send", "resume" } do
      assert.has_error(function() exchange[name](exchange) end,
        "the exchange is closed")
    end
  end)

  it("has its result until the next request", function()
    local exchange = curl.pool(50, 10):exchange()
    local status, name = send_by(exchange, "/silent", 0.05)
    assert.same({ nil, "ReadTimeoutError" }, { status, name })
    assert.equal("ReadTimeoutError", select(2, exchange:resume()))
    assert.equal(200, (send_by(exchange, "/ok")))
    assert.equal(200, (exchange:resume()))
  end)
end)
