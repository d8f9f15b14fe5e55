-- uri_spec.lua - core's percent-encoding and path normalizing

local core = require "iotdataplane.core"

local char = string.char

-- RFC 3986, 2.3
local unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  .. "0123456789-._~"

local function encoded(byte, keep)
  local c = char(byte)
  if byte ~= 0 and (unreserved .. keep):find(c, 1, true) then return c end
  return ("%%%02X"):format(byte)
end

describe("core.uri_encode", function()
  -- what is passed as keep_slash, and what then is kept
  local flags = {
    { nil, "" }, { false, "" }, { true, "/" },
  }
  for i = 1, 3 do
    local keep_slash, keep = flags[i][1], flags[i][2]

    it("encodes each byte, keep_slash " .. tostring(keep_slash), function()
      local bytes, expected = {}, {}
      for b = 0, 255 do
        bytes[#bytes + 1] = char(b)
        expected[#expected + 1] = encoded(b, keep)
        assert.are.equal(expected[b + 1],
          core.uri_encode(bytes[b + 1], keep_slash))
      end
      assert.are.equal(table.concat(expected),
        core.uri_encode(table.concat(bytes), keep_slash))
    end)
  end

  local cases = { -- text, encoded
    { "", "" }, { "a/b", "a%2Fb" }, { "a b", "a%20b" }, { "%41", "%2541" },
    { "\195\188", "%C3%BC" }, { "+#?&=", "%2B%23%3F%26%3D" },
    { "$aws/rules/r/t", "%24aws%2Frules%2Fr%2Ft" }, { "~._-", "~._-" },
    { ("\255"):rep(1000), ("%FF"):rep(1000) },
  }
  for _, case in ipairs(cases) do
    it(("encodes %q"):format(case[1]:sub(1, 20)), function()
      assert.are.equal(case[2], core.uri_encode(case[1]))
    end)
  end

  it("wants a string", function()
    assert.has_error(function() core.uri_encode() end)
    assert.has_error(function() core.uri_encode({}) end)
  end)
end)

-- path, normalized: as botocore 1.29.27's utils.normalize_url_path says
local paths = {
  { "", "/" }, { "/", "/" }, { "//", "/" }, { "///", "/" }, { ".", "" },
  { "..", "" }, { "./", "" }, { "../", "" }, { "/.", "/" }, { "/..", "/" },
  { "/./", "/" }, { "/../", "/" }, { "a", "a" }, { "a/", "a/" },
  { "/a", "/a" }, { "/a/", "/a/" }, { "a/b", "a/b" },
  { "//a//b//", "/a/b/" }, { "/a/./b", "/a/b" }, { "/a/../b", "/b" },
  { "/a/..", "/" }, { "/a/../", "/" }, { "/a/b/..", "/a" },
  { "/a/b/../", "/a/" }, { "/../../a", "/a" }, { "../../a", "a" },
  { "a/..", "" }, { "a/../", "" }, { "a/../b", "b" }, { "a/../../b", "b" },
  { "/a/b/c/./../../g", "/a/g" }, { "mid/content=5/../6", "mid/6" },
  { "/...", "/..." }, { "/a/...", "/a/..." }, { "/.a/..b/c.", "/.a/..b/c." },
  { "/ /a", "/ /a" }, { "/topics/a%2Fb", "/topics/a%2Fb" },
  { "/topics/..%2F", "/topics/..%2F" },
  { "/topics/%2E%2E/x", "/topics/%2E%2E/x" },
  { "/things/n/shadow", "/things/n/shadow" },
  { "/things/n//shadow/", "/things/n/shadow/" },
  { "/\195\188/../\195\188", "/\195\188" }, { "/a\0/../b\0", "/b\0" },
  { "/a/\n/..", "/a" }, { "a//..//b", "b" }, { "/a/.//..", "/" },
  { "..//", "" }, { "./a", "a" }, { "/./a/.", "/a" }, { "/a/.", "/a" },
  { "/a/./", "/a/" }, { "a/./", "a/" }, { "../.a//./.", ".a" },
  { "/a//./.a", "/a/.a" }, { "./a/./.a//.", "a/.a" }, { "/.a//a", "/.a/a" },
  { "../bc/.a", "bc/.a" }, { "./bc/../.", "" },
  { "a/.../././/a/%2E", "a/.../a/%2E" },
  { ".a/.../%2E/%2E/.../bc/a", ".a/.../%2E/%2E/.../bc/a" },
  { "a/./bc/%2E", "a/bc/%2E" }, { "%2E/bc/././.a", "%2E/bc/.a" },
  { ".../../%2E/.a", "%2E/.a" }, { "./.../...", ".../..." },
  { "%2E/%2E/././bc", "%2E/%2E/bc" }, { ".//bc/%2E/bc/.a", "bc/%2E/bc/.a" },
  { "/%2E/.../../.", "/%2E" }, { "/a/bc/../a/.a", "/a/a/.a" },
  { "%2E/./../%2E/.a/bc", "%2E/.a/bc" }, { ".a/bc/.a/...", ".a/bc/.a/..." },
  { "a/.././../../a", "a" }, { "/%2E/../bc", "/bc" },
  { "/../.a/.../...", "/.a/.../..." }, { "/%2E/.a/.a", "/%2E/.a/.a" },
  { ".a/./%2E/.a//a", ".a/%2E/.a/a" }, { "a/%2E/..", "a" },
  { "...//.", "..." }, { ".././...", "..." },
  { "/./a/.a/../bc/...", "/a/bc/..." },
  { ".../%2E/././%2E/%2E/%2E", ".../%2E/%2E/%2E/%2E" },
  { "bc/./.././.../bc", ".../bc" }, { "..//a/.../../", "a/" },
  { "bc/./bc/.../../.../a", "bc/bc/.../a" },
  { ".../a/a/a/.a/a/a", ".../a/a/a/.a/a/a" },
}

describe("core.uri_normalize", function()
  for _, case in ipairs(paths) do
    it(("makes %q of %q"):format(case[2], case[1]), function()
      assert.are.equal(case[2], core.uri_normalize(case[1]))
    end)
  end

  it("takes many segments", function()
    local deep, up = ("/a"):rep(5000), ("/.."):rep(5000)
    assert.are.equal(deep, core.uri_normalize(deep))
    assert.are.equal("/", core.uri_normalize(deep .. up))
    assert.are.equal(deep, core.uri_normalize(up .. deep))
    assert.are.equal("/", core.uri_normalize(("/"):rep(10000)))
  end)
end)
