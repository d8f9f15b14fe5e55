-- finalizer_spec.lua - a finalizer may use core while a function of core is
-- at work: what it does there, to publish a last message say, changes nothing
-- of that function's result

local core = require "iotdataplane.core"

local CALLS = 400
local ROUNDS = 500
local ENOUGH = 100 -- finalizers, of which some come in the middle

local newproxy = rawget(_G, "newproxy") -- Lua 5.1's, for its userdata

local running, within

-- An object whose collection calls `within`, and makes the next such object.
local function arm()
  local object = newproxy and newproxy(true) or {}
  local meta = newproxy and getmetatable(object) or {}
  function meta.__gc()
    if not running then return end
    within()
    arm()
  end
  if not newproxy then setmetatable(object, meta) end
end

-- Calls f often, with a collector that begins anew as soon as it has ended.
local function wrong_results(f, expected)
  local wrong, garbage = 0, nil
  local pause = collectgarbage("setpause", 10)
  local pace = collectgarbage("setstepmul", 400)
  running = true
  for _ = 1, 3 do arm() end
  for i = 1, CALLS do
    garbage = { i, { garbage and garbage[1] }, {}, {}, {}, {}, {}, {} }
    if core.sha256(f(i)) ~= expected[i] then wrong = wrong + 1 end
  end
  running = false
  collectgarbage("setpause", pause)
  collectgarbage("setstepmul", pace)
  return wrong
end

local function request(i)
  return { method = "POST", path = "/" .. i, query = "",
    headers = { { "host", "h" .. i }, { "x-amz-a", ("a"):rep(i % 100) } },
    body = ("b"):rep(i % 1000) }
end

local function signed(i)
  local r = request(i)
  local headers = core.sign(r.method, r.path, r.query, r.headers, r.body,
    "AKID" .. i, "secret", "token" .. i, "r", "s", 1e9 + i)
  local lines = {}
  for n, header in ipairs(headers) do
    lines[n] = header[1] .. ": " .. header[2]
  end
  return table.concat(lines, "\n")
end

-- What does not depend on an answer of the other ones.
local functions = {
  uri_encode = function(i) return core.uri_encode(("a "):rep(i % 1500)) end,
  uri_normalize = function(i)
    return core.uri_normalize(("/a/.."):rep(i % 700) .. "/" .. i)
  end,
  base64_encode = function(i) return core.base64_encode(("a"):rep(i)) end,
  base64_decode = function(i) return core.base64_decode(("YWJj"):rep(i)) end,
  write_request = function(i)
    local r = request(i)
    return core.write_request(r.method, r.path, r.query, r.headers, r.body)
  end,
  sign = signed,
}

describe("a finalizer", function()
  local names = {}
  for name in pairs(functions) do names[#names + 1] = name end
  table.sort(names)

  for _, name in ipairs(names) do
    it("may come into core." .. name, function()
      local f, expected, inner = functions[name], {}, 0
      -- digests: the results themselves would keep the collector busy
      for i = 1, CALLS do expected[i] = core.sha256(f(i)) end
      within = function()
        inner = inner + 1
        for _, other in pairs(functions) do other(inner % 50 * 7) end
      end
      for _ = 1, ROUNDS do
        assert.are.equal(0, wrong_results(f, expected))
        if inner >= ENOUGH then return end
      end
      error("too few finalizers came: " .. inner)
    end)
  end
end)
