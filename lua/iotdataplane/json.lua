-- json.lua - encodes userProperties to the byte; decodes through lua-cjson
--
-- The bytes are those of Python's json.dumps with separators (",", ":"),
-- which boto3 uses, with the keys of objects sorted. lua-cjson 2.1 cannot
-- write them: it rounds numbers to 14 digits.

local cjson = require "cjson"
local number = require "iotdataplane.number"

local json = {}

local concat, format, floor = table.concat, string.format, math.floor
local to_integer = rawget(math, "tointeger") -- Lua 5.3 and later

local MAX_DEPTH = 100

---cjson's null.
json.null = cjson.null

---Encodes as {}, where an empty table is [].
json.empty_object = setmetatable({}, {
  __name = "iotdataplane.empty_object",
  __newindex = function() error("empty_object is constant", 2) end,
})

-- ---- strings ----

local short = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f",
  ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
}

local function escape_ascii(c)
  return short[c] or format("\\u%04x", c:byte())
end

local function escape_point(point)
  if point < 0x10000 then return format("\\u%04x", point) end
  point = point - 0x10000
  return format("\\u%04x\\u%04x", 0xd800 + floor(point / 0x400),
                0xdc00 + point % 0x400)
end

-- The first code point that a sequence of that length may encode.
local first_of = { nil, 0x80, 0x800, 0x10000 }

local function length_of(lead)
  if lead >= 0xc2 and lead <= 0xdf then return 2 end
  if lead >= 0xe0 and lead <= 0xef then return 3 end
  if lead >= 0xf0 and lead <= 0xf4 then return 4 end
end

---The code point at `at` and its length, or nil where the bytes are no UTF-8.
local function decode_point(s, at)
  local lead = s:byte(at)
  local n = length_of(lead)
  if not n then return nil end
  local point = lead % 2 ^ (7 - n)
  for i = at + 1, at + n - 1 do
    local b = s:byte(i)
    if not b or b < 0x80 or b > 0xbf then return nil end
    point = point * 64 + b % 64
  end
  if point < first_of[n] or point > 0x10ffff then return nil end
  if point >= 0xd800 and point <= 0xdfff then return nil end
  return floor(point), n
end

---@return boolean
function json.is_utf8(s)
  local at = s:find("[\128-\255]")
  while at do
    local _, n = decode_point(s, at)
    if not n then return false end
    at = s:find("[\128-\255]", at + n)
  end
  return true
end

local function escape_unicode(s)
  local out, from = {}, 1
  local at = s:find("[\128-\255]")
  while at do
    local point, n = decode_point(s, at)
    if not n then return nil, "a string is not valid UTF-8" end
    out[#out + 1] = s:sub(from, at - 1)
    out[#out + 1] = escape_point(point)
    from = at + n
    at = s:find("[\128-\255]", from)
  end
  out[#out + 1] = s:sub(from)
  return concat(out)
end

local function encode_string(s)
  local text = s
  if s:find('[%c"\\]') then
    text = s:gsub('[%z\1-\31\127"\\]', escape_ascii)
  end
  if s:find("[\128-\255]") then
    local err
    text, err = escape_unicode(text)
    if not text then return nil, err end
  end
  return '"' .. text .. '"'
end

-- ---- tables ----

local encode_value

---How many items, where the keys are exactly 1 to n; false where they are
---all strings; nil and a reason for any other keys.
local function count_items(t)
  local count, strings = 0, 0
  for key in next, t do
    if type(key) == "string" then
      strings = strings + 1
    elseif type(key) ~= "number" then
      return nil, "keys must be strings, or 1 to n, not " .. type(key)
    end
    count = count + 1
  end
  if strings == count and count > 0 then return false end
  for i = 1, count do
    if rawget(t, i) == nil then
      return nil, "keys must be strings, or exactly 1 to n"
    end
  end
  return count
end

local function encode_array(t, n, seen, depth)
  local out = {}
  for i = 1, n do
    local text, err = encode_value(rawget(t, i), seen, depth)
    if not text then return nil, err end
    out[i] = text
  end
  return "[" .. concat(out, ",") .. "]"
end

local function encode_object(t, seen, depth)
  local keys, out = {}, {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, json.before)
  for i, key in ipairs(keys) do
    local name, err = encode_string(key)
    if not name then return nil, err end
    local text
    text, err = encode_value(rawget(t, key), seen, depth)
    if not text then return nil, err end
    out[i] = name .. ":" .. text
  end
  return "{" .. concat(out, ",") .. "}"
end

local function encode_table(t, seen, depth)
  if t == json.empty_object then return "{}" end
  if seen[t] then return nil, "Circular reference detected" end
  if depth > MAX_DEPTH then return nil, "it is nested too deeply" end
  local n, err = count_items(t)
  if n == nil then return nil, err end
  seen[t] = true
  local text
  if n then
    text, err = encode_array(t, n, seen, depth + 1)
  else
    text, err = encode_object(t, seen, depth + 1)
  end
  seen[t] = nil
  return text, err
end

function encode_value(value, seen, depth)
  local kind = type(value)
  if kind == "string" then return encode_string(value) end
  if kind == "number" then return number(value) end
  if kind == "boolean" then return value and "true" or "false" end
  if kind == "table" then return encode_table(value, seen, depth) end
  if value == json.null then return "null" end
  return nil, "Object of type " .. kind .. " is not JSON serializable"
end

---Orders strings by their bytes, whatever the locale (Lua's `<` asks it).
function json.before(a, b)
  local n = math.min(#a, #b)
  for i = 1, n do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

---@param value any
---@return string|nil, string|nil # JSON, or nil and why there is none
function json.encode(value)
  return encode_value(value, {}, 1)
end

-- ---- decoding ----

local decoder = cjson.new()

---lua-cjson gives every number as a float: whole ones become integers.
local function whole(value)
  if type(value) == "number" then
    return to_integer(value) or value
  elseif type(value) == "table" then
    for key, item in next, value do value[key] = whole(item) end
  end
  return value
end

---@param text string
---@return any # nil where it is no JSON, or no UTF-8
function json.decode(text)
  if not json.is_utf8(text) then return nil end
  local ok, value = pcall(decoder.decode, text)
  if not ok then return nil end
  return to_integer and whole(value) or value
end

return json
