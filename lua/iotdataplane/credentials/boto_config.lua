-- boto_config.lua - credentials from boto 2's configuration

local ini = require "iotdataplane.ini"
local keys = require "iotdataplane.credentials.keys"

local boto_config = {}

local PATHS = { "/etc/boto.cfg", "~/.boto" }

---@return table|nil, table|nil # the file's sections, nil where there is no
---such file, or nil and a ConfigParseError
local function sections_of(world, path)
  path = world.files.expand(path)
  local text = world:read(path)
  if not text then return nil end
  local sections, err = ini.parse_file(text, path)
  if not sections then return nil, err end
  return sections
end

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function boto_config.get(world)
  local given = world.getenv "BOTO_CONFIG"
  for _, path in ipairs(given and { given } or PATHS) do
    local sections, err = sections_of(world, path)
    if err then return nil, err end
    local credentials
    credentials, err = keys.of(sections and sections.Credentials,
                               "boto-config")
    if credentials or err then return credentials, err end
  end
  return nil
end

return boto_config
