-- environment.lua - credentials from AWS_ACCESS_KEY_ID and its like

local errors = require "iotdataplane.errors"

local environment = {}

---An empty variable is none, to botocore.
local function read(world, name)
  local value = world.getenv(name)
  return value ~= "" and value or nil
end

---@param world table {getenv}
---@return table|nil, table|nil # credentials, nil, or nil and an error
function environment.get(world)
  local key = read(world, "AWS_ACCESS_KEY_ID")
  if not key then return nil end
  local secret = read(world, "AWS_SECRET_ACCESS_KEY")
  if not secret then
    return nil, errors.new("PartialCredentialsError", {
      provider = "env", cred_var = "AWS_SECRET_ACCESS_KEY",
    })
  end
  return {
    access_key = key, secret_key = secret,
    token = read(world, "AWS_SESSION_TOKEN")
      or read(world, "AWS_SECURITY_TOKEN"),
    method = "env",
  }
end

return environment
