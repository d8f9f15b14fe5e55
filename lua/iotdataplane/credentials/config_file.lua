-- config_file.lua - credentials from a profile of the config file

local keys = require "iotdataplane.credentials.keys"

local config_file = {}

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function config_file.get(world)
  local config, err = world:config()
  if not config then return nil, err end
  return keys.of_profile(config.config[world.profile_name], "config-file")
end

return config_file
