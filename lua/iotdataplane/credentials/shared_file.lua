-- shared_file.lua - credentials from the shared credentials file

local errors = require "iotdataplane.errors"

local shared_file = {}

local METHOD = "shared-credentials-file"
local NEEDED = { "aws_access_key_id", "aws_secret_access_key" }

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
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
    secret_key = section.aws_secret_access_key,
    token = text_of(section.aws_security_token or section.aws_session_token),
    method = METHOD,
  }
end

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function shared_file.get(world)
  local config, err = world:config()
  if not config then return nil, err end
  local section = config.shared[world.profile_name]
  if not (section and section.aws_access_key_id) then return nil end
  return credentials_of(section)
end

return shared_file
