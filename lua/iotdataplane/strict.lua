-- strict.lua - AWS IoT's limits, checked before a byte is sent
--
-- boto3 checks no maximum, pattern or enum of its model, nor the broker's
-- quotas (docs.aws.amazon.com/general/latest/gr/iot-core.html); the service
-- refuses each by itself, in a text that often does not say which.

local core = require "iotdataplane.core"
local json = require "iotdataplane.json"
local python = require "iotdataplane.python"
local validate = require "iotdataplane.validate"

local MAX_TOPIC = 256 -- bytes
local MAX_SLASHES = 7
local MAX_PAYLOAD = 128 * 1024
local MAX_DOCUMENT = 8 * 1024
local MAX_EXPIRY = 7 * 24 * 3600 -- seconds
local MAX_TIMEOUT = 15 -- seconds

-- Basic Ingest: what goes to a rule, and not to the broker. Neither its bytes
-- nor its slashes count.
local RULE = "^%$aws/rules/[^/]+/"

-- ---- the broker's quotas: each is (value) -> what is wrong, or nil ----

local function is_text(topic)
  if topic == "" then return "it is empty" end
  if not json.is_utf8(topic) then return "it is not valid UTF-8" end
  if topic:find("%z") then return "it has a NUL" end
end

local function has_no_wildcard(topic)
  if topic:find "[+#]" then return "it has a wildcard, + or #" end
end

local function is_short(topic)
  local size = #topic:gsub(RULE, "")
  if size <= MAX_TOPIC then return nil end
  return ("it has %d bytes, of at most %d"):format(size, MAX_TOPIC)
end

local function is_shallow(topic)
  local _, slashes = topic:gsub(RULE, ""):gsub("/", "")
  if slashes <= MAX_SLASHES then return nil end
  return ("it has %d slashes, of at most %d"):format(slashes, MAX_SLASHES)
end

local function is_not_reserved(topic)
  if topic:find "^%$" and not topic:find "^%$aws/" then
    return "it begins with $, and not with $aws/"
  end
end

local function is_a_users(topic)
  if topic:find "^%$" then return "it begins with $" end
end

---How many bytes are left to read; nil where the file cannot say.
local function size_of(file)
  local ok, size = pcall(function()
    local from = file:seek "cur"
    local to = file:seek "end"
    file:seek("set", from)
    return to - from
  end)
  return ok and size or nil
end

local function at_most(limit)
  return function(payload)
    local size = type(payload) == "string" and #payload or size_of(payload)
    if not size or size <= limit then return nil end
    return ("it has %d bytes, of at most %d"):format(size, limit)
  end
end

local function within(least, most)
  return function(value)
    if value >= least and value <= most then return nil end
    return ("%s is not within %d and %d"):format(python.str(value), least,
                                                 most)
  end
end

local function is_base64(text)
  if not core.base64_decode(text) then return "it is no base64" end
end

local topic = { is_text, has_no_wildcard, is_short, is_shallow }

local function with(list, check)
  local new = { check }
  for i, item in ipairs(list) do new[i + 1] = item end
  return new
end

local message = {
  payload = { at_most(MAX_PAYLOAD) },
  responseTopic = { is_text, has_no_wildcard },
  correlationData = { is_base64 },
  messageExpiry = { within(1, MAX_EXPIRY) },
  timeout = { within(1, MAX_TIMEOUT) },
}

local function of_message(topic_checks)
  return setmetatable({ topic = topic_checks }, { __index = message })
end

-- By operation and member.
local quotas = {
  Publish = of_message(with(topic, is_not_reserved)),
  SendDirectMessage = of_message(with(topic, is_a_users)),
  GetRetainedMessage = { topic = topic },
  UpdateThingShadow = { payload = { at_most(MAX_DOCUMENT) } },
}

-- ---- the model's own rules ----

---Characters of a string, an integer itself.
local function extent(value)
  if type(value) ~= "string" then return value, "value" end
  local _, count = value:gsub("[^\128-\191]", "")
  return count, "length"
end

local function is_one_of(value, list)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

local function check_model(member, value, add)
  if member.max then
    local size, kind = extent(value)
    if size > member.max then
      add(("Invalid %s for parameter %s, value: %s, valid max %s: %d")
        :format(kind, member.name, python.str(size), kind, member.max))
    end
  end
  -- no %s for the value: Lua 5.1's ends at a NUL
  local prefix = "Invalid value for parameter " .. member.name .. ", value: "
  if member.pattern and not value:find(member.pattern) then
    add(prefix .. value .. ", must match: " .. member.regex)
  end
  if member.enum and not is_one_of(value, member.enum) then
    add(prefix .. value .. ", must be one of: "
      .. table.concat(member.enum, ", "))
  end
end

local function check(operation, member, value, add)
  check_model(member, value, add)
  local of_operation = quotas[operation.name]
  for _, wrong in ipairs(of_operation and of_operation[member.name] or {}) do
    local reason = wrong(value)
    if reason then
      add(("Invalid value for parameter %s: %s"):format(member.name, reason))
    end
  end
end

---@param operation table of model.operations
---@param params table
---@return true|nil, table|nil # or nil and a ParamValidationError that names
---what boto3 would refuse, and what AWS IoT would
local function strict(operation, params)
  return validate(operation, params, check)
end

return strict
