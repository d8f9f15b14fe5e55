-- python.lua - values as Python's str() shows them, for texts that are boto3's

local json = require "iotdataplane.json"
local number = require "iotdataplane.number"

local python = {}

local MAX_DEPTH = 20

local constants = { [true] = "True", [false] = "False" }

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
                  ["\\"] = "\\\\" }

---Python quotes with ' unless the text has one and no ".
local function quoted(s)
  local quote = "'"
  if s:find("'", 1, true) and not s:find('"', 1, true) then quote = '"' end
  local text = s:gsub("[\n\r\t\\]", escapes):gsub("[%z\1-\31\127]",
    function(c) return ("\\x%02x"):format(c:byte()) end)
  if quote == "'" then text = text:gsub("'", "\\'") end
  return quote .. text .. quote
end

local repr

local function is_array(t)
  local n = 0
  for _ in next, t do n = n + 1 end
  return n == #t
end

local function items(t, depth)
  local out = {}
  for i = 1, #t do out[i] = repr(t[i], depth) end
  return "[" .. table.concat(out, ", ") .. "]"
end

local function pairs_of(t, depth)
  local keys, out = {}, {}
  for key in next, t do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    return json.before(tostring(a), tostring(b))
  end)
  for i, key in ipairs(keys) do
    out[i] = repr(key, depth) .. ": " .. repr(t[key], depth)
  end
  return "{" .. table.concat(out, ", ") .. "}"
end

function repr(value, depth)
  local kind = type(value)
  if kind == "string" then return quoted(value) end
  if kind ~= "table" then return python.str(value) end
  if value == json.empty_object then return "{}" end
  if depth > MAX_DEPTH then return "..." end
  return (is_array(value) and items or pairs_of)(value, depth + 1)
end

---@param value any
---@return string # null is None, {1, 2} is [1, 2], {a = 1} is {'a': 1}
function python.str(value)
  local kind = type(value)
  if kind == "string" then return value end
  if kind == "number" then
    if value ~= value then return "nan" end
    return number(value) or (value > 0 and "inf" or "-inf")
  end
  if value == json.null then return "None" end
  if kind == "table" then return repr(value, 1) end
  return constants[value] or tostring(value)
end

---@return string # repr(value)
function python.repr(value)
  return repr(value, 0)
end

return python
