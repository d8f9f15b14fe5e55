-- A shadow's life and that of retained messages, through real sockets, in a
-- data plane that keeps state; and the example that tells of them.

local child = require "spec.support.child"
local cjson = require "cjson"
local dataplane = require "spec.support.dataplane"
local iotdataplane = require "iotdataplane"
local server = require "spec.support.server"

-- Fewer where each takes long, as under valgrind.
local COUNT = math.min(tonumber(os.getenv "COUNT") or 1000, 1000)

local function names_of(list)
  table.sort(list)
  return table.concat(list, " ")
end

describe("the whole data plane", function()
  local plane, client

  setup(function()
    plane = dataplane.start()
    client = iotdataplane.client {
      region_name = plane.region, endpoint_url = plane.https,
      aws_access_key_id = plane.access_key_id,
      aws_secret_access_key = plane.secret_access_key, verify = plane.ca,
    }
  end)

  teardown(function()
    client:close()
    plane:stop()
  end)

  local function update(document, shadow)
    return client:try("update_thing_shadow", {
      thingName = "lamp", shadowName = shadow,
      payload = cjson.encode(document),
    })
  end

  local function read(shadow)
    local response, err = client:try("get_thing_shadow",
      { thingName = "lamp", shadowName = shadow })
    if not response then return nil, err end
    assert.is_string(response.payload)
    return cjson.decode(response.payload)
  end

  it("keeps a shadow, and refuses a stale version", function()
    local response = assert(update { state = { desired = { on = true } } })
    assert.equal(1, cjson.decode(response.payload).version)
    local document = read()
    assert.same({ on = true }, document.state.desired)
    assert(update { state = { desired = { on = false } },
                    version = document.version })
    local late, err = update { state = { desired = { on = true } },
                               version = document.version }
    assert.is_nil(late)
    assert.equal("ConflictException", err.name)
    assert.equal(409, err.response.ResponseMetadata.HTTPStatusCode)
    assert.equal("rejected", err.delivery)
    assert.equal("UpdateThingShadow", err.operation_name)
    assert.same({ on = false }, read().state.desired)
  end)

  it("takes a document from a file", function()
    local file = assert(io.tmpfile())
    file:write('not this{"state":{"reported":{"from":"a file"}}}')
    file:seek("set", #"not this")
    client:update_thing_shadow { thingName = "lamp", payload = file }
    assert.same({ from = "a file" }, read().state.reported)
    file:close()
  end)

  it("lists a thing's shadows, page by page", function()
    for i = 1, 7 do assert(update({ state = {} }, "s" .. i)) end
    local found, sizes = {}, {}
    local paginator = client:get_paginator "list_named_shadows_for_thing"
    for page in paginator:paginate {
      thingName = "lamp", PaginationConfig = { PageSize = 3 },
    } do
      sizes[#sizes + 1] = #page.results
      assert.is_true(page.timestamp > 1500000000)
      for _, name in ipairs(page.results) do found[#found + 1] = name end
    end
    assert.same({ 3, 3, 1 }, sizes)
    assert.equal("s1 s2 s3 s4 s5 s6 s7", names_of(found))
  end)

  it("deletes a shadow, which is gone then", function()
    local response = client:delete_thing_shadow {
      thingName = "lamp", shadowName = "s1" }
    assert.equal(1, cjson.decode(response.payload).version)
    local document, err = read "s1"
    assert.is_nil(document)
    assert.equal("ResourceNotFoundException", err.name)
    assert.truthy(read "s2")
  end)

  local function topics_of(params)
    local found, pages = {}, 0
    local paginator = client:get_paginator "list_retained_messages"
    for page in paginator:paginate(params) do
      pages = pages + 1
      for _, summary in ipairs(page.retainedTopics) do
        found[summary.topic] = summary
        found[#found + 1] = summary.topic
      end
    end
    return found, pages
  end

  it("pages through a thousand retained topics; one is deleted", function()
    for i = 1, COUNT do
      client:publish { topic = ("kept/%04d"):format(i), qos = i % 2,
                       retain = true, payload = "n" .. i }
    end
    local found, pages = topics_of { PaginationConfig = { PageSize = 128 } }
    assert.equal(COUNT, #found)
    assert.equal(math.ceil(COUNT / 128), pages)
    for i = 1, COUNT do
      local summary = found[("kept/%04d"):format(i)]
      assert.equal(i % 2, summary.qos)
      assert.equal(#("n" .. i), summary.payloadSize)
      assert.is_true(summary.lastModifiedTime > 1.5e12)
    end

    local topic = ("kept/%04d"):format(math.floor(COUNT / 2))
    assert.truthy(client:get_retained_message { topic = topic })
    client:publish { topic = topic, retain = true, payload = "" }
    local message, err =
      client:try("get_retained_message", { topic = topic })
    assert.is_nil(message)
    assert.equal("ResourceNotFoundException", err.name)
    found = topics_of()
    assert.equal(COUNT - 1, #found)
    assert.is_nil(found[topic])
  end)

  it("goes on where MaxItems ended a listing", function()
    local seen, token = {}, nil
    local paginator = client:get_paginator "list_retained_messages"
    repeat
      local all = paginator:paginate({
        PaginationConfig = { MaxItems = 333, StartingToken = token },
      }):build_full_result()
      for _, summary in ipairs(all.retainedTopics) do
        assert.is_nil(seen[summary.topic])
        seen[summary.topic] = true
        seen[#seen + 1] = summary.topic
      end
      token = all.NextToken
    until not token
    assert.equal(COUNT - 1, #seen)
  end)

  it("gives a retained message back, to the byte", function()
    local payload = "\0\1\255 21.5 \195\169\r\n"
    client:publish { topic = "kept/blob", retain = true, payload = payload,
                     qos = 1, userProperties = { { unit = "C" } } }
    local message = client:get_retained_message { topic = "kept/blob" }
    assert.equal("kept/blob", message.topic)
    assert.equal(payload, message.payload)
    assert.equal(1, message.qos)
    assert.equal('[{"unit":"C"}]', message.userProperties)
  end)

  it("tells of a connection, sends to it, and ends it", function()
    -- with its last message it leaves, and may not confirm that
    local device = plane:subscribe("direct/#", 2, {
      client_id = "device-1", session_expiry = 60 })
    local told = client:get_connection { clientId = "device-1",
                                         includeSocketInformation = true }
    assert.is_true(told.connected)
    assert.equal("device-1", told.clientId)
    assert.is_false(told.cleanSession)
    assert.equal(60, told.sessionExpiry)
    assert.equal("127.0.0.1", told.sourceIp)
    assert.is_true(told.sourcePort > 0)
    local subscriptions =
      client:list_subscriptions { clientId = "device-1" }.subscriptions
    assert.equal(1, #subscriptions)
    assert.equal("direct/#", subscriptions[1].topicFilter)

    local sent = client:send_direct_message {
      clientId = "device-1", topic = "elsewhere", payload = "for you",
      confirmation = true, timeout = 10,
    }
    assert.equal("OK", sent.message)
    client:send_direct_message { clientId = "device-1", topic = "bye" }
    local got = device:messages()[1]
    assert.equal("elsewhere", got.topic)
    assert.equal("for you", got.payload)
  end)

  it("ends a connection, which is gone then", function()
    local device = plane:subscribe("x", 1, { client_id = "device-2" })
    client:delete_connection { clientId = "device-2", cleanSession = true }
    local result, err =
      client:try("send_direct_message", { clientId = "device-2", topic = "x" })
    assert.is_nil(result)
    assert.equal("ResourceNotFoundException", err.name)
    device:close()
  end)

  it("refuses what strict mode would", function()
    for _, case in ipairs {
      { "publish", { topic = "a/b/c/d/e/f/g/h/i" } },
      { "publish", { topic = "t", messageExpiry = 0 } },
      { "publish", { topic = "t", qos = 2 } },
      { "publish", { topic = "a/+" } },
      { "publish", { topic = "t", correlationData = "?" } },
      { "publish", { topic = ("x"):rep(257) } },
      { "get_thing_shadow", { thingName = "a b" } },
      { "list_retained_messages", { maxResults = 201 } },
    } do
      local _, err = client:try(case[1], case[2])
      assert.equal("InvalidRequestException", err.name)
    end
    local _, err = client:try("update_thing_shadow",
      { thingName = "t", payload = ("x"):rep(8193) })
    assert.equal("RequestEntityTooLargeException", err.name)
  end)

  it("is what examples/shadows.lua tells of", function()
    local environment = {
      "env", "AWS_REGION=" .. plane.region,
      "AWS_ENDPOINT_URL_IOT_DATA_PLANE=" .. plane.https,
      "AWS_CA_BUNDLE=" .. plane.ca,
      "AWS_ACCESS_KEY_ID=" .. plane.access_key_id,
      "AWS_SECRET_ACCESS_KEY=" .. plane.secret_access_key,
    }
    for i, word in ipairs(environment) do
      environment[i] = server.quote(word)
    end
    local before = #topics_of()
    local said = child.output(table.concat(environment, " "),
      "examples/shadows.lua", "example", "300")
    local pages = math.ceil((before + 300) / 200)
    assert.equal(([[
The shadow says: 21 degrees
Version 1 is stale: Version conflict
Shadows: climate, display
Retained topics: 300, on %d pages
examples/example/0001 has: message 1
Deleted; it is gone
Retained topics: 299, on %d pages
]]):format(pages, pages), said)
    assert.equal(before, #topics_of()) -- it leaves nothing
    assert.same({}, client:list_named_shadows_for_thing {
      thingName = "example" }.results)
  end)
end)
