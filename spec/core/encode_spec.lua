-- encode_spec.lua - core's base64 both ways, and hex through the digests

local core = require "iotdataplane.core"

local char, rep = string.char, string.rep

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  .. "0123456789+/"

local all_bytes = {}
for b = 0, 255 do all_bytes[b + 1] = char(b) end
all_bytes = table.concat(all_bytes)

-- bytes, base64: RFC 4648's section 10, and what Python's base64 says
local pairs_of_base64 = {
  { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
  { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
  { "\0", "AA==" }, { "\0\0", "AAA=" }, { "\0\0\0", "AAAA" },
  { "\255", "/w==" }, { "\255\255", "//8=" }, { "\255\255\255", "////" },
  { "\251\239\190", "++++" }, { "a\0b", "YQBi" }, { "\r\n", "DQo=" },
  { all_bytes,
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEy"
    .. "MzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2Rl"
    .. "ZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeY"
    .. "mZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrL"
    .. "zM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+"
    .. "/w==" },
}

local not_base64 = {
  { "a digit alone", "A" }, { "two", "AA" }, { "three", "AAA" },
  { "a quartet and one", "AAAAA" }, { "a quartet and two", "AAAABB" },
  { "a quartet and three", "AAAABBB" }, { "padding alone", "=" },
  { "two of padding", "==" }, { "three of padding", "===" },
  { "four of padding", "====" }, { "three after a digit", "A===" },
  { "padding and a digit", "=AAA" }, { "padding in second place", "A=AA" },
  { "padding in third place", "AA=A" }, { "padding too much", "AAAA=" },
  { "padding far too much", "AAAA====" },
  { "padding before the end", "AA==AAAA" },
  { "one of padding before the end", "AAA=AAAA" },
  { "padding at both", "AA==AA==" }, { "a space before", " AAAA" },
  { "a line end after", "AAAA\n" }, { "a line end between", "AAAA\r\nAAAA" },
  { "spaces to fill a quartet", "AA  " }, { "URL's alphabet, 62", "AA-A" },
  { "URL's alphabet, 63", "AA_A" }, { "NUL for a digit", "AAA\0" },
  { "a wrong digit early", rep("A", 64) .. "A!AA" .. rep("A", 64) },
}

describe("core.base64_encode", function()
  it("encodes", function()
    for _, case in ipairs(pairs_of_base64) do
      assert.are.equal(case[2], core.base64_encode(case[1]))
    end
  end)
end)

describe("core.base64_decode", function()
  it("decodes", function()
    for _, case in ipairs(pairs_of_base64) do
      assert.are.equal(case[1], core.base64_decode(case[2]))
    end
  end)

  it("gives back every length of bytes that was encoded", function()
    local bytes = rep(all_bytes, 3)
    for n = 0, #bytes do
      local s = bytes:sub(-n)
      if n == 0 then s = "" end
      assert.are.equal(s, core.base64_decode(core.base64_encode(s)))
    end
  end)

  it("takes the empty string, as the first that it is given too", function()
    local name = "iotdataplane.core"
    local loaded = package.loaded[name]
    package.loaded[name] = nil
    local fresh = require(name)
    package.loaded[name] = loaded
    assert.are.equal("", fresh.base64_decode(""))
  end)

  for _, case in ipairs(not_base64) do
    it("refuses " .. case[1], function()
      local bytes, reason = core.base64_decode(case[2])
      assert.is_nil(bytes)
      assert.are.equal("not base64", reason)
    end)
  end

  it("takes base64's digits and no other byte, in every place", function()
    local wrong = {}
    for b = 0, 255 do
      local c = char(b)
      local is_digit = digits:find(c, 1, true) ~= nil and b ~= 0
      for place = 1, 4 do
        local quartet = rep("A", place - 1) .. c .. rep("A", 4 - place)
        local expected = is_digit or (c == "=" and place == 4)
        if (core.base64_decode(quartet) ~= nil) ~= expected
           or (core.base64_decode(quartet .. "AAAA") ~= nil) ~= is_digit then
          wrong[#wrong + 1] = b .. " in place " .. place
        end
      end
    end
    assert.are.same({}, wrong)
  end)

  it("refuses a last digit whose bits would be lost", function()
    for value = 0, 63 do
      local c = digits:sub(value + 1, value + 1)
      local one, two = core.base64_decode("A" .. c .. "=="),
        core.base64_decode("AA" .. c .. "=")
      assert.are.equal(value % 16 == 0, one ~= nil, "A" .. c .. "==")
      assert.are.equal(value % 4 == 0, two ~= nil, "AA" .. c .. "=")
    end
  end)

  it("works after a refusal", function()
    assert.is_nil((core.base64_decode("AAAA!")))
    assert.are.equal("foo", core.base64_decode("Zm9v"))
  end)
end)

-- bytes, digest: FIPS 180-4's examples (NIST's SHA-256 example file), and
-- lengths about the block's
local digests = {
  { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
  { "abc",
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
  { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
  { "\189",
    "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b" },
  { rep("\0", 55),
    "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7" },
  { rep("\0", 56),
    "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb" },
  { rep("\0", 64),
    "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b" },
  { rep("a", 1000000),
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
  { all_bytes,
    "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880" },
}

describe("core.sha256", function()
  for i, case in ipairs(digests) do
    it("digests example " .. i, function()
      assert.are.equal(case[2], core.sha256(case[1]))
    end)
  end
end)

-- The same for SHA-1, which FIPS 180-4 has too.
local sha1_digests = {
  { "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
  { "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
  { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
  { rep("\0", 55), "8e8832c642a6a38c74c17fc92ccedc266c108e6c" },
  { rep("\0", 56), "9438e360f578e12c0e0e8ed28e2c125c1cefee16" },
  { rep("a", 1000000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f" },
  { all_bytes, "4916d6bdb7f78e6803698cab32d1586ea457dfc8" },
  { "https://d-92671207e4.awsapps.com/start",
    "13f9d35043871d073ab260e020f0ffde092cb14b" },
}

describe("core.sha1", function()
  for i, case in ipairs(sha1_digests) do
    it("digests example " .. i, function()
      assert.are.equal(case[2], core.sha1(case[1]))
    end)
  end
end)
