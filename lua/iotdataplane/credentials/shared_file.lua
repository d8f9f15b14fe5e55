-- shared_file.lua - credentials from the shared credentials file

local keys = require "iotdataplane.credentials.keys"

local shared_file = {}

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function shared_file.get(world)
  local config, err = world:config()
  if not config then return nil, err end
  return keys.of_profile(config.shared[world.profile_name],
                         "shared-credentials-file")
end

return shared_file
