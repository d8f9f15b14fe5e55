-- output.lua - an answer's body as the members of a result
--
-- After botocore's JSON parser (botocore/parsers.py): what the model does not
-- know is dropped, what is null is absent, but in a list. Blobs are strings,
-- and integers are whole to the last digit where Lua has integers.

local core = require "iotdataplane.core"
local json = require "iotdataplane.json"

local has_integers = rawget(math, "tointeger") ~= nil -- Lua 5.3 and later

local EXACT_DIGITS = 15 -- of an integer that every double holds

-- ---- numbers that lua-cjson would round ----

---Where the string that begins at `at` ends.
local function string_end(text, at)
  repeat
    at = text:find('["\\]', at + 1)
    if not at then return #text end
    local is_escape = text:byte(at) == 92
    if is_escape then at = at + 1 end
  until not is_escape
  return at
end

local function quote_long(number)
  local digits = number:match "^%-?(%d+)$"
  if digits and #digits > EXACT_DIGITS then return '"' .. number .. '"' end
end

---JSON with its long integers as strings; those within strings are left.
local function quote_integers(text)
  local parts, at = {}, 1
  while at <= #text do
    local from = text:find('"', at, true) or #text + 1
    local to = string_end(text, from)
    parts[#parts + 1] = text:sub(at, from - 1)
      :gsub("%-?%d[%d.eE+-]*", quote_long)
    parts[#parts + 1] = text:sub(from, to)
    at = to + 1
  end
  return table.concat(parts)
end

local long = ("%d"):rep(EXACT_DIGITS + 1)

---The body as an object; what is none may be anything.
local function decode(body, object_of)
  if not has_integers or not body:find(long) then return object_of(body) end
  local quoted = quote_integers(body)
  return json.decode(quoted) and object_of(quoted) or object_of(body)
end

-- ---- values ----

-- Each takes a value that is not null, and gives ours, or nil.
local readers = {}

local read

-- botocore takes whatever is there.
function readers.string(value) return value end

function readers.integer(value)
  if type(value) == "string" then
    return value:find "^%s*[+-]?%d+%s*$" and tonumber(value)
  elseif type(value) ~= "number" or value - value ~= 0 then
    return nil
  end
  return value < 0 and math.ceil(value) or math.floor(value)
end

function readers.boolean(value)
  return value == true
    or type(value) == "string" and value:lower() == "true"
end

---As Python's b64decode, which skips what is no base64.
function readers.blob(value)
  if type(value) ~= "string" then return nil end
  local bytes = core.base64_decode((value:gsub("[^A-Za-z0-9+/=]", "")))
  return bytes
end

---A null stays one: the items behind it keep their places.
function readers.list(value, member)
  if type(value) ~= "table" or #value == 0 and next(value) ~= nil then
    return nil
  end
  local items = {}
  for i = 1, #value do
    items[i] = value[i]
    if value[i] ~= json.null then
      local item, reason = read(member.of, value[i])
      if item == nil then return nil, reason end
      items[i] = item
    end
  end
  return items
end

function readers.structure(value, member)
  if type(value) ~= "table" then return nil end
  local result = {}
  for _, m in ipairs(member.members) do
    local item = value[m.name]
    if item ~= nil and item ~= json.null then
      local ours, reason = read(m, item)
      if ours == nil then return nil, reason end
      result[m.name] = ours
    end
  end
  return result
end

function read(member, value)
  local ours, reason = readers[member.type](value, member)
  if ours ~= nil then return ours end
  return nil, reason
    or ("%s is no %s"):format(member.name or "an item", member.type)
end

---@param members table of an operation's output
---@param body string
---@param object_of function (text) -> its JSON's object, or one that has what
---is no object for its `message`
---@return table|nil, string|nil # the members that are there, or nil and what
---is wrong
local function output(members, body, object_of)
  local first = members[1]
  if first.is_body then return { [first.name] = body } end
  return read({ type = "structure", members = members },
              decode(body, object_of))
end

return output
