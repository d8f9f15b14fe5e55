-- settings.lua - options + environment -> settings
--
-- A wrong option is a programmer's mistake and raises; a wrong value, from
-- wherever, is botocore's error for it.

local core = require "iotdataplane.core"
local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"

local settings = {}

-- Types, "|" between alternatives. Those marked "later" are of the contract,
-- but not built yet: better refused than ignored.
local option_types = {
  region_name = "string", endpoint_url = "string", use_ssl = "boolean",
  verify = "boolean|string", aws_access_key_id = "string",
  aws_secret_access_key = "string", aws_session_token = "string",
  config = "table", transport = "string|table", credentials = "later",
  profile_name = "later",
}

local config_types = {
  connect_timeout = "number", read_timeout = "number",
  max_pool_connections = "number", retries = "table",
  client_cert = "string|table", signature_version = "string",
  user_agent_extra = "string", user_agent_appid = "string",
  tcp_keepalive = "boolean", parameter_validation = "boolean",
  use_fips_endpoint = "boolean", use_dualstack_endpoint = "boolean",
  ignore_configured_endpoint_urls = "boolean", api_call_timeout = "number",
  headers = "table", max_idle_time = "number", proxies = "later",
  alpn = "later", logger = "later", strict = "later", queue = "later",
}

local retries_types = {
  mode = "string", max_attempts = "number", total_max_attempts = "number",
  resend_unknown = "boolean",
}

local function is_of(value, types)
  for name in types:gmatch("[^|]+") do
    if type(value) == name then return true end
  end
  return false
end

---Names what is wrong with a table of options; nil where nothing is.
local function complaint(options, types, prefix)
  for name, value in next, options do
    local expected = types[name]
    if not expected then
      return ("unknown option '%s%s'"):format(prefix, tostring(name))
    elseif expected == "later" then
      return ("option '%s%s' is not supported yet"):format(prefix, name)
    elseif not is_of(value, expected) then
      return ("option '%s%s' must be a %s, got %s"):format(prefix, name,
        expected:gsub("|", " or a "), type(value))
    end
  end
end

local function check_seconds(config)
  for _, name in ipairs { "connect_timeout", "read_timeout", "max_idle_time",
                          "api_call_timeout" } do
    local value = config[name]
    if value and (value <= 0 or value ~= value) then
      return ("option 'config.%s' must be positive"):format(name)
    end
  end
  local size = config.max_pool_connections
  if size and (size < 1 or size % 1 ~= 0 or size == math.huge) then
    return "option 'config.max_pool_connections' must be a whole number"
  end
end

-- Headers that are made of the request, or frame it.
local reserved = {
  host = true, connection = true, ["content-length"] = true,
  ["transfer-encoding"] = true,
}

local function check_headers(config)
  for name, value in next, config.headers or {} do
    if type(name) ~= "string" or type(value) ~= "string" then
      return "option 'config.headers' must map strings to strings"
    elseif not core.header_ok(name, value) then
      return "option 'config.headers' has what is no header"
    elseif reserved[name:lower()] then
      return ("option 'config.headers' cannot have '%s'"):format(name)
    end
  end
  for _, name in ipairs { "user_agent_extra", "user_agent_appid" } do
    if config[name] and not core.header_ok("user-agent", config[name]) then
      return ("option 'config.%s' has CR, LF or NUL"):format(name)
    end
  end
end

local function check_client_cert(cert)
  if type(cert) ~= "table" then return nil end
  for i = 1, 2 do
    if type(cert[i]) ~= "string" then
      return "option 'config.client_cert' must be a path, or {cert, key}"
    end
  end
end

local function check_transport(transport)
  if type(transport) == "string" and transport ~= "curl" then
    return ("transport '%s' is not supported yet"):format(transport)
  elseif type(transport) == "table" then
    for _, name in ipairs { "send", "sleep", "now" } do
      if type(transport[name]) ~= "function" then
        return ("option 'transport' lacks the method '%s'"):format(name)
      end
    end
  end
end

---@param options any the argument of iotdataplane.client
---@return string|nil # what is wrong with it, as a programmer's mistake
function settings.misuse(options)
  if type(options) ~= "table" then
    return "table expected, got " .. type(options)
  end
  local config = options.config
  if type(config) ~= "table" then config = {} end
  local retries = config.retries
  if type(retries) ~= "table" then retries = {} end
  return complaint(options, option_types, "")
    or complaint(config, config_types, "config.")
    or complaint(retries, retries_types, "config.retries.")
    or check_seconds(config) or check_headers(config)
    or check_client_cert(config.client_cert)
    or check_transport(options.transport)
end

local function first(...)
  for i = 1, select("#", ...) do
    local value = (select(i, ...))
    if value ~= nil then return value end
  end
end

local function is_true(text)
  return text ~= nil and text:lower() == "true"
end

-- ---- region and endpoint ----

---botocore's validate_region_name: a host label that is no number.
local function check_region(region)
  if region == nil or region == "" then return true end
  local ok = #region <= 63 and region:find("^[%w-]+$")
    and not region:find("^%-") and not region:find("%-$")
    and region:find("%D")
  if ok then return true end
  return nil, errors.new("InvalidRegionError", { region_name = region })
end

