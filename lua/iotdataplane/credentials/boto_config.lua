-- boto_config.lua - credentials from boto 2's configuration

local errors = require "iotdataplane.errors"
local ini = require "iotdataplane.ini"

local boto_config = {}

local METHOD = "boto-config"
local NEEDED = { "aws_access_key_id", "aws_secret_access_key" }
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

---A value with lines of its own is a table, which is no key.
local function credentials_of(section)
  for _, name in ipairs(NEEDED) do
    if type(section[name]) ~= "string" then
      return nil, errors.new("PartialCredentialsError", {
        provider = METHOD, cred_var = name,
      })
    end
  end
  return {
    access_key = section.aws_access_key_id,
    secret_key = section.aws_secret_access_key, method = METHOD,
  }
end

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function boto_config.get(world)
  local given = world.getenv "BOTO_CONFIG"
  for _, path in ipairs(given and { given } or PATHS) do
    local sections, err = sections_of(world, path)
    if err then return nil, err end
    local section = sections and sections.Credentials
    if section and section.aws_access_key_id then
      return credentials_of(section)
    end
  end
  return nil
end

return boto_config
