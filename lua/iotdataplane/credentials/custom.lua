-- custom.lua - credentials from a function of the user's

local date = require "iotdataplane.date"
local errors = require "iotdataplane.errors"
local protected = require "iotdataplane.protected"

local custom = {}

local MAX_REASON = 200 -- bytes of what the function says

local function failed(reason)
  return nil, errors.new("CredentialRetrievalError", {
    provider = "custom", error_msg = tostring(reason):sub(1, MAX_REASON),
  })
end

---Seconds since the epoch, of a number or a date as text.
local function expiry_of(value)
  if type(value) == "number" or value == nil then return value end
  return date.from_iso(value)
end

local function wrong(found)
  if type(found) ~= "table" then return "it gave " .. type(found) end
  for _, name in ipairs { "access_key", "secret_key" } do
    if type(found[name]) ~= "string" then
      return ("it gave no %s, or none that is a string"):format(name)
    end
  end
  if found.token ~= nil and type(found.token) ~= "string" then
    return "its token is no string"
  end
  if found.expiry_time ~= nil and not expiry_of(found.expiry_time) then
    return "its expiry_time is no number, and no date"
  end
end

---@param world table {options}; `options.credentials` is called with it
---@return table|nil, table|nil # credentials, nil, or nil and an error
function custom.get(world)
  local f = world.options.credentials
  if not f then return nil end
  local ok, found, err = protected.call(f, world)
  if not ok then found, err = nil, found end
  if not found and err ~= nil then
    local is_ours = getmetatable(err) == errors.metatable
    if is_ours then return nil, err end
    return failed(err)
  end
  local reason = wrong(found)
  if reason then return failed(reason) end
  return {
    access_key = found.access_key, secret_key = found.secret_key,
    token = found.token, expiry_time = expiry_of(found.expiry_time),
    method = found.method or "custom",
  }
end

return custom
