-- compose_spec.lua - core.composer: path, query and body of what is plain, and
-- nothing for whatever Lua has to judge

local core = require "iotdataplane.core"
local model = require "iotdataplane.model"
local serialize = require "iotdataplane.serialize"
local validate = require "iotdataplane.validate"

local publish = model.operations.publish
local compose = core.composer("/topics/", "", publish.input)

-- Without the core's help.
local in_lua = {}
for key, value in pairs(publish) do in_lua[key] = value end
in_lua.compose = function() end

local plain = {
  { { topic = "a/b", qos = 1, payload = "hi" },
    "/base/topics/a%2Fb", "x=1&qos=1", "hi" },
  { { topic = "" }, "/base/topics/", "x=1", "" },
  { { topic = "\0\255", payload = "\0" }, "/base/topics/%00%FF", "x=1",
    "\0" },
  { { topic = "t", retain = false, messageExpiry = 2 ^ 53 - 1 },
    "/base/topics/t", "x=1&retain=false&messageExpiry=9007199254740991", "" },
  { { topic = "t", messageExpiry = -5, responseTopic = "" },
    "/base/topics/t", "x=1&responseTopic=&messageExpiry=-5", "" },
}

local declined = {
  { "no topic", {} },
  { "a topic that is none", { topic = 5 } },
  { "an unknown name", { topic = "t", foo = 1 } },
  { "a name that is no string", { topic = "t", [1] = 1 } },
  { "a negative qos", { topic = "t", qos = -1 } },
  { "half a qos", { topic = "t", qos = 0.5 } },
  { "a qos in text", { topic = "t", qos = "1" } },
  { "an integer too large", { topic = "t", messageExpiry = 2 ^ 53 } },
  { "an infinity", { topic = "t", messageExpiry = math.huge } },
  { "no number", { topic = "t", messageExpiry = 0 / 0 } },
  { "a boolean in text", { topic = "t", retain = "true" } },
  { "a number as text", { topic = "t", contentType = 5 } },
  { "a body that is none", { topic = "t", payload = 5 } },
  { "a file", { topic = "t", payload = io.stdout } },
  { "what goes into a header", { topic = "t", correlationData = "eA==" } },
  { "JSON", { topic = "t", userProperties = {} } },
  { "a long topic", { topic = ("t"):rep(2048) } },
  { "a long query", { topic = "t", contentType = ("t"):rep(2048) } },
  { "params with a metatable", setmetatable({ topic = "t" }, {}) },
}

local function both(params)
  local target = { scheme = "http", host = "h", port = 1, path = "/base",
                   query = "x=1" }
  return serialize(publish, params, target, {}, validate),
    serialize(in_lua, params, target, {}, validate)
end

-- Park and Miller's generator: the same calls on every Lua, in every run.
local seed = 20150830

local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n
end

local function text()
  local bytes = {}
  for i = 1, random(40) do bytes[i] = string.char(random(256)) end
  return table.concat(bytes)
end

local makers = {
  topic = text, payload = text, contentType = text, responseTopic = text,
  qos = function() return random(3) end,
  retain = function() return random(2) == 0 end,
  messageExpiry = function() return random(2147483647) - 2 ^ 30 end,
}

describe("core.composer", function()
  for i, case in ipairs(plain) do
    it("makes path, query and body of what is plain, " .. i, function()
      local path, query, body = compose(case[1], "/base", "x=1")
      assert.are.equal(case[2], path)
      assert.are.equal(case[3], query)
      assert.are.equal(case[4], body)
    end)
  end

  for _, case in ipairs(declined) do
    it("declines " .. case[1], function()
      assert.are.equal(0, select("#", compose(case[2], "", "")))
    end)
  end

  it("agrees with what Lua makes of the same", function()
    for _ = 1, 2000 do
      local params = { topic = text() }
      for name, make in pairs(makers) do
        if random(2) == 0 then params[name] = make() end
      end
      assert.truthy((compose(params, "", "")))
      assert.are.same(both(params))
    end
  end)

  it("takes an operation's path apart from its label", function()
    local of_shadow = core.composer("/things/", "/shadow", {
      { name = "thingName", type = "string", place = "uri",
        wire = "thingName", required = true },
      { name = "payload", type = "blob", place = "payload", wire = "payload",
        required = true },
    })
    assert.are.equal("/things/a%20b/shadow",
      (of_shadow({ thingName = "a b", payload = "{}" }, "", "")))
    assert.is_nil((of_shadow({ thingName = "a b" }, "", "")))
  end)

  it("wants a table, and texts", function()
    assert.has_error(function() compose("t", "", "") end)
    assert.has_error(function() compose({ topic = "t" }, nil, "") end)
    assert.has_error(function() compose({ topic = "t" }, "", {}) end)
    assert.has_error(function() core.composer("", "", { {} }) end)
  end)
end)
