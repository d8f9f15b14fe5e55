-- sign.lua - (request, credentials, scope, now) -> signed request | nil, err
--
-- AWS Signature Version 4 for any service. The core keeps the last derived
-- key, and does the work.

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"

local core_sign = core.sign

local option_of = {
  access_key = "aws_access_key_id", secret_key = "aws_secret_access_key",
  token = "aws_session_token",
}

local function refuse(reason, bad)
  if bad then reason = option_of[bad] .. ": " .. reason end
  return nil, errors.new("ParamValidationError", {
    report = "Invalid value for parameter " .. reason,
  })
end

---A record at once: a table that grows costs twice.
local function copy(r, headers)
  return {
    method = r.method, scheme = r.scheme, host = r.host, port = r.port,
    path = r.path, query = r.query, headers = headers, body = r.body,
  }
end

---@param request table {method, path, query, headers = {{name, value}}, body}
---with its host header; `path` and `query` as they go on the wire
---@param credentials table {access_key, secret_key, token}
---@param scope table {region, service}; `normalize_path = false` signs the
---path as it is (S3), `sign_body` adds x-amz-content-sha256,
---`omit_session_token` adds the token unsigned
---@param now number seconds since the epoch
---@param in_place boolean|nil signs the request itself, adds to its list, and
---writes into the pair of an authorization that is there: no other has it
---@return table|nil, table|nil # a new request with x-amz-date,
---x-amz-security-token and authorization, or nil and an error
local function sign(request, credentials, scope, now, in_place)
  local headers, reason, bad = core_sign(request.method, request.path,
    request.query or "", request.headers, request.body or "",
    credentials.access_key, credentials.secret_key, credentials.token,
    scope.region, scope.service, now, scope.normalize_path,
    scope.omit_session_token, scope.sign_body, in_place)
  if not headers then return refuse(reason, bad) end
  return in_place and request or copy(request, headers)
end

return sign
