-- From client:publish to a subscriber of a real MQTT 5 broker, through real
-- sockets and TLS: nothing here is a stub.

local core = require "iotdataplane.core"
local dataplane = require "spec.support.dataplane"
local iotdataplane = require "iotdataplane"

local DAY = 86400

describe("client:publish", function()
  local plane

  setup(function() plane = dataplane.start() end)
  teardown(function() plane:stop() end)

  local function client(options)
    options = options or {}
    return iotdataplane.client {
      region_name = plane.region,
      endpoint_url = options.endpoint_url or plane.http,
      aws_access_key_id = options.key or plane.access_key_id,
      aws_secret_access_key = options.secret or plane.secret_access_key,
      verify = options.verify,
      transport = options.transport,
      config = options.config or { retries = { total_max_attempts = 1 } },
    }
  end

  local message = {
    topic = "sensors/roof/\195\169",
    qos = 1,
    retain = false,
    payload = "21.5\0\1\255\r\n",
    userProperties = { { unit = "C" }, { site = "roof \240\159\152\128" },
                       { unit = "again" } },
    payloadFormatIndicator = "UNSPECIFIED_BYTES",
    contentType = "application/octet-stream; v=1&2",
    responseTopic = "answers/to me",
    correlationData = core.base64_encode("\0\1\2\255"),
    messageExpiry = 3600,
  }

  for _, scheme in ipairs { "http", "https" } do
    it("brings every property to a subscriber, over " .. scheme, function()
      local subscription = plane:subscribe(message.topic, 1)
      local c = client { endpoint_url = plane[scheme], verify = plane.ca }
      local response = c:publish(message)
      assert.truthy(response.ResponseMetadata.RequestId:find("^[%x-]+$"))
      assert.equal(200, response.ResponseMetadata.HTTPStatusCode)
      local got = subscription:messages()[1]
      assert.equal(message.topic, got.topic)
      assert.equal(1, got.qos)
      assert.equal(message.payload, got.payload)
      assert.same({ { "unit", "C" }, { "site", "roof \240\159\152\128" },
                    { "unit", "again" } }, got.user_properties)
      assert.equal(message.contentType, got.content_type)
      assert.equal(message.responseTopic, got.response_topic)
      assert.equal("\0\1\2\255", got.correlation_data)
      assert.is_true(got.message_expiry > 3590 and got.message_expiry <= 3600)
      assert.equal(0, got.payload_format_indicator)
      c:close()
    end)
  end

  it("brings every byte, and a whole 128 KB", function()
    local all = {}
    for i = 0, 255 do all[i + 1] = string.char(i) end
    local payload = table.concat(all):rep(512)
    local subscription = plane:subscribe("big", 1)
    client():publish { topic = "big", payload = payload }
    assert.equal(payload, subscription:messages()[1].payload)
  end)

  it("publishes a file from where it stands", function()
    local file = io.tmpfile()
    file:write("not this, this")
    file:seek("set", 10)
    local subscription = plane:subscribe("file", 1)
    client():publish { topic = "file", payload = file }
    assert.equal("this", subscription:messages()[1].payload)
    file:close()
  end)

  it("retains a message, and deletes it by an empty one", function()
    local c = client()
    c:publish { topic = "kept", retain = true, payload = "x", qos = 1 }
    local late = plane:subscribe("kept", 1):messages()[1]
    assert.equal("x", late.payload)
    c:publish { topic = "kept", retain = true, payload = "", qos = 1 }
    local subscription = plane:subscribe("kept", 1)
    c:publish { topic = "kept", payload = "after", qos = 1 }
    assert.equal("after", subscription:messages()[1].payload)
  end)

  local function refusal(options, params)
    local _, err = client(options):try("publish", params or { topic = "t" })
    return err
  end

  it("is told of a bad signature", function()
    local err = refusal { secret = "wrong" }
    assert.equal("ClientError", err.name)
    assert.equal("InvalidSignatureException", err.response.Error.Code)
    assert.equal(403, err.response.ResponseMetadata.HTTPStatusCode)
    assert.equal("rejected", err.delivery)
    assert.is_nil(err.message:find("wrong", 1, true))
  end)

  it("is told of an unknown key", function()
    assert.equal(403, refusal { key = "AKIDNOBODY" }.response
      .ResponseMetadata.HTTPStatusCode)
  end)

  it("is told of a clock that is a day off, and goes by it", function()
    local curl = require "iotdataplane.transport.curl" {
      max_idle_time = 50, max_pool_connections = 1,
    }
    local late = setmetatable({
      now = function() return curl.now() - DAY end,
    }, { __index = curl })
    local ours = client { transport = late }
    ours:publish { topic = "t" }
    assert.is_true(math.abs(ours:clock_offset() - DAY) < 10)
    ours:publish { topic = "t" }
  end)

  it("is told of too large a payload", function()
    local err = refusal(nil, { topic = "t", payload = ("x"):rep(131073) })
    assert.equal("RequestEntityTooLargeException", err.name)
  end)

  it("is told of an unknown path", function()
    local err = refusal { endpoint_url = plane.http .. "/nowhere" }
    assert.equal("ResourceNotFoundException", err.name)
    assert.truthy(err:is_a("ClientError"))
  end)

  it("does not trust a server that nobody vouches for", function()
    local err = refusal { endpoint_url = plane.https }
    assert.equal("SSLError", err.name)
    assert.truthy(err.message:find("SSL validation failed for "
      .. plane.https .. "/topics/t ", 1, true))
    assert.equal("not_sent", err.delivery)
  end)

  it("trusts anybody where it is told to", function()
    client { endpoint_url = plane.https, verify = false }
      :publish { topic = "t" }
  end)
end)
