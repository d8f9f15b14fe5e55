-- web_identity.lua - credentials of a role for a token in a file
--
-- After botocore's AssumeRoleWithWebIdentityProvider. The file is read anew
-- each time, as somebody else renews the token in it.

local errors = require "iotdataplane.errors"
local sts = require "iotdataplane.credentials.sts"

local web_identity = {}

local METHOD = "assume-role-with-web-identity"

-- The identity's provider could not be reached: another time it may be.
local retryable = { IDPCommunicationError = true }

---The environment goes before the profile, unless that was asked for.
local function setting(world, profile, variable, key)
  local value = not world.is_explicit and world.getenv(variable)
    or profile[key]
  return type(value) == "string" and value or nil
end

local function read_token(world, path)
  local token, reason = world:read(path)
  if token then return token end
  reason = tostring(reason)
  if reason:sub(1, #path + 2) == path .. ": " then
    reason = reason:sub(#path + 3)
  end
  return nil, errors.new("CredentialRetrievalError", {
    provider = METHOD, error_msg = ("the token file %s cannot be read: %s")
      :format(path, reason),
  })
end

---@return string|nil, table|nil # or nil and an error
local function role_of(world, profile)
  local role = setting(world, profile, "AWS_ROLE_ARN", "role_arn")
  if role and role ~= "" then return role end
  return nil, errors.new("InvalidConfigError", {
    error_msg = "The provided profile or the current environment is "
      .. "configured to assume role with web identity but has no role ARN "
      .. "configured. Ensure that the profile has the role_arn"
      .. "configuration set or the AWS_ROLE_ARN env var is set.",
  })
end

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function web_identity.get(world)
  local profile, err = world:profile()
  if not profile then return nil, err end
  local path = setting(world, profile, "AWS_WEB_IDENTITY_TOKEN_FILE",
    "web_identity_token_file")
  if not path or path == "" then return nil end
  local role, token
  role, err = role_of(world, profile)
  if not role then return nil, err end
  token, err = read_token(world, path)
  if not token then return nil, err end
  local name = setting(world, profile, "AWS_ROLE_SESSION_NAME",
    "role_session_name")
  return sts.credentials(world, {
    operation = "AssumeRoleWithWebIdentity", method = METHOD,
    retryable = retryable,
    params = {
      { "RoleSessionName", sts.session_name(world, name) },
      { "RoleArn", role }, { "WebIdentityToken", token },
    },
  })
end

return web_identity
