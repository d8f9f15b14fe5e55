-- The logger's lines, and how long a call lasts. retry_spec and clock_spec
-- have what is tried again.

local clients = require "spec.support.client"
local stub = require "iotdataplane.transport.stub"

local SECRETS = { "hush", "TOKEN", "Signature=", "AWS4" }

local function client_of(answers, config, changes)
  local said = {}
  config = config or {}
  config.logger = function(level, message)
    said[#said + 1] = level .. ": " .. message
  end
  local options = {
    region_name = "us-east-1", transport = stub(answers), config = config,
    aws_access_key_id = "AKID", aws_secret_access_key = "hush",
    aws_session_token = "TOKEN",
  }
  for name, value in pairs(changes or {}) do options[name] = value end
  local client = assert(clients.new({}, options))
  client.policy.random = function() return 1 end
  return client, said
end

local URL = "https://data-ats.iot.us-east-1.amazonaws.com/topics/a%2Fb"

describe("the logger", function()
  it("hears of every attempt", function()
    local client, said = client_of {
      function() return { name = "ReadTimeoutError", message = "late" } end,
      { status = 503 }, {},
    }
    function client.transport.connection() return "kept 7" end
    client:publish { topic = "a/b", payload = "p" }
    assert.same({
      "debug: Publish attempt 1 of 3: POST " .. URL
        .. ", 0.000 s, connection kept 7: ReadTimeoutError (late), "
        .. "next in 1.000 s",
      "debug: Publish attempt 2 of 3: POST " .. URL
        .. ", 0.000 s, connection kept 7: 503 503, next in 2.000 s",
      "debug: Publish attempt 3 of 3: POST " .. URL
        .. ", 0.000 s, connection kept 7: 200",
    }, said)
  end)

  it("hears how long it took", function()
    local client, said = client_of { function() return {} end }
    local send = client.transport.send
    function client.transport:send(request)
      self.time = self.time + 0.25
      return send(self, request)
    end
    client:publish { topic = "a/b" }
    assert.same({ "debug: Publish attempt 1 of 3: POST " .. URL
      .. ", 0.250 s: 200" }, said)
  end)

  it("hears of the error that is raised", function()
    local client, said = client_of { { status = 400, headers = {
      { "x-amzn-ErrorType", "InvalidRequestException" } },
      body = '{"message":"no"}' } }
    local ok, err = pcall(client.publish, client, { topic = "a/b" })
    assert.is_false(ok)
    assert.same({
      "debug: Publish attempt 1 of 3: POST " .. URL
        .. ", 0.000 s: 400 InvalidRequestException",
      "error: " .. tostring(err),
    }, said)
  end)

  it("never hears a secret", function()
    local client, said = client_of { { name = "SSLError", message = "x" },
      { status = 403, headers = { { "x-amzn-ErrorType", "AuthFailure" },
        { "Date", "Sun, 30 Aug 2020 12:36:00 GMT" } } } }
    client:try("publish", { topic = "a/b", userProperties = { k = "v" } })
    assert.is_true(#said > 3)
    for _, line in ipairs(said) do
      for _, secret in ipairs(SECRETS) do
        assert.is_nil(line:find(secret, 1, true), line)
      end
    end
  end)
end)

describe("api_call_timeout", function()
  local function slow(seconds, answer)
    return function(transport)
      return function()
        transport.time = transport.time + seconds
        return answer
      end
    end
  end

  local function run(seconds, answer, limit)
    local client = client_of({}, { api_call_timeout = limit })
    local transport = client.transport
    transport.answers = { slow(seconds, answer)(transport) }
    local started = transport.time
    local result, err = client:try("publish", { topic = "t" })
    return result, err, transport.time - started, transport
  end

  it("ends a call that would wait beyond it, at once", function()
    local _, err, took, transport = run(1, { status = 500 }, 4)
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal("unknown", err.delivery)
    assert.equal(2, #transport.requests)
    assert.equal(3, took) -- 1, a wait of 1, 1; a wait of 2 would pass 4
  end)

  it("goes to the transport as one end for all attempts", function()
    local _, _, _, transport = run(1, { status = 500 }, 60)
    assert.equal(3, #transport.requests)
    assert.equal(transport.requests[1].deadline,
                 transport.requests[3].deadline)
    assert.equal(60, transport.requests[1].deadline - 1440938160)
  end)

  it("counts the credentials, too", function()
    local transport = stub { function()
      return { status = 500 }
    end }
    local client = assert(clients.new({
      AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://127.0.0.1:1/x",
    }, { region_name = "us-east-1", transport = transport,
         config = { api_call_timeout = 1.5 } }))
    local _, err = client:try("publish", { topic = "t" })
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal("not_sent", err.delivery)
    assert.is_true(transport.time - 1440938160 <= 1.5)
  end)
end)

describe("resend_unknown = false", function()
  local function requests_for(answers)
    local client = client_of(answers, { retries = { resend_unknown = false } })
    local _, err = client:try("publish", { topic = "t" })
    return #client.transport.requests, err and err.delivery
  end

  it("repeats nothing that may have arrived", function()
    for _, answer in ipairs {
      { name = "ReadTimeoutError", sent = true },
      { name = "ConnectionClosedError", sent = true }, { status = 500 },
    } do
      local count, delivery = requests_for { answer, {} }
      assert.same({ 1, "unknown" }, { count, delivery })
    end
  end)

  it("repeats what has not", function()
    for _, answer in ipairs {
      { name = "ConnectTimeoutError", sent = false }, { status = 429 },
      { name = "ConnectionClosedError", sent = false },
    } do
      assert.same({ 2 }, { requests_for { answer, {} } })
    end
  end)

  it("takes nothing of the quota for what it does not repeat", function()
    local client = client_of({ { status = 500 } },
                             { retries = { resend_unknown = false } })
    client:try("publish", { topic = "t" })
    assert.equal(500, client.policy.quota)
  end)
end)

describe("an error", function()
  it("has a transport's advice behind boto3's text", function()
    local transport = stub()
    function transport.send()
      return nil, { name = "EndpointConnectionError", message = "no resolver",
                    sent = false, advice = "set the directive resolver" }
    end
    local client = client_of({}, {}, { transport = transport })
    local _, err = client:try("publish", { topic = "a/b" })
    assert.equal('Could not connect to the endpoint URL: "' .. URL
      .. '" (set the directive resolver)', err.message)
  end)
end)
