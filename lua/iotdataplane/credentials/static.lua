-- static.lua - credentials from the options of iotdataplane.client

local errors = require "iotdataplane.errors"

local static = {}

local function missing(name)
  return nil, errors.new("PartialCredentialsError", {
    provider = "explicit", cred_var = name,
  })
end

---@param world table {options}
---@return table|nil, table|nil # credentials, nil, or nil and an error
function static.get(world)
  local options = world.options
  local key = options.aws_access_key_id
  local secret = options.aws_secret_access_key
  if not key and not secret then return nil end
  if not secret then return missing("aws_secret_access_key") end
  if not key then return missing("aws_access_key_id") end
  return {
    access_key = key, secret_key = secret, token = options.aws_session_token,
    method = "explicit",
  }
end

return static
