local core = require "iotdataplane.core"
local iotdataplane = require "iotdataplane"
local json = require "iotdataplane.json"
local vectors = require "spec.support.vectors"

local PYTHON = os.getenv("PYTHON") or "/usr/bin/python3"

---What Python's json.dumps, as boto3 calls it, makes of Python texts.
local function python_dumps(texts)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(table.concat(texts, "\n"), "\n")
  file:close()
  local pipe = assert(io.popen(PYTHON .. [[ -c '
import json, sys
for line in open(sys.argv[1], encoding="ascii"):
    print(json.dumps(eval(line), separators=(",", ":")))
' ]] .. path))
  local out = {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  os.remove(path)
  return out
end

---A double of random bits, finite, as %.17g and as a number.
local function random_double()
  local mantissa = core.random() * 2 ^ 32 + core.random()
  local exponent = math.floor(core.random() * 2098) - 1074 - 31
  local x = mantissa * 2 ^ math.max(exponent, -1022)
    * 2 ^ math.min(exponent + 1022, 0)
  if x ~= x or x == math.huge then return random_double() end
  return core.random() < 0.5 and -x or x
end

describe("json.encode", function()
  it("writes floats as Python does", function()
    local numbers, texts = {}, {}
    local function add(x)
      numbers[#numbers + 1] = x
      texts[#texts + 1] = ("float('%.17g')"):format(x)
    end
    for exponent = -1074, 1023 do -- where neighbours are unevenly far
      add(2 ^ exponent)
      add(2 ^ exponent * (1 + 2 ^ -52))
      add(2 ^ exponent * (1 - 2 ^ -53))
    end
    for exponent = -323, 308 do add(tonumber("1e" .. exponent)) end
    for _ = 1, 5000 do add(random_double()) end
    local expected = python_dumps(texts)
    assert.equal(#numbers, #expected)
    for i, x in ipairs(numbers) do
      local text = json.encode(x)
      local whole = not vectors.has_integers and x % 1 == 0
        and math.abs(x) < 2 ^ 53 and text ~= "-0.0"
      if whole then
        assert.equal(expected[i], text .. ".0")
      else
        assert.equal(expected[i], text)
      end
      assert.equal(x, tonumber(text))
    end
  end)

  it("writes every code point as Python does", function()
    local parts, texts = {}, {}
    local function add(point)
      parts[#parts + 1] = json.decode(('["\\u%04x"]'):format(point))[1]
      texts[#texts + 1] = ("chr(%d)"):format(point)
    end
    for point = 0, 0xffff, 1 do
      local interesting = point < 0x900 or point % 251 == 0
      if interesting and (point < 0xd800 or point > 0xdfff) then
        add(point)
      end
    end
    for _, text in ipairs { "\240\144\128\128", "\244\143\191\191",
                            "\240\159\152\128" } do
      parts[#parts + 1] = text
      texts[#texts + 1] = ("bytes([%d,%d,%d,%d]).decode()")
        :format(text:byte(1, 4))
    end
    for i, expected in ipairs(python_dumps(texts)) do
      assert.equal(expected, json.encode(parts[i]))
    end
  end)

  local written = {
    { { { a = "b" }, { c = "d" } }, '[{"a":"b"},{"c":"d"}]' },
    { { b = 1, a = 2, ["\195\169"] = 3, A = 4, [""] = 5 },
      '{"":5,"A":4,"a":2,"b":1,"\\u00e9":3}' },
    { {}, "[]" },
    { json.empty_object, "{}" },
    { { json.empty_object, { x = json.empty_object } }, '[{},{"x":{}}]' },
    { { json.null, true, false, "" }, '[null,true,false,""]' },
    { { u = "http://a/b" }, '{"u":"http://a/b"}' },
    { -0.0 * 1, vectors.has_integers and "-0.0" or "-0.0" },
    { 9007199254740992 - 1, "9007199254740991" },
    { -3, "-3" },
  }
  for i, case in ipairs(written) do
    it("writes case " .. i .. ": " .. case[2], function()
      assert.equal(case[2], json.encode(case[1]))
    end)
  end

  it("sorts keys by their bytes whatever the locale", function()
    local before = os.setlocale(nil, "all")
    for _, locale in ipairs { "C", "en_US.UTF-8", "de_DE.UTF-8" } do
      os.setlocale(locale, "all")
      local text = json.encode { b = 1.5, B = 1, a = 0.1, ["_"] = 2 }
      os.setlocale(before, "all")
      assert.equal('{"B":1,"_":2,"a":0.1,"b":1.5}', text)
    end
  end)

  local function nested(depth)
    local t = "x"
    for _ = 1, depth do t = { t } end
    return t
  end

  it("goes down to a depth of 100", function()
    assert.equal(("["):rep(100) .. '"x"' .. ("]"):rep(100),
                 json.encode(nested(100)))
    local text, reason = json.encode(nested(101))
    assert.is_nil(text)
    assert.equal("it is nested too deeply", reason)
  end)

  it("writes a table that stands in two places", function()
    local shared = { k = 1 }
    assert.equal('[{"k":1},{"k":1}]', json.encode { shared, shared })
  end)

  local circle = {}
  circle[1] = { a = circle }
  local out_of_range = "Out of range float values are not JSON compliant"
  local refused = {
    { "NaN", 0 / 0, out_of_range },
    { "infinity", { math.huge }, out_of_range },
    { "-infinity", { a = -math.huge }, out_of_range },
    { "a cycle", circle, "Circular reference detected" },
    { "a function", { print },
      "Object of type function is not JSON serializable" },
    { "a thread", { coroutine.create(function() end) },
      "Object of type thread is not JSON serializable" },
    { "a file", { io.stdout },
      "Object of type userdata is not JSON serializable" },
    { "mixed keys", { 1, a = 2 },
      "keys must be strings, or exactly 1 to n" },
    { "a gap", { [1] = 1, [3] = 3 },
      "keys must be strings, or exactly 1 to n" },
    { "a key of 0", { [0] = 1 }, "keys must be strings, or exactly 1 to n" },
    { "a key of 1.5", { [1.5] = 1 },
      "keys must be strings, or exactly 1 to n" },
    { "a boolean key", { [true] = 1 },
      "keys must be strings, or 1 to n, not boolean" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      local text, reason = json.encode(case[2])
      assert.is_nil(text)
      assert.equal(case[3], reason)
    end)
  end

  it("refuses invalid UTF-8, in keys too", function()
    for _, bytes in ipairs {
      "\128", "\255", "\192\128", "\193\191", "\194", "\194a", "\224\128\128",
      "\224\159\191", "\237\160\128", "\237\191\191", "\240\128\128\128",
      "\240\143\191\191", "\244\144\128\128", "\245\128\128\128",
      "\226\130", "a\226\130", "\226\40\161", "\240\159\152",
    } do
      assert.is_nil((json.encode("ok" .. bytes)))
      assert.is_nil((json.encode { [bytes] = 1 }))
      assert.is_false(json.is_utf8(bytes))
    end
  end)

  it("ignores metatables", function()
    local t = setmetatable({ a = 1 }, {
      __index = function() error "no" end, __len = function() return 9 end,
      __pairs = function() error "no" end,
    })
    assert.equal('{"a":1}', json.encode(t))
  end)
end)

describe("iotdataplane.empty_object", function()
  it("cannot be written to", function()
    assert.has_error(function() iotdataplane.empty_object.a = 1 end)
  end)
end)

describe("json.decode", function()
  it("gives integers where the Lua has them", function()
    local value = json.decode('{"a":[1,2.5,-7]}').a
    assert.equal("1", tostring(value[1]))
    assert.equal("2.5", tostring(value[2]))
    assert.equal("-7", tostring(value[3]))
  end)

  it("gives nil for what is no JSON, or no UTF-8", function()
    for _, text in ipairs { "", "{", "\255", '"\255"', "{}x",
                            "\239\187\191{}" } do
      assert.is_nil(json.decode(text))
    end
  end)
end)
