local boto3 = require "spec.support.boto3"
local iotdataplane = require "iotdataplane"
local model = require "iotdataplane.model"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

-- API.md, "Where it departs from boto3": accepted there, refused here.
local refused = {
  ["qos-true-accepted"] = "a boolean is no integer",
  ["expiry-true-accepted"] = "a boolean is no integer",
  ["userprops-nan-accepted"] = "NaN and infinities are refused",
}

-- Refused there, accepted here: an integral float is an integer, and Lua has
-- one type of string for bytes and text.
local accepted = {
  ["qos-float-integral"] = true,
  ["list_retained_messages-max-float"] = true,
  ["topic-bytes"] = true, ["topic-bytearray"] = true,
  ["contentType-bytes"] = true,
  ["responseTopic-bytes"] = true, ["correlationData-bytes"] = true,
  ["payloadFormatIndicator-bytes"] = true, ["userprops-bytes"] = true,
  ["userprops-bytes-inside"] = true, ["userprops-bytearray"] = true,
  ["userprops-bytes-key"] = true,
}

local lua_types = { str = "string", int = "integer", bool = "boolean" }

---What Lua calls the type of a recorded value.
local function type_name(value)
  local params = vectors.params { params = { value } }
  return type(params[1])
end

---As Python shows it, but for what Lua has its own words for.
local function shown(e)
  if e.param_type == "Opaque" then return tostring(print) end
  if e.param_type == "bytes" then return vectors.bytes(e.param["$bytes"]) end
  if e.param_type == "tuple" then
    return (e.param_text:gsub("^%(", "["):gsub(",?%)$", "]"))
  end
  return (e.param_text:gsub("%(1,%)", "[1]"))
end

local function valid_types(e)
  if e.valid_types[1] == "bytes" then return "string, file" end
  return lua_types[e.valid_types[1]]
end

local lines = {}

lines["missing required field"] = function(e)
  return ('Missing required parameter in input: "%s"'):format(e.required_name)
end

lines["unknown field"] = function(e)
  return ('Unknown parameter in input: "%s", must be one of: %s')
    :format(e.unknown_param, table.concat(e.valid_names, ", "))
end

lines["invalid type"] = function(e)
  return ("Invalid type for parameter %s, value: %s, type: %s, "
    .. "valid types: %s"):format(e.name, shown(e), type_name(e.param),
                                 valid_types(e))
end

lines["invalid length"] = function(e)
  return ("Invalid length for parameter %s, value: %s, valid min length: %d")
    :format(e.name, e.param_text, e.min_allowed)
end

lines["invalid range"] = function(e)
  return ("Invalid value for parameter %s, value: %s, valid min value: %d")
    :format(e.name, e.param_text, e.min_allowed)
end

lines["unable to encode to json"] = function(e)
  local reason = e.type_error.text:gsub("type Opaque", "type function")
  return ("Invalid parameter %s must be json serializable: %s")
    :format(e.name, reason)
end

local model_order = { "topic", "qos", "retain", "payload", "userProperties",
  "payloadFormatIndicator", "contentType", "responseTopic",
  "correlationData", "messageExpiry" }

---Where a member stands in the model of its operation.
local function place_of(operation, name)
  for i, member in ipairs(operation.input) do
    if member.name == name then return i end
  end
  return 0
end

---The recorded lines, in Lua's words. boto3 has the wrong values in the
---call's order, which a table has not: they come in the model's.
local function expected_report(operation, errors)
  local sorted, out = {}, {}
  for i, e in ipairs(errors) do
    sorted[i] = { e = e, at = place_of(operation, e.name) * 1000 + i }
  end
  table.sort(sorted, function(a, b) return a.at < b.at end)
  for i, item in ipairs(sorted) do out[i] = lines[item.e.reason](item.e) end
  return table.concat(out, "\n")
end

local function try(name, params)
  local transport = stub()
  local client = iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = transport,
  }
  local _, err = client:try(name, params)
  return err, #transport.requests
end

local function publish(params) return try("publish", params) end

local function check(case)
  local name = case.name:gsub("^%d+%-", "")
  local params = vectors.params(case)
  if not params then return end -- listed by the serializer's spec
  local method = boto3.method(case.operation)
  local err, sent = try(method, params)
  if accepted[name] or case.expected.accepted and not refused[name] then
    assert.is_nil(err)
    return
  end
  assert.equal("ParamValidationError", err.name)
  assert.equal(0, sent)
  assert.equal("not_sent", err.delivery)
  if refused[name] then return end
  assert.equal("Parameter validation failed:\n"
    .. expected_report(model.operations[method], case.expected.errors),
    err.message)
end

describe("validate", function()
  describe("as boto3 says it:", function()
    vectors.each(it, pending, "validation/publish.json", check)
    vectors.each(it, pending, "validation/operations.json", check)
  end)

  describe("as Debian's boto3 says it:", function()
    vectors.each_own(it, "validation.json", check)
  end)

  it("says what API.md shows", function()
    local err = publish { foo = 1, qos = "x", payload = 5 }
    assert.equal([[
Parameter validation failed:
Missing required parameter in input: "topic"
Unknown parameter in input: "foo", must be one of: ]]
      .. table.concat(model_order, ", ") .. [[

Invalid type for parameter qos, value: x, type: string, valid types: integer
]] .. "Invalid type for parameter payload, value: 5, type: number, "
      .. "valid types: string, file", err.message)
  end)

  it("refuses CR, LF and NUL where a header would carry them", function()
    for _, name in ipairs { "correlationData", "payloadFormatIndicator" } do
      for _, text in ipairs { "a\rb", "a\nb", "\0", "a\r\nX-Evil: 1",
                              "a\r\n b" } do
        local err, sent = publish { topic = "t", [name] = text }
        assert.equal("ParamValidationError", err.name)
        assert.truthy(err.message:find(name, 1, true))
        assert.equal(0, sent)
      end
    end
  end)

  it("takes an integral float, and no other number, for an integer",
     function()
    assert.is_nil((publish { topic = "t", qos = 1.0 }))
    for _, value in ipairs { 1.5, 0 / 0, math.huge, -math.huge } do
      assert.truthy(publish { topic = "t", qos = value })
    end
  end)

  it("asks anything for read and seek, and is not hurt by the answer",
     function()
    local angry = setmetatable({}, { __index = function() error "no" end })
    local half = { read = function() end }
    for _, value in ipairs { angry, half, print, iotdataplane.null,
                             coroutine.create(function() end), false } do
      local err = publish { topic = "t", payload = value }
      assert.truthy(err.message:find("valid types: string, file", 1, true))
    end
  end)

  it("names keys that are no strings", function()
    local err = publish { topic = "t", [1] = "x", [true] = "y" }
    assert.truthy(err.message:find('Unknown parameter in input: "1"', 1, true))
    assert.truthy(err.message:find('input: "true"', 1, true))
  end)
end)
