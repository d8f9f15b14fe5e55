-- A call that waits for a device: how long, and what becomes of a 504.

local iotdataplane = require "iotdataplane"
local model = require "iotdataplane.model"
local stub = require "iotdataplane.transport.stub"

local TIMED_OUT = {
  status = 504, headers = { { "x-amzn-errortype",
                              "GatewayTimeoutException" } },
  body = '{"message":"The client did not confirm"}',
}

local function client_of(transport, config)
  return iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = transport, config = config,
  }
end

---The read time-out that a call is sent with.
local function read_timeout(params, config, method)
  local transport = stub()
  params.clientId, params.topic = "c", "t"
  local _, err = client_of(transport, config)
    :try(method or "send_direct_message", params)
  assert.is_nil(err)
  return transport.requests[1].read_timeout
end

describe("send_direct_message's read time-out", function()
  local short = { read_timeout = 2 }

  it("is longer than its timeout", function()
    assert.is_true(read_timeout({ timeout = 15, confirmation = true }, short)
                   >= 15 + 1)
    assert.is_true(read_timeout({ timeout = 90 }) >= 90 + 1)
  end)

  it("is longer than what the service waits without one", function()
    assert.is_true(read_timeout({ confirmation = true }, short) >= 5 + 1)
  end)

  it("is the client's where that is longer, or nobody waits", function()
    assert.equal(60, read_timeout { timeout = 15, confirmation = true })
    assert.equal(2, read_timeout({}, short))
    assert.equal(2, read_timeout({ confirmation = false }, short))
  end)

  it("is not what the next call has, whatever the transport", function()
    local requests = {}
    local transport = {
      send = function(_, request)
        requests[#requests + 1] = request.read_timeout
        return { status = 200, headers = {}, body = "{}" }
      end,
      sleep = function() end, now = function() return 0 end,
    }
    local options = {
      region_name = "us-east-1", aws_access_key_id = "AK",
      aws_secret_access_key = "SK", config = short,
    }
    -- a transport of our own: it has spare requests
    local real = package.loaded["iotdataplane.transport.curl"]
    package.loaded["iotdataplane.transport.curl"] =
      function() return transport end
    local c = iotdataplane.client(options)
    package.loaded["iotdataplane.transport.curl"] = real
    c:publish { topic = "t" }
    c:send_direct_message { clientId = "c", topic = "t", timeout = 9,
                            confirmation = true }
    c:publish { topic = "t" }
    assert.equal(2, requests[1])
    assert.is_true(requests[2] > 9)
    assert.equal(2, requests[3])
  end)

  it("holds for each attempt", function()
    local transport = stub { { status = 503 }, {} }
    client_of(transport, short):send_direct_message {
      clientId = "c", topic = "t", timeout = 15, confirmation = true,
    }
    assert.equal(2, #transport.requests)
    for _, request in ipairs(transport.requests) do
      assert.is_true(request.read_timeout > 15)
    end
  end)
end)

local function play(answers, retries, method)
  local transport = stub(answers)
  method = method or "send_direct_message"
  local params = {}
  for _, name in ipairs(model.operations[method].required) do
    params[name] = "x"
  end
  local result, err = client_of(transport, { retries = retries })
    :try(method, params)
  return #transport.requests, err, result
end

describe("a 504", function()
  it("of send_direct_message is not repeated, in any mode", function()
    for _, mode in ipairs { "standard", "legacy", "adaptive" } do
      local sent, err = play({ TIMED_OUT, {} }, { mode = mode })
      assert.equal(1, sent)
      assert.equal("GatewayTimeoutException", err.name)
      assert.equal("unknown", err.delivery)
      assert.equal(0, err.response.ResponseMetadata.RetryAttempts)
    end
  end)

  it("that is not the service's own is not repeated either", function()
    local sent = play { { status = 504, body = "<html>" }, {} }
    assert.equal(1, sent)
  end)

  it("is repeated where that is asked for", function()
    local sent, err, result =
      play({ TIMED_OUT, {} }, { resend_unknown = true })
    assert.is_nil(err)
    assert.equal(2, sent)
    assert.equal(1, result.ResponseMetadata.RetryAttempts)
  end)

  it("is not repeated where nothing unknown is to be", function()
    assert.equal(1, (play({ TIMED_OUT, {} }, { resend_unknown = false })))
  end)

  it("of the other operations is repeated as ever", function()
    assert.equal(2, (play({ TIMED_OUT, {} }, nil, "get_thing_shadow")))
    assert.equal(2, (play({ TIMED_OUT, {} }, nil, "publish")))
  end)

  it("is the only answer that is not repeated", function()
    for _, answer in ipairs { { status = 503 }, { status = 500 },
                              { status = 429 },
                              { name = "ReadTimeoutError" } } do
      assert.equal(2, (play { answer, {} }))
    end
    assert.equal(2, (play { { status = 503 }, TIMED_OUT, {} }))
  end)
end)
