local core = require "iotdataplane.core"
local iotdataplane = require "iotdataplane"
local json = require "iotdataplane.json"
local model = require "iotdataplane.model"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local function client(answer)
  return iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = stub { answer },
    -- boto3's default mode, in which the cases were recorded
    config = { retries = { mode = "legacy", total_max_attempts = 1 } },
  }
end

---The recorded answer as our reader gives it: some of what boto3 shows is
---Python's http.client's doing.
local function read(response)
  local lines = { ("HTTP/1.1 %d X"):format(response.status) }
  for i, h in ipairs(response.headers) do
    lines[i + 1] = h[1] .. ": " .. h[2]
  end
  local body = vectors.bytes(response.body_base64)
  lines[#lines + 1] = ("Content-Length: %d\r\n\r\n"):format(#body)
  local reader = core.reader()
  assert(reader:feed(table.concat(lines, "\r\n") .. body))
  local answer = {}
  local _, head
  answer.status, answer.fields, answer.body, _, head = reader:response()
  answer.headers = core.headers(head)
  return answer
end

---Publishes, under another operation's name where the case is of one.
local function call(case)
  local c = client(read(case.response))
  local operation = {}
  for key, value in pairs(model.operations.publish) do
    operation[key] = value
  end
  operation.name = case.operation or "Publish"
  model.operations.spec = operation
  local result, err = c:try("spec", { topic = "t" })
  model.operations.spec = nil
  return result, err
end

---A recorded value as ours.
local function value_of(recorded)
  if type(recorded) == "table" and recorded["$absent"] then return nil end
  local params = assert(vectors.params { params = { recorded } })
  local value = params[1]
  return value
end

-- API.md: a numeric error code is a string.
local function code_of(recorded)
  if type(recorded) == "number" then return ("%d"):format(recorded) end
  return value_of(recorded)
end

local function assert_value(expected, value)
  if expected ~= expected then -- NaN
    assert.is_true(value ~= value)
  else
    assert.same(expected, value)
  end
end

local function string_or_nil(value)
  return value ~= json.null and value or nil
end

local function check(case)
  local expected = case.expected
  local result, err = call(case)
  if expected.success then
    assert.is_nil(err)
    assert.equal(case.response.status,
                 result.ResponseMetadata.HTTPStatusCode)
    return
  end
  local metadata = err.response.ResponseMetadata
  assert.equal(case.response.status, metadata.HTTPStatusCode)
  assert.is_true(err:is_a("ClientError"))
  if expected.not_a_client_error then return end -- botocore itself crashes
  assert.equal(expected.class, err.name)
  assert.equal(expected.text, err.message)
  assert_value(code_of(expected.code), err.response.Error.Code)
  assert_value(value_of(expected.message), err.response.Error.Message)
  assert.equal(string_or_nil(expected.request_id), metadata.RequestId)
  for name, value in pairs(expected.modeled_members) do
    assert_value(value_of(value), err.response[name])
  end
  assert.equal(expected.modeled_members.message ~= nil,
               err.response.message ~= nil)
end

---Smithy's cases are of another service: its exceptions are none of ours.
local function check_protocol(case)
  local _, err = call(case)
  assert.equal("ClientError", err.name)
  assert.equal(case.expected.code, err.response.Error.Code)
  assert.equal(case.expected.message, err.response.Error.Message)
end

describe("parse", function()
  describe("as boto3 reads it:", function()
    vectors.each(it, pending, "errors/responses.json", check)
  end)

  describe("Smithy's", function()
    vectors.each(it, pending, "errors/rest-json-protocol.json",
                 check_protocol)
  end)

  describe("as Debian's boto3 reads it:", function()
    vectors.each_own(it, "errors.json", check)
  end)

  it("gives boto3's metadata", function()
    local result = client({
      status = 200, body = "{}",
      headers = { { "X-Amzn-RequestId", "r" }, { "Set-Cookie", "a" },
                  { "set-cookie", "b" } },
    }):publish { topic = "t" }
    assert.equal("r", result.ResponseMetadata.RequestId)
    assert.equal(200, result.ResponseMetadata.HTTPStatusCode)
    assert.equal(0, result.ResponseMetadata.RetryAttempts)
    assert.same({ ["x-amzn-requestid"] = "r", ["set-cookie"] = "a, b" },
                result.ResponseMetadata.HTTPHeaders)
  end)

  it("takes a body that is no object, or no UTF-8, for text", function()
    for _, body in ipairs { "[]", '"text"', "5", "null", "true", "{",
                            '{"message":"\255"}', "[1,2]", "{}x" } do
      local _, err = client { status = 400, body = body }
        :try("publish", { topic = "t" })
      assert.equal(body, err.response.Error.Message)
      assert.equal("400", err.response.Error.Code)
    end
  end)

  it("never raises from within, whatever the body", function()
    local parts = { '{"message":', '{"code":', '{"__type":', "{", "[", "]",
      "}", '"a"', "null", "1e999", "-", "NaN", "\0", "\255", "{}", " ",
      '{"Code":{}}', '{"__type":[]}', '{"message":[{"a":[]}]}',
      ("["):rep(2000), '"\\ud800"', '{"":0}' }
    for _, a in ipairs(parts) do
      for _, b in ipairs(parts) do
        for _, status in ipairs { 300, 302, 400, 503 } do
          local _, err = client { status = status, body = a .. b }
            :try("publish", { topic = "t" })
          assert.is_true(err:is_a("ClientError"))
          assert.is_string(err.message)
        end
      end
    end
  end)
end)
