-- sign.lua - (request, credentials, scope, now) -> signed request | nil, err
--
-- AWS Signature Version 4 for any service. The core keeps the last derived
-- key, and does the work.

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"

local core_sign = core.sign

-- Flags of core.sign.
local RAW_PATH, TOKEN_AFTER, SIGN_BODY = 1, 2, 4

local option_of = {
  access_key = "aws_access_key_id", secret_key = "aws_secret_access_key",
  token = "aws_session_token",
}

local function flags_of(scope)
  return (scope.normalize_path == false and RAW_PATH or 0)
    + (scope.omit_session_token and TOKEN_AFTER or 0)
    + (scope.sign_body and SIGN_BODY or 0)
end

---@param request table {method, path, query, headers = {{name, value}}, body}
---with its host header; `path` and `query` as they go on the wire
---@param credentials table {access_key, secret_key, token}
---@param scope table {region, service}; `normalize_path = false` signs the
---path as it is (S3), `sign_body` adds x-amz-content-sha256,
---`omit_session_token` adds the token unsigned
---@param now number seconds since the epoch
---@return table|nil, table|nil # a new request with x-amz-date,
---x-amz-security-token and authorization, or nil and an error
local function sign(request, credentials, scope, now)
  local signed, reason, bad = core_sign(request, credentials.access_key,
    credentials.secret_key, credentials.token, scope.region, scope.service,
    now, flags_of(scope))
  if signed then return signed end
  if bad then reason = option_of[bad] .. ": " .. reason end
  return nil, errors.new("ParamValidationError", {
    report = "Invalid value for parameter " .. reason,
  })
end

return sign
