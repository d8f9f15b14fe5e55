-- random_spec.lua - core.uuid and core.random: the shape of what is random

local core = require "iotdataplane.core"

local SAMPLES = 1000

local shape = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-4%x%x%x%-[89ab]%x%x%x%-"
  .. ("%x"):rep(12) .. "$"

describe("core.uuid", function()
  local seen, digits = {}, {}
  for i = 1, SAMPLES do
    local uuid = core.uuid()
    seen[i] = uuid
    for place = 1, #uuid do
      digits[place] = digits[place] or {}
      digits[place][uuid:sub(place, place)] = true
    end
  end

  it("is of version 4, in lower case", function()
    for _, uuid in ipairs(seen) do
      assert.is_truthy(uuid:find(shape), uuid)
      assert.are.equal(uuid:lower(), uuid)
    end
  end)

  it("comes once", function()
    local before = {}
    for _, uuid in ipairs(seen) do
      assert.is_nil(before[uuid])
      before[uuid] = true
    end
  end)

  it("is random in every digit that is free", function()
    local kinds = { [9] = 1, [14] = 1, [15] = 1, [19] = 1, [20] = 4, [24] = 1 }
    for place = 1, 36 do
      local n = 0
      for _ in pairs(digits[place]) do n = n + 1 end
      assert.are.equal(kinds[place] or 16, n, "digit " .. place)
    end
  end)
end)

describe("core.random", function()
  it("is from 0 up to 1, and nowhere rare", function()
    local tenths = {}
    for _ = 1, SAMPLES do
      local n = core.random()
      assert.is_true(n >= 0 and n < 1)
      local tenth = math.floor(n * 10)
      tenths[tenth] = (tenths[tenth] or 0) + 1
    end
    for tenth = 0, 9 do -- 100 are expected, 30 are 7 deviations off
      assert.is_true((tenths[tenth] or 0) > 30, "tenth " .. tenth)
    end
  end)
end)
