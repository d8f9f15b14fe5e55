-- model.lua, the methods and the service's own model are one and the same:
-- names, places, wire names, limits, required members, outputs and errors.

local boto3 = require "spec.support.boto3"
local iotdataplane = require "iotdataplane"
local model = require "iotdataplane.model"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local service = vectors.document "iot-data/service-2.json"
local paginators = vectors.document "iot-data/paginators-1.json"
local service_text = vectors.text "iot-data/service-2.json"

local types = { long = "integer" } -- the others' names are ours, too

local places = { uri = "uri", querystring = "query", header = "header" }

local function set(list)
  local out = {}
  for _, item in ipairs(list or {}) do out[item] = true end
  return out
end

---The names of a structure's members in the model's order, which a decoded
---object has lost.
local function ordered(name)
  local at = assert(service_text:find('"' .. name .. '"%s*:%s*{'))
  local from = assert(service_text:find('"members"%s*:%s*{', at))
  local text = service_text:match("%b{}", from + 9)
  local names, inner = {}, text:sub(2, -2):gsub("%b{}", "")
  for member in inner:gmatch '"([^"]+)"%s*:' do names[#names + 1] = member end
  return names
end

local function shape_of(name)
  return assert(service.shapes[name], name)
end

---What a member of a call should be.
local function expected_input(structure, name)
  local m, place = structure.members[name], nil
  local shape = shape_of(m.shape)
  if structure.payload == name then place = "payload" end
  return {
    name = name,
    type = m.jsonvalue and "json" or types[shape.type] or shape.type,
    place = place or places[m.location], wire = m.locationName or name,
    required = set(structure.required)[name],
    min = shape.min, max = shape.max, enum = shape.enum,
    regex = shape.pattern,
  }
end

local function only(m, names)
  local out = {}
  for name in names:gmatch "%S+" do out[name] = m[name] end
  return out
end

local input_facts = "name type place wire required min max enum regex"

local function check_input(operation, name)
  if not name then
    assert.same({}, operation.input)
    return
  end
  local structure, names = shape_of(name), ordered(name)
  assert.equal(#names, #operation.input)
  for i, member in ipairs(names) do
    assert.same(expected_input(structure, member),
                only(operation.input[i], input_facts))
  end
end

local check_members

local function check_type(name, ours)
  local shape = shape_of(name)
  assert.equal(types[shape.type] or shape.type, ours.type, name)
  if ours.type == "list" then
    check_type(shape.member.shape, ours.of)
  elseif ours.type == "structure" then
    check_members(name, ours.members)
  end
end

function check_members(name, members)
  local structure, names = shape_of(name), ordered(name)
  assert.equal(#names, #members)
  for i, member in ipairs(names) do
    local ours, m = members[i], structure.members[member]
    assert.equal(member, ours.name)
    assert.is_nil(m.location) -- none of them is a header
    assert.equal(set(structure.required)[member], ours.required)
    assert.equal(structure.payload == member or nil, ours.is_body)
    check_type(m.shape, ours)
  end
end

local function exceptions_of(operation)
  local out = {}
  for i, e in ipairs(operation.errors) do out[i] = e.shape end
  return out
end

local function check_operation(operation, theirs)
  assert.equal(theirs.name, operation.name)
  assert.equal(theirs.http.method, operation.method)
  local label = operation.at.uri
  assert.equal(theirs.http.requestUri, operation.path
    .. (label and "{" .. label.wire .. "}" or "") .. operation.suffix)
  check_input(operation, theirs.input and theirs.input.shape)
  if theirs.output then
    check_members(theirs.output.shape, operation.output)
  else
    assert.is_nil(operation.output)
  end
  assert.same(set(exceptions_of(theirs)), set(operation.errors))
end

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

describe("model", function()
  if not service then
    pending "no iot-data/service-2.json (set IOTDATAPLANE_VECTORS)"
    return
  end

  it("has the service's operations, and no other", function()
    assert.equal(11, count(model.operations))
    assert.equal(count(service.operations), count(model.operations))
  end)

  for name, theirs in pairs(service.operations) do
    it("has " .. name, function()
      check_operation(assert(model.operations[boto3.method(name)]), theirs)
    end)
  end

  it("has the service's exceptions, and no other", function()
    local theirs = {}
    for name, shape in pairs(service.shapes) do
      if shape.exception then theirs[name] = true end
    end
    assert.same(theirs, set(model.exceptions))
    for name in pairs(theirs) do
      assert.equal("ClientError", iotdataplane.exceptions[name].parent.name)
    end
  end)

  it("has boto3's paginators, and one more", function()
    local ours = {}
    for _, operation in pairs(model.operations) do
      local pages = operation.pages
      if pages then
        ours[operation.name] = {
          input_token = pages.token, output_token = pages.token,
          limit_key = pages.limit, result_key = pages.result,
        }
      end
    end
    local more = ours.ListNamedShadowsForThing
    ours.ListNamedShadowsForThing = nil
    assert.same(paginators.pagination, ours)
    assert.same({ input_token = "nextToken", output_token = "nextToken",
                  limit_key = "pageSize", result_key = "results" }, more)
  end)

  it("has Lua patterns that say what its regular expressions do", function()
    local compared = 0
    for _, operation in pairs(model.operations) do
      for _, m in ipairs(operation.input) do
        local class = m.regex and m.regex:match "^%[([^^].*)%]%+$"
        for byte = 0, class and 255 or -1 do
          local c = string.char(byte)
          local is_in = c:find "^[a-zA-Z0-9]$" ~= nil
            or class:gsub("%w%-%w", ""):find(c, 1, true) ~= nil
          assert.equal(is_in, ("a" .. c .. "a"):find(m.pattern) ~= nil)
          compared = compared + 1
        end
        if m.name == "clientId" then
          assert.equal("^[^$].*", m.regex)
          assert.truthy(("a$"):find(m.pattern))
          assert.is_nil(("$a"):find(m.pattern))
        end
      end
    end
    assert.is_true(compared > 0)
  end)
end)

describe("a client's methods", function()
  local transport = stub()
  local c = iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = transport,
  }

  local function params_of(operation)
    local params = {}
    for _, name in ipairs(operation.required) do params[name] = "x" end
    return params
  end

  for name, operation in pairs(model.operations) do
    it("do what their names say: " .. name, function()
      local before = #transport.requests
      local result = c[name](c, params_of(operation))
      local _, err = c:try(name, params_of(operation))
      assert.is_nil(err)
      assert.equal(200, result.ResponseMetadata.HTTPStatusCode)
      assert.equal(before + 2, #transport.requests)
      for i = 1, 2 do
        local request = transport.requests[before + i]
        assert.equal(operation.method, request.method)
        assert.equal(operation.path
          .. (operation.at.uri and "x" .. operation.suffix or ""),
          request.path)
      end
    end)

    it("tell of misuse at the caller's line: " .. name, function()
      local line
      local function told(f)
        local ok, text = pcall(f)
        assert.is_false(ok)
        return text
      end
      local text = told(function()
        line = debug.getinfo(1, "l").currentline + 1
        c[name](c, "x")
      end)
      assert.equal(("spec/model_spec.lua:%d: bad argument #1 to '%s' "
        .. "(table expected, got string)"):format(line, name),
        (text:gsub("^%./", "")))
      text = told(function()
        line = debug.getinfo(1, "l").currentline + 1
        c[name] {}
      end)
      assert.equal(("spec/model_spec.lua:%d: bad self (use client:%s{...}, "
        .. "with a colon)"):format(line, name), (text:gsub("^%./", "")))
    end)
  end

  it("raise what `try` returns", function()
    for name in pairs(model.operations) do
      local ok, raised = pcall(c[name], c, { wrong = 1 })
      local _, err = c:try(name, { wrong = 1 })
      assert.is_false(ok)
      assert.equal("ParamValidationError", raised.name)
      assert.equal(err.message, raised.message)
      assert.equal(model.operations[name].name, raised.operation_name)
    end
  end)

  it("are those of the operations, and of the client itself", function()
    local own = set { "try", "publish_later", "flush", "queue_stats",
      "clock_offset", "close", "can_paginate", "get_paginator",
      "publish_many", "publish_async", "presigned_mqtt_url" }
    local class = getmetatable(c)
    for name, value in pairs(class.__index) do
      if type(value) == "function" and not name:find "^__" then
        assert.truthy(model.operations[name] or own[name], name)
      end
    end
  end)
end)
