-- trim_spec.lua - a signed header's value loses its spaces, and nothing else

local core = require "iotdataplane.core"

local function trimmed(value)
  local canonical = core.canonical_request("GET", "/", "", { { "a", value } },
    "")
  return canonical:match "\na:([^\n]*)\n"
end

describe("the value of a signed header", function()
  local cases = {
    ["\226\128\138b"] = "b", -- a hair space
    ["a\226\128\128 \226\128\138b"] = "a b",
    ["a\226\128b c"] = "a\226\128b c", -- the beginning of one, and a letter
    ["\226\128\127"] = "\226\128\127",
    ["\226\128"] = "\226\128",
    ["\226\128\139"] = "\226\128\139", -- of no width: none of Python's
  }

  for value, expected in pairs(cases) do
    it(("is trimmed: %q"):format(value), function()
      assert.equal(expected, trimmed(value))
    end)
  end
end)
