-- client:publish_later, outside nginx; queue_spec has the queue itself.

local clients = require "spec.support.client"
local stub = require "iotdataplane.transport.stub"

local function client_of(answers, config)
  local client = assert(clients.new({}, {
    region_name = "us-east-1", transport = stub(answers), config = config,
    aws_access_key_id = "AK", aws_secret_access_key = "SK",
  }))
  client.policy.random = function() return 0 end
  return client, client.transport.requests
end

describe("publish_later", function()
  it("sends nothing until it is flushed", function()
    local client, requests = client_of()
    assert.is_true(client:publish_later { topic = "a", payload = "1" })
    client:publish_later { topic = "b", payload = "2" }
    assert.equal(0, #requests)
    assert.same({ 2, 0 }, { client:flush() })
    assert.same({ "1", "2" }, { requests[1].body, requests[2].body })
    assert.equal("/topics/b", requests[2].path)
    assert.equal(2, client:queue_stats().sent)
  end)

  it("refuses what is not right, at once", function()
    local client = client_of()
    local ok, err = pcall(client.publish_later, client, { qos = 1 })
    assert.is_false(ok)
    assert.equal("ParamValidationError", err.name)
    assert.equal("Publish", err.operation_name)
    assert.equal(0, client:queue_stats().waiting)
  end)

  it("reads a file, and signs, when each is due", function()
    local client, requests = client_of()
    local file = io.tmpfile()
    file:write "content"
    file:seek "set"
    client:publish_later { topic = "a", payload = file }
    file:close()
    client.transport.time = client.transport.time + 3600
    client:flush()
    assert.equal("content", requests[1].body)
    local date
    for _, header in ipairs(requests[1].headers) do
      if header[1] == "x-amz-date" then date = header[2] end
    end
    assert.equal("20150830T133600Z", date)
  end)

  it("is tried again, as any call", function()
    local client, requests = client_of { { status = 503 }, {} }
    client:publish_later { topic = "a" }
    assert.same({ 1, 0 }, { client:flush() })
    assert.equal(2, #requests)
  end)

  it("tells the logger, once, of what failed", function()
    local said = {}
    local client = client_of({ { status = 400 } }, {
      logger = function(level, message)
        if level == "error" then said[#said + 1] = message end
      end })
    client:publish_later { topic = "a" }
    assert.same({ 0, 0 }, { client:flush() })
    assert.same({ "ClientError: An error occurred (400) when calling the "
      .. "Publish operation: " }, said)
    assert.equal(1, client:queue_stats().failed)
  end)

  it("has its time for a call when it is sent", function()
    local client, requests = client_of({}, { api_call_timeout = 5 })
    client:publish_later { topic = "a" }
    client.transport.time = client.transport.time + 100
    assert.equal(1, (client:flush()))
    assert.equal(client.transport.time + 5, requests[1].deadline)
  end)

  it("raises where the queue is full", function()
    local client = client_of({}, { queue = { max_messages = 1 } })
    client:publish_later { topic = "a" }
    local ok, err = pcall(client.publish_later, client, { topic = "b" })
    assert.is_false(ok)
    assert.equal("RuntimeError: the queue is full: 1 messages wait",
                 tostring(err))
    assert.equal("not_sent", err.delivery)
  end)

  it("drops the oldest where it is told to", function()
    local client, requests = client_of({}, {
      queue = { max_messages = 1, overflow = "drop_oldest" } })
    client:publish_later { topic = "a" }
    client:publish_later { topic = "b" }
    client:flush()
    assert.equal(1, #requests)
    assert.equal("/topics/b", requests[1].path)
    assert.equal(1, client:queue_stats().dropped)
  end)

  it("is called with a colon and a table", function()
    local client = client_of()
    for _, call in ipairs {
      function() client.publish_later { topic = "t" } end,
      function() client:publish_later() end,
    } do
      local ok, err = pcall(call)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("publish_later", 1, true))
    end
  end)
end)
