-- token_spec.lua - a session token is signed, not what lay in its memory

local core = require "iotdataplane.core"

local ROUNDS = 300
local SIZE = 800 -- as AWS's

local function signed_token(token)
  local headers = core.sign("GET", "/", "", { { "host", "h" } }, "", "AKID",
    "secret", token, "r", "s", 1440938160)
  for _, header in ipairs(headers) do
    if header[1] == "x-amz-security-token" then return header[2] end
  end
end

describe("a session token", function()
  local filler = ("t"):rep(SIZE)

  local function check(i)
    local token = i .. filler
    assert.equal(token, signed_token(token))
  end

  it("is signed where an older one was collected", function()
    for i = 1, ROUNDS do
      check(i)
      collectgarbage()
    end
  end)
end)
