-- sso_token.lua - the token that `aws sso login` left, renewed where it can be
--
-- After botocore's SSOTokenLoader (botocore/utils.py) and SSOTokenProvider
-- (botocore/tokens.py).

local core = require "iotdataplane.core"
local date = require "iotdataplane.date"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local sso_service = require "iotdataplane.credentials.sso_service"

local sso_token = {}

local CACHE = "~/.aws/sso/cache/"
local RENEWAL_WINDOW = 15 * 60 -- seconds before the token's end

local is_text = sso_service.is_text

-- ---- the cache ----

local function load_failure(text, ...)
  return nil, errors.new("SSOTokenLoadError", { error_msg = text:format(...) })
end

local function unreadable(name, reason)
  if reason and reason:find("Permission denied", 1, true) then
    return load_failure("Token for %s cannot be read: %s", name, reason)
  end
  return load_failure("Token for %s does not exist", name)
end

---@param name string that the file is named after: the session's, or the
---start URL
---@return table|nil, table|nil # the cached object with also `path` and
---`expiry` (seconds since the epoch), or nil and an SSOTokenLoadError
local function cached(world, name, start_url)
  local digest = core.sha1(name)
  if not digest then return load_failure("OpenSSL refuses SHA-1") end
  local path = world.files.expand(CACHE .. digest .. ".json")
  local text, reason = world:read(path)
  if not text then return unreadable(name, reason) end
  local token = json.decode(text)
  if token == nil then return load_failure("%s holds no JSON", path) end
  if type(token) == "table" and is_text(token.accessToken) then
    token.path, token.expiry = path, date.from_iso(token.expiresAt)
    if token.expiry then return token end
  end
  return load_failure("Token for %s is invalid", start_url)
end

---@param world table
---@param start_url string
---@return string|nil, table|nil # the token, or nil and an
---SSOTokenLoadError or UnauthorizedSSOTokenError
function sso_token.of_start_url(world, start_url)
  local token, err = cached(world, start_url, start_url)
  if not token then return nil, err end
  if token.expiry <= world:now() then
    return nil, errors.new("UnauthorizedSSOTokenError")
  end
  return token.accessToken
end

-- ---- renewal ----

local needed = {
  "refreshToken", "clientId", "clientSecret", "registrationExpiresAt",
}

---As Python shows a list of strings.
local function list(names)
  return #names == 0 and "[]" or "['" .. table.concat(names, "', '") .. "']"
end

local function is_renewable(world, token)
  local missing = {}
  for _, key in ipairs(needed) do
    if not is_text(token[key]) then missing[#missing + 1] = key end
  end
  if #missing > 0 then
    world:log("info", "Unable to refresh SSO token: missing keys: "
      .. list(missing))
    return false
  end
  local till = date.from_iso(token.registrationExpiresAt)
  if till and till > world:now() then return true end
  world:log("info", "SSO token registration expired")
  return false
end

---"2015-08-30T12:36:00Z", or nil outside the years 0 to 9999
local function iso_date(seconds)
  local text = core.date(seconds)
  return text and text:gsub("^(....)(..)(..T..)(..)(..)Z$", "%1-%2-%3:%4:%5Z")
end

---@return table|nil, table|nil # the service's answer, or nil and an error
local function ask_anew(world, session, token)
  local url, err = sso_service.url(world, "sso_oidc", session.sso_region)
  if not url then return nil, err end
  return sso_service.call(world, {
    service = "sso_oidc", operation = "CreateToken", method = "POST",
    url = url .. "/token", headers = { { "content-type",
                                         "application/json" } },
    body = json.encode {
      grantType = "refresh_token", clientId = token.clientId,
      clientSecret = token.clientSecret, refreshToken = token.refreshToken,
    },
    secrets = { token.clientSecret, token.refreshToken },
  })
end

---@return table|nil, table|nil # what the cache is to hold, or nil and an
---error
local function create(world, session, token)
  local answer, err = ask_anew(world, session, token)
  if not answer then return nil, err end
  local seconds = answer.expiresIn
  local ends = type(seconds) == "number" and iso_date(world:now() + seconds)
  if not ends or not is_text(answer.accessToken) then
    return nil, errors.new("TokenRetrievalError", {
      provider = "sso", error_msg = "the answer of CreateToken has no token",
    })
  end
  return {
    startUrl = session.sso_start_url, region = session.sso_region,
    accessToken = answer.accessToken, expiresAt = ends,
    clientId = token.clientId, clientSecret = token.clientSecret,
    registrationExpiresAt = token.registrationExpiresAt,
    refreshToken = is_text(answer.refreshToken) and answer.refreshToken
      or nil,
  }
end

---@return table|nil, table|nil # the renewed token; or nil, and an error
---where that was tried
local function renew(world, session, token)
  if not is_renewable(world, token) then return nil end
  local renewed, err = create(world, session, token)
  if not renewed then
    world:log("warning", "SSO token refresh attempt failed: " .. err.message)
    return nil, err
  end
  local ok, reason = world:write(token.path, json.encode(renewed))
  if not ok then
    world:log("warning", "The renewed SSO token could not be kept: "
      .. tostring(reason))
  end
  renewed.expiry = date.from_iso(renewed.expiresAt)
  return renewed
end

local function invalid(text, ...)
  return nil, errors.new("InvalidConfigError", {
    error_msg = text:format(...),
  })
end

---The section, which must be complete by itself, whatever the profile says.
local function session_of(world, name)
  local session = world:config().sso_sessions[name]
  if not session or next(session) == nil then
    return invalid('The profile "%s" is configured to use the SSO token '
      .. 'provider but the "%s" sso_session configuration does not exist.',
      world.profile_name, name)
  end
  local missing = {}
  for _, key in ipairs { "sso_start_url", "sso_region" } do
    if type(session[key]) ~= "string" then missing[#missing + 1] = key end
  end
  if #missing == 0 then return session end
  return invalid('The profile "%s" is configured to use the SSO token '
    .. "provider but is missing the following configuration: %s.",
    world.profile_name, list(missing))
end

---@param world table
---@param name string of an sso-session
---@return string|nil, table|nil # the token, or nil and an error:
---SSOTokenLoadError, TokenRetrievalError, InvalidConfigError, ...
function sso_token.of_session(world, name)
  local session, err = session_of(world, name)
  if not session then return nil, err end
  local token
  token, err = cached(world, name, session.sso_start_url)
  if not token then return nil, err end
  if token.expiry - world:now() < RENEWAL_WINDOW then
    local renewed
    renewed, err = renew(world, session, token)
    token = renewed or token
  end
  if token.expiry > world:now() then return token.accessToken end
  -- A service's refusal is told in the log alone, as botocore does.
  if err and not err.response then return nil, err end
  return nil, errors.new("TokenRetrievalError", {
    provider = "sso", error_msg = "Token has expired and refresh failed",
  })
end

return sso_token
