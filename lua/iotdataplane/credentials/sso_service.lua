-- sso_service.lua - one call of IAM Identity Center: its portal, or its OIDC
--
-- Such a call is not signed: what it carries is itself the secret. So what
-- it carried is cut out of what a service says went wrong.

local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local parse = require "iotdataplane.parse"
local service = require "iotdataplane.credentials.service"

local sso_service = {}

local hosts = { sso = "portal.sso", sso_oidc = "oidc" }

---Is it a text that a header may carry?
function sso_service.is_text(value)
  return type(value) == "string" and value ~= ""
    and not value:find("[%z\1-\31\127]")
end

---The endpoint of botocore's rule sets for sso and sso-oidc, which agree.
local function url_of_region(world, name, region)
  local id, suffix, dual_suffix = endpoint.partition(region)
  local host = hosts[name]
  local dualstack =
    world:flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
  if world:flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
     and (dualstack or id ~= "aws-us-gov") then
    host = host .. "-fips"
  end
  return ("https://%s.%s.%s"):format(host, region,
    dualstack and dual_suffix or suffix)
end

---@param world table
---@param name string "sso", "sso_oidc"
---@param region string
---@return string|nil, table|nil # the URL without a slash at its end, or nil
---and an InvalidRegionError, a ValueError, an InvalidConfigError, ...
function sso_service.url(world, name, region)
  if not endpoint.is_region(region) then
    return nil, errors.new("InvalidRegionError", { region_name = region })
  end
  local url, err = world:configured_url(name)
  if err then return nil, err end
  local at
  at, err = endpoint.parse(url or url_of_region(world, name, region))
  if not at then return nil, err end
  return at.origin .. at.path
end

local function mask(text, secrets)
  for _, secret in ipairs(secrets) do
    text = text:gsub(secret:gsub("%W", "%%%0"), "***")
  end
  return text
end

---Of a body that is no object, such as a proxy's page, nothing is told.
local function parse_error(answer, secrets)
  local _, err = parse({ name = "" }, answer)
  local code, message = err.response.Error.Code, err.response.Error.Message
  if type(message) ~= "string" or message == answer.body then message = "" end
  if type(code) == "string" then code = mask(code, secrets) end
  return code, mask(message, secrets)
end

---@param world table
---@param call table {service = "sso", operation = "GetRoleCredentials", url,
---method, headers, body, secrets = {texts, as is_text has them, that no error
---may show}}
---@return table|nil, table|nil # the answer's object, which is empty where
---there is none; or nil and an error
function sso_service.call(world, call)
  local answer, err = service.call(world, {
    operation = call.operation, service = call.service,
    ask = {
      url = call.url, method = call.method, headers = call.headers,
      body = call.body,
    },
    parse_error = function(failed)
      return parse_error(failed, call.secrets)
    end,
  })
  if not answer then return nil, err end
  local value = json.decode(answer.body)
  return type(value) == "table" and value or {}
end

return sso_service
