-- presign.lua - the URL that lets an MQTT client in over a WebSocket
--
-- Signature Version 4 in the query, as AWS IoT's device gateway wants it: in
-- its own service's name, and with the session token behind what is signed.
-- botocore's SigV4QueryAuth signs the token too.
-- https://docs.aws.amazon.com/iot/latest/developerguide/
-- protocols.html#mqtt-ws; the older service's name, iotdata, works as well.

local cached = require "iotdataplane.credentials.cached"
local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"

local presign = {}

local SERVICE = "iotdevicegateway"
local DEFAULT = 3600 -- seconds, as generate_presigned_url's ExpiresIn
local LONGEST = 86400 -- seconds that AWS IoT takes

local schemes = { https = "wss", http = "ws" }

---What is wrong with the parameters, as a programmer's mistake.
---@param params any {expires_in}, or nil
---@return string|nil
function presign.misuse(params)
  if params == nil then return nil end
  if type(params) ~= "table" then
    return "table expected, got " .. type(params)
  end
  for name in next, params do
    if name ~= "expires_in" then
      return ("unknown parameter '%s'"):format(tostring(name))
    end
  end
  local seconds = params.expires_in
  if seconds == nil then return nil end
  if type(seconds) ~= "number" or seconds % 1 ~= 0 or seconds < 1
     or seconds > LONGEST then
    return ("'expires_in' must be a whole number from 1 to %d")
      :format(LONGEST)
  end
end

local function query_of(access_key, scope, date, seconds)
  return table.concat({
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
    "X-Amz-Credential=" .. core.uri_encode(access_key .. "/" .. scope),
    "X-Amz-Date=" .. date, ("X-Amz-Expires=%d"):format(seconds),
    "X-Amz-SignedHeaders=host",
  }, "&")
end

---@param at table of endpoint.parse
---@param credentials table {access_key, secret_key, token}
---@param region string
---@param now number seconds since the epoch
---@param seconds number how long it lets anybody in
---@return string|nil, string|nil # the URL, or nil and a reason
function presign.url(at, credentials, region, now, seconds)
  local date, reason = core.date(now)
  if not date then return nil, reason end
  local scope = ("%s/%s/%s/aws4_request")
    :format(date:sub(1, 8), region, SERVICE)
  local path = at.path .. "/mqtt"
  local query = query_of(credentials.access_key, scope, date, seconds)
  local canonical = core.canonical_request("GET", path, query,
    { { "host", at.host_header } }, "")
  local to_sign = core.string_to_sign(canonical, region, SERVICE, date)
  local url = ("%s://%s%s?%s&X-Amz-Signature=%s"):format(schemes[at.scheme],
    at.host_header, path, query, core.signature(to_sign,
      credentials.secret_key, region, SERVICE, date))
  local token = credentials.token
  if not token or token == "" then return url end
  return url .. "&X-Amz-Security-Token=" .. core.uri_encode(token)
end

local function refuse(reason)
  return nil, errors.new("InvalidConfigError", {
    error_msg = "A URL cannot be presigned: " .. reason,
  })
end

---@param self table a client
---@param params table|nil {expires_in}, in which nothing is wrong
---@return string|nil, table|nil # the URL, or nil and an error
function presign.mqtt_url(self, params)
  local settings, world = self.settings, self.world
  if settings.signature_version ~= "v4" then
    return refuse "this client's requests are unsigned"
  end
  local limit = self.api_call_timeout
  self.cache = self.cache or cached.of(world)
  local credentials, err = cached.get(self.cache, world,
    limit and world:monotonic() + limit)
  if not credentials then return nil, err end
  local url, reason = presign.url(settings.endpoint, credentials,
    settings.region_name, world:now(), params and params.expires_in or DEFAULT)
  if url then return url end
  return refuse(reason)
end

return presign
