-- chain.lua - the order in which credentials are looked for

local environment = require "iotdataplane.credentials.environment"
local errors = require "iotdataplane.errors"
local static = require "iotdataplane.credentials.static"

local chain = {}

local order = { static, environment }

---@param world table what providers may ask: {options, getenv}
---@return table|nil, table|nil # {access_key, secret_key, token}, or nil and
---an error
function chain.get(world)
  for _, provider in ipairs(order) do
    local credentials, err = provider.get(world)
    if credentials or err then return credentials, err end
  end
  return nil, errors.new("NoCredentialsError")
end

return chain
