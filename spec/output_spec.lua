-- What a service's answer becomes: the members of each operation's result.

local boto3 = require "spec.support.boto3"
local iotdataplane = require "iotdataplane"
local model = require "iotdataplane.model"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local math_type = rawget(math, "type") -- Lua 5.3 and later

local function client(answer)
  return iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = stub { answer },
    config = { retries = { total_max_attempts = 1 } },
  }
end

local function answer_of(response)
  local headers = {}
  for name, value in pairs(response.headers) do
    headers[#headers + 1] = { name, value }
  end
  return { status = response.status, headers = headers,
           body = vectors.bytes(response.body_base64) }
end

-- Where Python itself is surprised, and what we make of it instead: an
-- error, or a result without members.
local surprised = {
  Error = "ResponseParserError", -- binascii's
  AttributeError = {}, TypeError = {},
}

---In Luas without integers the recorded long ones are doubles.
local function rounded(value)
  if type(value) ~= "table" then return value end
  if value["$int"] then return tonumber(value["$int"]) end
  local new = {}
  for key, item in pairs(value) do new[key] = rounded(item) end
  return new
end

local function recorded(output)
  if not vectors.has_integers then output = rounded(output) end
  return assert(vectors.params { params = output })
end

local function assert_metadata(expected, metadata)
  assert.equal(expected.RequestId, metadata.RequestId)
  assert.equal(expected.HostId, metadata.HostId)
  assert.equal(expected.HTTPStatusCode, metadata.HTTPStatusCode)
  assert.equal(expected.RetryAttempts, metadata.RetryAttempts)
  assert.same(expected.HTTPHeaders, metadata.HTTPHeaders)
end

local function check(case)
  local expected = case.expected
  local params = assert(vectors.params(case))
  local result, err = client(answer_of(case.response))
    :try(boto3.method(case.operation), params)
  local class = expected.error and expected.error.class
  local ours = surprised[class] or class
  if type(ours) == "string" then
    assert.equal(ours, err.name)
    return
  end
  assert.is_nil(err)
  if expected.metadata then
    assert_metadata(expected.metadata, result.ResponseMetadata)
  end
  result.ResponseMetadata = nil
  assert.same(ours or recorded(expected.output), result)
end

local function answer(name, body)
  local params = {}
  for _, required in ipairs(model.operations[name].required) do
    params[required] = "x"
  end
  return client { body = body }:try(name, params)
end

local function retained(members)
  return answer("get_retained_message", members)
end

describe("output", function()
  describe("as boto3 gives it:", function()
    vectors.each(it, pending, "responses/operations.json", check)
  end)

  it("has integers where Lua has them", function()
    local result = retained [[{"qos":1.0,"lastModifiedTime":"0017"}]]
    assert.equal(17, result.lastModifiedTime)
    if math_type then
      assert.equal("integer", math_type(result.qos))
      assert.equal("integer", math_type(result.lastModifiedTime))
    end
  end)

  it("keeps the last digit of long integers", function()
    for _, text in ipairs { "1234567890123456", "-1234567890123457",
                            "9007199254740993", "9223372036854775807",
                            "-9223372036854775808" } do
      local result = retained('{"topic":"a","lastModifiedTime": ' .. text
        .. ' ,"qos":0}')
      assert.equal(tonumber(text), result.lastModifiedTime)
      if math_type then
        assert.equal("integer", math_type(result.lastModifiedTime))
      end
    end
  end)

  it("leaves long digits in strings alone", function()
    for _, topic in ipairs { "1234567890123456789", 'a"1234567890123456789',
                             "\\1234567890123456789\\" } do
      local text = topic:gsub('[\\"]', "\\%0")
      local result = retained(
        ('{"topic":"%s","lastModifiedTime":1234567890123456789}')
          :format(text))
      assert.equal(topic, result.topic)
      assert.equal(tonumber "1234567890123456789", result.lastModifiedTime)
    end
    assert.equal("x 1234567890123456789",
      answer("send_direct_message", "x 1234567890123456789").message)
    assert.equal('["1234567890123456789', answer("send_direct_message",
      '["1234567890123456789').message)
  end)

  it("takes integers beyond 64 bits for what they are nearest to", function()
    local result = retained '{"lastModifiedTime":18446744073709551616}'
    assert.equal(2 ^ 64, result.lastModifiedTime)
    result = retained '{"lastModifiedTime":-1.9}'
    assert.equal(-1, result.lastModifiedTime)
  end)

  it("refuses what is not of the model's type", function()
    for _, case in ipairs {
      { "get_retained_message", '{"qos":"one"}', "qos is no integer" },
      { "get_retained_message", '{"qos":[1]}', "qos is no integer" },
      { "get_retained_message", '{"qos":1e999}', "qos is no integer" },
      { "get_retained_message", '{"payload":"aGVsbG8"}',
        "payload is no blob" },
      { "get_retained_message", '{"payload":5}', "payload is no blob" },
      { "list_retained_messages", '{"retainedTopics":"a"}',
        "retainedTopics is no list" },
      { "list_retained_messages", '{"retainedTopics":{"a":1}}',
        "retainedTopics is no list" },
      { "list_retained_messages", '{"retainedTopics":[1]}',
        "an item is no structure" },
      { "list_retained_messages", '{"retainedTopics":[{"qos":{}}]}',
        "qos is no integer" },
    } do
      local result, err = answer(case[1], case[2])
      assert.is_nil(result)
      assert.equal("ResponseParserError", err.name)
      assert.equal("Unable to parse response: " .. case[3], err.message)
      assert.equal("unknown", err.delivery)
      assert.equal(model.operations[case[1]].name, err.operation_name)
      assert.is_true(err:is_a "BotoCoreError")
    end
  end)

  it("is what a service says where it speaks no JSON", function()
    assert.equal("fine", answer("send_direct_message", "fine").message)
    local result = answer("list_subscriptions", "\255")
    result.ResponseMetadata = nil
    assert.same({}, result)
  end)

  it("never raises from within, whatever the body", function()
    local parts = { '{"retainedTopics":', '[{"qos":', "{", "[", "]", "}",
      '"a"', "null", "1e999", "-", "NaN", "\0", "\255", "{}", " ", '"\\',
      "12345678901234567", '"12345678901234567', ("["):rep(2000), "true" }
    for _, a in ipairs(parts) do
      for _, b in ipairs(parts) do
        for _, c in ipairs(parts) do
          local result, err = answer("list_retained_messages", a .. b .. c)
          assert.truthy(result or err.name == "ResponseParserError")
        end
      end
    end
  end)
end)
