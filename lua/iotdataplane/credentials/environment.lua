-- environment.lua - credentials from AWS_ACCESS_KEY_ID and its like

local date = require "iotdataplane.date"
local errors = require "iotdataplane.errors"

local environment = {}

---When they end, if that is said: a tool that exports temporary ones may.
local function expiry_of(world)
  local text = world:env "AWS_CREDENTIAL_EXPIRATION"
  if not text then return nil end
  local expiry_time = date.from_iso(text)
  if expiry_time then return expiry_time end
  return nil, errors.new("ValueError", {
    error_msg = "AWS_CREDENTIAL_EXPIRATION is no date: " .. text,
  })
end

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function environment.get(world)
  local key = world:env "AWS_ACCESS_KEY_ID"
  if not key then return nil end
  local secret = world:env "AWS_SECRET_ACCESS_KEY"
  if not secret then
    return nil, errors.new("PartialCredentialsError", {
      provider = "env", cred_var = "AWS_SECRET_ACCESS_KEY",
    })
  end
  local expiry_time, err = expiry_of(world)
  if err then return nil, err end
  return {
    access_key = key, secret_key = secret, expiry_time = expiry_time,
    -- the older name first, as botocore has it
    token = world:env "AWS_SECURITY_TOKEN" or world:env "AWS_SESSION_TOKEN",
    method = "env",
  }
end

return environment
