-- settings.lua - options + environment + profile -> settings
--
-- Names and precedence are botocore's (botocore/configprovider.py, args.py):
-- an option, else the environment, else the profile. A wrong value is
-- botocore's error for it.

local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local proxy = require "iotdataplane.proxy"
local retry = require "iotdataplane.retry"
local static = require "iotdataplane.credentials.static"

local settings = {}

local function first(...)
  for i = 1, select("#", ...) do
    local value = (select(i, ...))
    if value ~= nil then return value end
  end
end

-- ---- the profile ----

---Which one, and whether it was asked for by an option, or at all.
local function choose_profile(world)
  local asked = world.options.profile_name
  local name = asked or world.getenv "AWS_DEFAULT_PROFILE"
    or world.getenv "AWS_PROFILE"
  world.profile_name, world.is_explicit = name or "default", asked ~= nil
  local config, err = world:config()
  if not config then return nil, err end
  if name and not config.profiles[name] then
    return nil, errors.new("ProfileNotFound", { profile = name })
  end
  return true
end

-- ---- region and endpoint ----

local function check_region(region)
  if region == nil or endpoint.is_region(region) then return true end
  return nil, errors.new("InvalidRegionError", { region_name = region })
end

local function configured_region(world, config)
  return world.options.region_name or config.region_name
    or world:env "AWS_REGION" or world:setting("AWS_DEFAULT_REGION", "region")
end

---"fips-us-east-1" and "us-east-1-fips" were names of FIPS endpoints once.
local function without_fips(region)
  local plain = region and region:gsub("fips%-", ""):gsub("%-fips", "")
  return plain, plain ~= region
end

---The region that the URL's host names signs where there is no other.
local function reconcile(world, region, url)
  local at = url and endpoint.parse(url)
  local named = at and endpoint.region_of(at.host)
  if named and region and named ~= region then
    world:log("warning", ("the region is %s, but the endpoint's host is of "
      .. "%s: requests are signed for %s"):format(region, named, region))
  end
  return region or named
end

local function locate(s, world, config)
  local url, err = world.options.endpoint_url, nil
  if not url then url, err = world:configured_url "iot_data_plane" end
  if err then return nil, err end
  local region, is_fips = without_fips(configured_region(world, config))
  region = reconcile(world, region, url)
  local ok
  ok, err = check_region(region)
  if not ok then return nil, err end
  if not region and not (url and s.signature_version == "unsigned") then
    return nil, errors.new("NoRegionError")
  end
  s.region_name, world.region = region, region
  s.endpoint, err = endpoint.resolve {
    region = region, endpoint_url = url, use_ssl = world.options.use_ssl,
    fips = is_fips or world:choice "use_fips_endpoint",
    dualstack = world:choice "use_dualstack_endpoint",
  }
  return s.endpoint and true, err
end

-- ---- retries ----

local function check_attempts(value, least)
  if value == nil then return true end
  if value % 1 == 0 and value >= least then return true end
  return nil, errors.new("InvalidMaxRetryAttemptsError", {
    provided_max_attempts = value, min_value = least,
  })
end

---A whole number as Python's int() reads it, but without its underscores.
local function whole(text)
  local digits = text:match "^%s*([+-]?%d+)%s*$"
  if digits then return tonumber(digits) end
  return nil, errors.new("ValueError", {
    error_msg = "invalid literal for int() with base 10: "
      .. require "iotdataplane.python".repr(text),
  })
end

---How many attempts there may be at all, where that is configured.
---`max_attempts` of the options counts the retries, everything else all.
local function configured_attempts(world, retries)
  local total, retried = retries.total_max_attempts, retries.max_attempts
  local ok, err = check_attempts(retried, 0)
  if ok then ok, err = check_attempts(total, 1) end
  if not ok then return nil, err end
  if total or retried then return total or retried + 1 end
  local text = world:setting("AWS_MAX_ATTEMPTS", "max_attempts")
  if not text then return nil end
  total, err = whole(text)
  if total then ok, err = check_attempts(total, 1) end
  return ok and total, err
end

