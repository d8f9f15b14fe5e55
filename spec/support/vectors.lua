-- vectors.lua - recorded cases of real boto3, and their values in Lua
--
-- The shared ones stand in $IOTDATAPLANE_VECTORS or ../shared/vectors; the
-- project's own in spec/vectors.

local cjson = require "cjson"
local core = require "iotdataplane.core"
local json = require "iotdataplane.json"

local vectors = {}

local to_integer = rawget(math, "tointeger") -- Lua 5.3 and later
local math_type = rawget(math, "type")

---Has this Lua integers, or doubles only?
vectors.has_integers = to_integer ~= nil

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

local function shared_root()
  return os.getenv("IOTDATAPLANE_VECTORS") or "../shared/vectors"
end

function vectors.decode(text)
  local decoder = cjson.new()
  return decoder.decode(text)
end

---@return string|nil # a shared file, or nil where it is absent
function vectors.text(name)
  return read(shared_root() .. "/" .. name)
end

---@return table|nil # the same, decoded
function vectors.document(name)
  local text = vectors.text(name)
  return text and vectors.decode(text)
end

---@return table|nil # the cases of a shared file, or nil where it is absent
function vectors.shared(name)
  local document = vectors.document(name)
  return document and document.cases
end

---@return table # the cases of one of the project's own files
function vectors.own(name)
  return vectors.decode(assert(read("spec/vectors/" .. name))).cases
end

---Makes a test of every case of a shared file; where it is absent one
---pending test says so. The functions are busted's.
function vectors.each(it, pending, name, check)
  local cases = vectors.shared(name)
  if not cases then
    pending("no " .. name .. " in " .. shared_root()
      .. " (set IOTDATAPLANE_VECTORS)")
  end
  for _, case in ipairs(cases or {}) do
    it(case.name, function() check(case) end)
  end
end

---The same of one of the project's own files.
function vectors.each_own(it, name, check)
  for _, case in ipairs(vectors.own(name)) do
    it(case.name, function() check(case) end)
  end
end

function vectors.bytes(base64)
  return assert(core.base64_decode(base64))
end

-- ---- tagged values ----

local no_value = {} -- thrown where Lua has no such value

local function none(reason)
  error({ no_value = no_value, reason = reason }, 0)
end

local decode

local EXACT = 2 ^ 53

local function integer(text)
  local number = tonumber(text)
  local held = math_type and math_type(number) == "integer"
    or not math_type and math.abs(number) <= EXACT
  return held and number or none("this Lua has no integer " .. text)
end

local floats = { nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge }

local function list(items)
  local out = {}
  for i, item in ipairs(items) do out[i] = decode(item) end
  return out
end

local function map(items)
  if #items == 0 then return json.empty_object end
  local out = {}
  for _, item in ipairs(items) do
    local key = decode(item[1])
    if type(key) ~= "string" then none("keys of objects are strings") end
    if out[key] ~= nil then none("a key stands once in a table") end
    out[key] = decode(item[2])
  end
  return out
end

local function file(tagged)
  local f = io.tmpfile()
  f:write(vectors.bytes(tagged["$file"]))
  f:seek("set", tagged.pos or 0)
  return f
end

local function circular()
  local t = {}
  t[1] = t
  return t
end

local tags = {
  ["$int"] = integer,
  ["$float"] = function(text) return floats[text] or tonumber(text) end,
  ["$null"] = function() return json.null end,
  ["$bytes"] = vectors.bytes,
  ["$bytearray"] = vectors.bytes,
  ["$wtf8"] = vectors.bytes,
  ["$list"] = list,
  ["$tuple"] = list,
  ["$map"] = map,
  ["$opaque"] = function() return print end,
  ["$circular_list"] = circular,
}

function decode(value)
  if type(value) == "number" then
    return to_integer and to_integer(value) or value
  elseif type(value) ~= "table" then
    return value
  elseif value["$file"] then
    return file(value)
  end
  local tag, inner = next(value)
  if not tags[tag] then none("Lua has no " .. tostring(tag)) end
  return tags[tag](inner)
end

---@return table|nil, string|nil # params of a call, or nil and why Lua has
---no such values
function vectors.params(case)
  local params = {}
  local ok, thrown = pcall(function()
    for name, value in pairs(case.params) do params[name] = decode(value) end
  end)
  if ok then return params end
  if type(thrown) ~= "table" or thrown.no_value ~= no_value then
    error(thrown, 0)
  end
  return nil, thrown.reason
end

---Does the predicate hold for a tagged value, or for one within it?
function vectors.has(value, predicate)
  if predicate(value) then return true end
  if type(value) ~= "table" then return false end
  for _, item in pairs(value) do
    if vectors.has(item, predicate) then return true end
  end
  return false
end

---Seconds since the epoch of "20150830T123600Z".
function vectors.seconds(timestamp)
  local y, m, d, h, min, s =
    timestamp:match("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  if m <= 2 then y, m = y - 1, m + 12 end -- the year begins in March
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100)
    + math.floor(y / 400) + math.floor((153 * (m - 3) + 2) / 5) + d - 719469
  return days * 86400 + h * 3600 + min * 60 + s
end

return vectors
