-- sso.lua - credentials of a role, for who logged in with `aws sso login`
--
-- After botocore's SSOProvider and SSOCredentialFetcher
-- (botocore/credentials.py).

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local sso_service = require "iotdataplane.credentials.sso_service"
local sso_token = require "iotdataplane.credentials.sso_token"

local sso = {}

-- Either of the first two says that the profile is one of SSO.
local required = {
  "sso_role_name", "sso_account_id", "sso_start_url", "sso_region",
}

local function invalid(text, ...)
  return nil, errors.new("InvalidConfigError", {
    error_msg = text:format(...),
  })
end

local function sorted_keys(settings)
  local keys = {}
  for key in next, settings do keys[#keys + 1] = key end
  table.sort(keys, json.before)
  return keys
end

---The profile's settings with those of its session, which must not differ.
local function with_session(profile, session)
  local settings = {}
  for key, value in next, profile do settings[key] = value end
  for _, key in ipairs(sorted_keys(session)) do
    local here, there = profile[key], session[key]
    if type(here) == "string" and type(there) == "string"
       and here ~= there then
      return invalid("The value for %s is inconsistent between profile (%s) "
        .. "and sso-session (%s).", key, here, there)
    end
    settings[key] = there
  end
  return settings
end

---@return table|nil, table|nil # the settings, or nil and an error
local function resolve(world, profile)
  local name = profile.sso_session
  if not name then return profile end
  local session = world:config().sso_sessions[name]
  if session then return with_session(profile, session) end
  return invalid('The specified sso-session does not exist: "%s"',
    tostring(name))
end

---@return table|nil, table|nil # the settings, nil where the profile is not
---one of SSO, or nil and an error
local function configuration(world)
  local profile, err = world:profile()
  if not profile then return nil, err end
  if not profile.sso_role_name and not profile.sso_account_id then
    return nil
  end
  local settings
  settings, err = resolve(world, profile)
  if not settings then return nil, err end
  local missing = {}
  for _, key in ipairs(required) do
    if type(settings[key]) ~= "string" then missing[#missing + 1] = key end
  end
  if #missing == 0 then return settings end
  return invalid('The profile "%s" is configured to use SSO but is missing '
    .. "required configuration: %s", world.profile_name,
    table.concat(missing, ", "))
end

local function token_of(world, settings)
  if settings.sso_session then
    return sso_token.of_session(world, settings.sso_session)
  end
  return sso_token.of_start_url(world, settings.sso_start_url)
end

---@return table|nil, table|nil # the service's answer, or nil and an error
local function ask(world, settings)
  local url, err = sso_service.url(world, "sso", settings.sso_region)
  if not url then return nil, err end
  local token
  token, err = token_of(world, settings)
  if not token then return nil, err end
  return sso_service.call(world, {
    service = "sso", operation = "GetRoleCredentials",
    url = ("%s/federation/credentials?role_name=%s&account_id=%s"):format(url,
      core.uri_encode(settings.sso_role_name),
      core.uri_encode(settings.sso_account_id)),
    headers = { { "x-amz-sso_bearer_token", token } },
    secrets = { token },
  })
end

local function useless(name)
  return nil, errors.new("CredentialRetrievalError", {
    provider = "sso",
    error_msg = "the answer of GetRoleCredentials has no usable " .. name,
  })
end

local function credentials_of(answer)
  local found = answer.roleCredentials
  if type(found) ~= "table" then return useless "roleCredentials" end
  for _, name in ipairs { "accessKeyId", "secretAccessKey",
                          "sessionToken" } do
    if not sso_service.is_text(found[name]) then return useless(name) end
  end
  local milliseconds = found.expiration
  if type(milliseconds) ~= "number"
     or milliseconds - milliseconds ~= 0 then -- neither NaN nor infinite
    return useless "expiration"
  end
  return {
    access_key = found.accessKeyId, secret_key = found.secretAccessKey,
    token = found.sessionToken, method = "sso",
    expiry_time = math.floor(milliseconds / 1000),
  }
end

---@param world table
---@return table|nil, table|nil # credentials; nil where the profile is not
---one of SSO; or nil and an error: InvalidConfigError, SSOTokenLoadError,
---UnauthorizedSSOTokenError, ...
function sso.get(world)
  local settings, err = configuration(world)
  if not settings then return nil, err end
  local answer
  answer, err = ask(world, settings)
  if answer then return credentials_of(answer) end
  local response = err.response
  if response and response.Error.Code == "UnauthorizedException" then
    return nil, errors.new("UnauthorizedSSOTokenError")
  end
  return nil, err
end

return sso
