-- A transport of the user's own: what it does not say counts as unknown, and
-- what it does wrong is told in words.

local iotdataplane = require "iotdataplane"
local stub = require "iotdataplane.transport.stub"

local function client_of(send, config)
  return iotdataplane.client {
    region_name = "eu-west-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", config = config,
    transport = { send = send, sleep = function() end,
                  now = function() return 1440938160 end },
  }
end

local function message_of(...)
  local ok, err = pcall(...)
  assert.is_false(ok)
  return tostring(err)
end

describe("a transport of the user's own", function()
  it("that does not say whether a failure was sent leaves it unknown",
    function()
      local n = 0
      local client = client_of(function()
        n = n + 1
        return nil, { name = "ReadTimeoutError", message = "late" }
      end, { retries = { resend_unknown = false } })
      local _, err = client:try("publish", { topic = "a" })
      assert.are.equal("unknown", err.delivery)
      assert.are.equal("late", err.reason)
      assert.are.equal(1, n)
    end)

  for what, failure in next, {
    nothing = false, ["a text"] = "oops", ["no name"] = {},
    ["an unknown name"] = { name = "Bogus" },
    ["a service's error"] = { name = "ThrottlingException" },
  } do
    it("is told that " .. what .. " is no failure", function()
      local client = client_of(function() return nil, failure or nil end)
      local text = message_of(client.publish, client, { topic = "a" })
      assert.truthy(text:find("transport:send must return", 1, true), text)
    end)
  end

  for what, response in next, {
    ["no headers"] = { status = 200 }, ["a text"] = "200",
    ["a status in text"] = { status = "200", headers = {}, body = "" },
    ["a body that is none"] = { status = 200, headers = {}, body = 5 },
  } do
    it("is told that " .. what .. " makes no response", function()
      local client = client_of(function() return response end)
      local text = message_of(client.publish, client, { topic = "a" })
      assert.truthy(text:find("transport:send must return", 1, true), text)
    end)
  end
end)

describe("the stub", function()
  it("wants a list of answers", function()
    for _, wrong in ipairs { { status = 500 }, { "x" }, { 1 } } do
      local text = message_of(stub, wrong)
      assert.truthy(text:find("a list of answers expected", 1, true), text)
    end
  end)

  it("knows what was not sent", function()
    local sent = { EndpointConnectionError = false, SSLError = false,
                   ConnectTimeoutError = false, ReadTimeoutError = true,
                   ProxyConnectionError = false, HTTPClientError = true }
    for name, expected in next, sent do
      local _, failure = stub { { name = name } }:send {}
      assert.are.equal(expected, failure.sent)
    end
    local _, failure = stub { { name = "SSLError", sent = true } }:send {}
    assert.is_true(failure.sent)
  end)

  it("says that a function gave no answer", function()
    local transport = stub { function() end }
    assert.truthy(message_of(transport.send, transport, {})
      :find("gave no answer", 1, true))
  end)
end)

describe("a client", function()
  local function new(options)
    options.region_name = "eu-west-1"
    return iotdataplane.client(options)
  end

  it("refuses headers that it makes itself", function()
    for _, name in ipairs { "User-Agent", "amz-sdk-request", "Authorization",
                            "X-Amz-Date", "X-Amz-Security-Token" } do
      local text =
        message_of(new, { config = { headers = { [name] = "x" } } })
      assert.truthy(text:find("cannot have '" .. name, 1, true), text)
    end
    local client = new { config = {
      signature_version = "unsigned", headers = { Authorization = "x" },
    } }
    assert.truthy(client)
  end)

  it("is no nginx outside of it", function()
    if rawget(_G, "ngx") then return end
    assert.truthy(message_of(new, { transport = "nginx" })
      :find("this is not nginx", 1, true))
  end)

  it("says how it is called", function()
    assert.truthy(message_of(iotdataplane.client, iotdataplane)
      :find("with a dot", 1, true))
    local client = new {}
    for _, name in ipairs { "flush", "queue_stats", "clock_offset",
                            "close" } do
      assert.truthy(message_of(client[name]):find("with a colon", 1, true))
    end
    for _, seconds in ipairs { "x", 0 / 0, {} } do
      assert.truthy(message_of(client.flush, client, seconds)
        :find("bad argument #1 to 'flush'", 1, true))
    end
  end)

  it("takes no message for a list of them", function()
    local client = new { transport = stub {} }
    for _, source in ipairs { { topic = "a" }, { { topic = "a" }, x = 1 },
                              { { topic = "a" }, [3] = { topic = "b" } } } do
      assert.truthy(message_of(client.publish_many, client, source)
        :find("a list of messages expected", 1, true))
    end
    assert.are.equal(0, client:publish_many({}).succeeded)
  end)
end)
