-- keys.lua - the keys that a section of a file has -> credentials

local errors = require "iotdataplane.errors"

local keys = {}

local NEEDED = { "aws_access_key_id", "aws_secret_access_key" }

local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

---A value with lines of its own is a table, which is no key.
---@param section table|nil {key = text}
---@param method string botocore's name of the provider
---@return table|nil, table|nil # credentials, nil where the section has no
---access key, or nil and a PartialCredentialsError
function keys.of(section, method)
  if not (section and section.aws_access_key_id) then return nil end
  for _, name in ipairs(NEEDED) do
    if type(section[name]) ~= "string" then
      return nil, errors.new("PartialCredentialsError", {
        provider = method, cred_var = name,
      })
    end
  end
  return {
    access_key = section.aws_access_key_id,
    secret_key = section.aws_secret_access_key, method = method,
  }
end

---The same, of a profile, which may have a session token.
function keys.of_profile(section, method)
  local credentials, err = keys.of(section, method)
  if not credentials then return nil, err end
  credentials.token =
    text_of(section.aws_security_token or section.aws_session_token)
  return credentials
end

return keys
