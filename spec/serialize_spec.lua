local boto3 = require "spec.support.boto3"
local vectors = require "spec.support.vectors"

-- API.md, "Where it departs from boto3": cases that boto3 sends and we
-- refuse, by the start of their names, and why.
local refused = {
  ["089"] = "a boolean is no integer",
  ["118"] = "CR, LF and NUL in a header value",
  ["119"] = "CR, LF and NUL in a header value",
  ["120"] = "CR, LF and NUL in a header value",
  ["151"] = "NaN and infinities are refused",
  ["152"] = "NaN and infinities are refused",
  ["153"] = "NaN and infinities are refused",
  ["166"] = "invalid UTF-8 in userProperties",
}

-- What Lua cannot say: other keys than strings, a key twice, integers over
-- 64 bits.
local not_lua = {
  ["099"] = true, ["137"] = true, ["138"] = true, ["170"] = true,
  ["171"] = true, ["172"] = true, ["173"] = true, ["174"] = true,
}

-- Nor that, where numbers are doubles (5.1, 5.2, LuaJIT): 2^63 - 1.
local not_doubles = { ["098"] = true }

-- There a float with an integral value, 1.0, is written as an integer.
local whole_float = "140"

local function user_properties(request)
  for _, h in ipairs(request.headers) do
    if h[1] == "x-amz-mqtt5-user-properties" then
      return vectors.bytes(h[2])
    end
  end
end

local function check(case)
  local number = case.name:match("^%d+")
  local params, reason = vectors.params(case)
  if not params then
    local known = not_lua[number]
      or not vectors.has_integers and not_doubles[number]
    assert.truthy(known, reason)
    return
  end
  local request, err = boto3.request(case, params)
  if refused[number] then
    assert.is_nil(request)
    assert.equal("ParamValidationError", err.name)
    assert.equal("not_sent", err.delivery)
  elseif number == whole_float and not vectors.has_integers then
    assert.equal("1", user_properties(request))
  else
    assert.is_nil(err)
    boto3.assert_same(case, request)
  end
end

describe("serialize", function()
  describe("as boto3 sent it:", function()
    vectors.each(it, pending, "serialize/publish.json", check)
    vectors.each(it, pending, "serialize/operations.json", check)
  end)

  describe("as Debian's boto3 sent it:", function()
    vectors.each_own(it, "publish.json", function(case)
      local params = vectors.params(case)
      if not params or not vectors.has_integers and not case.doubles_only then
        assert.is_false(case.doubles_only)
        return
      end
      boto3.assert_same(case, (boto3.request(case, params)))
    end)
  end)
end)