local function configured_url(options, config, getenv)
  if options.endpoint_url then return options.endpoint_url end
  local ignored = first(config.ignore_configured_endpoint_urls,
    is_true(getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")))
  if ignored then return nil end
  return getenv("AWS_ENDPOINT_URL_IOT_DATA_PLANE")
    or getenv("AWS_ENDPOINT_URL")
end

---"xyz-ats.iot.eu-west-1.amazonaws.com" names its region.
local function region_of_url(url)
  return url and url:match("%.iot%.([%w-]+)%.[%w.-]+")
end

local function locate(s, options, config, getenv)
  local url = configured_url(options, config, getenv)
  local region = options.region_name or getenv("AWS_REGION")
    or getenv("AWS_DEFAULT_REGION") or region_of_url(url)
  local ok, err = check_region(region)
  if not ok then return nil, err end
  if not region and not (url and s.signature_version == "unsigned") then
    return nil, errors.new("NoRegionError")
  end
  s.region_name = region
  s.endpoint, err = endpoint.resolve {
    region = region, endpoint_url = url, use_ssl = options.use_ssl,
    fips = first(config.use_fips_endpoint,
                 is_true(getenv("AWS_USE_FIPS_ENDPOINT"))),
    dualstack = first(config.use_dualstack_endpoint,
                      is_true(getenv("AWS_USE_DUALSTACK_ENDPOINT"))),
  }
  return s.endpoint and true, err
end

-- ---- retries ----

local modes = { legacy = 5, standard = 3 }

local function check_attempts(value, least)
  if value == nil then return true end
  if value % 1 == 0 and value >= least then return true end
  return nil, errors.new("InvalidMaxRetryAttemptsError", {
    provided_max_attempts = value, min_value = least,
  })
end

---`max_attempts` counts the retries, everything else all attempts.
local function set_retries(s, retries, getenv)
  local mode = retries.mode or getenv("AWS_RETRY_MODE") or "standard"
  if not modes[mode] then
    return nil, errors.new("InvalidRetryModeError", {
      provided_retry_mode = mode, valid_modes = "legacy, standard",
    })
  end
  local ok, err = check_attempts(retries.max_attempts, 0)
  if ok then ok, err = check_attempts(retries.total_max_attempts, 1) end
  if not ok then return nil, err end
  local total = retries.total_max_attempts
    or retries.max_attempts and retries.max_attempts + 1
    or tonumber(getenv("AWS_MAX_ATTEMPTS")) or modes[mode]
  s.retry_mode, s.max_attempts = mode, total
  s.resend_unknown = retries.resend_unknown ~= false
  return true
end

-- ---- the rest ----

local function tls_of(options, config, getenv)
  local cert = config.client_cert
  if type(cert) == "string" then cert = { cert } end
  cert = cert or {}
  local verify = options.verify
  if verify == nil or verify == true then
    verify = getenv("AWS_CA_BUNDLE") or getenv("REQUESTS_CA_BUNDLE") or true
  end
  return { verify = verify, cert = cert[1], key = cert[2] or cert[1] }
end

local function user_agent(s, config, version)
  local parts = {
    "iotdataplane/" .. version,
    "lang/lua#" .. _VERSION:match("[%d.]+"),
    "cfg/retry-mode#" .. s.retry_mode,
  }
  if config.user_agent_appid then
    parts[#parts + 1] = "app/" .. config.user_agent_appid
  end
  parts[#parts + 1] = config.user_agent_extra
  return table.concat(parts, " ")
end

-- What the signer sets itself.
local signers = {
  authorization = true, ["x-amz-date"] = true,
  ["x-amz-security-token"] = true,
}

local function configured_headers(config, signed)
  local names, list = {}, {}
  for name in next, config.headers or {} do
    if not (signed and signers[name:lower()]) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do list[i] = { name, config.headers[name] } end
  return list
end

---Where a request goes to, and how: what serialize fills in of it.
local function target_of(s, options, config, getenv)
  local e = s.endpoint
  return {
    scheme = e.scheme, host = e.host, port = e.port, path = e.path,
    connect_timeout = config.connect_timeout or 60,
    read_timeout = config.read_timeout or 60,
    replay = s.resend_unknown, tls = tls_of(options, config, getenv),
    tcp_keepalive = config.tcp_keepalive or false,
  }
end

---@param options table checked by settings.misuse
---@param getenv function os.getenv
---@param version string of this library
---@return table|nil, table|nil # settings, or nil and an error
function settings.resolve(options, getenv, version)
  local config = options.config or {}
  local s = {
    signature_version = config.signature_version or "v4",
    api_call_timeout = config.api_call_timeout,
    max_pool_connections = config.max_pool_connections or 10,
    max_idle_time = config.max_idle_time or 50,
    parameter_validation = config.parameter_validation ~= false,
  }
  if s.signature_version ~= "v4" and s.signature_version ~= "unsigned" then
    return nil, errors.new("UnsupportedSignatureVersionError", {
      signature_version = s.signature_version,
    })
  end
  local ok, err = set_retries(s, config.retries or {}, getenv)
  if ok then ok, err = locate(s, options, config, getenv) end
  if not ok then return nil, err end
  s.target = target_of(s, options, config, getenv)
  s.host_header = { "host", s.endpoint.host_header }
  s.user_agent = { "user-agent", user_agent(s, config, version) }
  s.headers = configured_headers(config, s.signature_version == "v4")
  return s
end

return settings