local function set_retries(s, world, retries)
  local mode = retries.mode or world:setting("AWS_RETRY_MODE", "retry_mode")
    or "standard"
  if not retry.attempts_of(mode) then
    return nil, errors.new("InvalidRetryModeError", {
      provided_retry_mode = mode,
      valid_modes = "('legacy', 'standard', 'adaptive')",
    })
  end
  local total, err = configured_attempts(world, retries)
  if err then return nil, err end
  s.retry_mode, s.max_attempts = mode, total or retry.attempts_of(mode)
  s.resend_unknown = retries.resend_unknown -- nil: as the operation is
  s.is_2026 = world:flag "AWS_NEW_RETRIES_2026" or false
  return true
end

-- ---- the rest ----

local function verify_of(world)
  return first(world.options.verify,
    world:setting("AWS_CA_BUNDLE", "ca_bundle"),
    world:env "REQUESTS_CA_BUNDLE", true)
end

local function copy(list)
  if not list then return nil end
  local new = {}
  for i, item in ipairs(list) do new[i] = item end
  return new
end

local function tls_of(world, config)
  local cert = config.client_cert
  if type(cert) == "string" then cert = { cert } end
  cert = cert or {}
  return {
    verify = verify_of(world), cert = cert[1], key = cert[2] or cert[1],
    alpn = copy(config.alpn),
  }
end

local function user_agent(s, world, config, version)
  local parts = {
    "iotdataplane/" .. version,
    "lang/lua#" .. _VERSION:match("[%d.]+"),
    "cfg/retry-mode#" .. s.retry_mode,
  }
  local app = config.user_agent_appid
    or world:setting("AWS_SDK_UA_APP_ID", "sdk_ua_app_id")
  if app then parts[#parts + 1] = "app/" .. app:gsub("[%c]", "-") end
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
local function target_of(s, world, config)
  local e = s.endpoint
  return {
    scheme = e.scheme, host = e.host, port = e.port, path = e.path,
    query = e.query, connect_timeout = config.connect_timeout or 60,
    read_timeout = config.read_timeout or 60,
    replay = s.resend_unknown ~= false, tls = tls_of(world, config),
    tcp_keepalive = first(config.tcp_keepalive,
      world:flag("BOTOCORE_TCP_KEEPALIVE", "tcp_keepalive"),
      false),
  }
end

---The proxy before the endpoint, if any.
local function set_proxy(s, world, config)
  local e = s.endpoint
  local way, err =
    proxy.of(e.scheme, e.host, e.port, config.proxies, world.getenv)
  s.target.proxy = way
  return not err, err
end

local function check_signature(version)
  if version == "v4" or version == "unsigned" then return true end
  return nil, errors.new("UnsupportedSignatureVersionError", {
    signature_version = version,
  })
end

---Half a key is a mistake that boto3 finds at once.
local function check_keys(world)
  local _, err = static.get(world)
  return not err, err
end

local function check_certificate(world, tls)
  if not tls.cert then return true end
  return require "iotdataplane.client_cert".check(world, tls)
end

---What providers of credentials are told of it.
local function tell(world, s)
  local target = s.target
  world.verify = target.tls.verify
  world.connect_timeout = target.connect_timeout
  world.read_timeout = target.read_timeout
  world.endpoint_url = s.endpoint.origin .. s.endpoint.path
end

---@param world table of credentials/world.lua, whose options were checked by
---options.lua; gets its profile, region, verify and time-outs
---@param version string of this library
---@return table|nil, table|nil # settings, or nil and an error
function settings.resolve(world, version)
  local config = world.options.config or {}
  local s = {
    signature_version = config.signature_version or "v4",
    api_call_timeout = config.api_call_timeout, logger = config.logger,
    max_pool_connections = config.max_pool_connections or 10,
    max_idle_time = config.max_idle_time or 50,
    queue = config.queue or {}, strict = config.strict or false,
  }
  local ok, err = check_keys(world)
  if ok then ok, err = choose_profile(world) end
  if ok then ok, err = check_signature(s.signature_version) end
  if ok then ok, err = set_retries(s, world, config.retries or {}) end
  if ok then ok, err = locate(s, world, config) end
  if not ok then return nil, err end
  s.parameter_validation = first(config.parameter_validation,
    world:flag(nil, "parameter_validation"), true)
  s.target = target_of(s, world, config)
  ok, err = check_certificate(world, s.target.tls)
  if ok then ok, err = set_proxy(s, world, config) end
  if not ok then return nil, err end
  s.host_header = { "host", s.endpoint.host_header }
  s.user_agent = { "user-agent", user_agent(s, world, config, version) }
  s.headers = configured_headers(config, s.signature_version == "v4")
  tell(world, s)
  return s
end

return settings
