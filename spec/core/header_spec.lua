-- header_spec.lua - core.header_ok: names are tokens, values have no CR, LF
-- and NUL

local core = require "iotdataplane.core"

local char = string.char

-- RFC 9110, 5.6.2
local token = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  .. "0123456789!#$%&'*+-.^_`|~"

-- Which bytes are not taken as `expected` says, alone and within others.
local function wrong_bytes(takes, expected)
  local wrong = {}
  for b = 0, 255 do
    local c = char(b)
    for _, s in ipairs { c, "a" .. c, c .. "a", "a" .. c .. "a" } do
      if takes(s) ~= expected(b, c) then wrong[#wrong + 1] = b end
    end
  end
  return wrong
end

describe("core.header_ok", function()
  it("takes tokens as names", function()
    assert.are.same({}, wrong_bytes(
      function(s) return core.header_ok(s, "value") end,
      function(b, c) return b ~= 0 and token:find(c, 1, true) ~= nil end))
  end)

  it("takes values of any bytes but CR, LF and NUL", function()
    assert.are.same({}, wrong_bytes(
      function(s) return core.header_ok("name", s) end,
      function(b) return b ~= 0 and b ~= 10 and b ~= 13 end))
  end)

  it("takes an empty value, but no empty name", function()
    assert.is_true(core.header_ok("a", ""))
    assert.is_false(core.header_ok("", "a"))
    assert.is_false(core.header_ok("", ""))
  end)

  it("wants both wherever one is wrong", function()
    assert.is_false(core.header_ok("a b", "a"))
    assert.is_false(core.header_ok("a", "a\nb"))
    assert.is_false(core.header_ok("a b", "a\nb"))
  end)

  it("takes long ones", function()
    assert.is_true(core.header_ok(("x"):rep(70000), (" \t\255"):rep(70000)))
    assert.is_false(core.header_ok("x", ("a"):rep(70000) .. "\r"))
  end)

  it("raises for what is no string, whatever the other is", function()
    assert.has_error(function() core.header_ok({}, "a") end)
    assert.has_error(function() core.header_ok("a", {}) end)
    assert.has_error(function() core.header_ok("a") end)
    assert.has_error(function() core.header_ok("a b", {}) end)
  end)
end)
