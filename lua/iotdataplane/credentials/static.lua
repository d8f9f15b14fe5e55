-- static.lua - credentials from the options of iotdataplane.client

local errors = require "iotdataplane.errors"

local static = {}

local function missing(name)
  return nil, errors.new("PartialCredentialsError", {
    provider = "explicit", cred_var = name,
  })
end

---Empty ones are none.
local function keys_of(options)
  local key, secret = options.aws_access_key_id, options.aws_secret_access_key
  return key ~= "" and key or nil, secret ~= "" and secret or nil
end

---@param options table
---@return boolean # are there any among them?
function static.is_given(options)
  local key, secret = keys_of(options)
  return key ~= nil or secret ~= nil
end

---@param world table {options}
---@return table|nil, table|nil # credentials, nil, or nil and an error
function static.get(world)
  local options = world.options
  local key, secret = keys_of(options)
  if not key and not secret then return nil end
  if not secret then return missing("aws_secret_access_key") end
  if not key then return missing("aws_access_key_id") end
  return {
    access_key = key, secret_key = secret, token = options.aws_session_token,
    method = "explicit",
  }
end

return static
