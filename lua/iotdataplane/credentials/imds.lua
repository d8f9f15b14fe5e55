-- imds.lua - credentials from the metadata service of an EC2 instance
--
-- botocore's InstanceMetadataProvider and InstanceMetadataFetcher. Whoever is
-- not on EC2 waits for this provider in vain: all of its requests together
-- have a limit.

local answers = require "iotdataplane.credentials.answer"
local core = require "iotdataplane.core"
local date = require "iotdataplane.date"
local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"

local imds = {}

local METHOD = "iam-role"
local IPV4, IPV6 = "http://169.254.169.254/", "http://[fd00:ec2::254]/"
local TOKEN_PATH = "latest/api/token"
local ROLE_PATH = "latest/meta-data/iam/security-credentials/"
local TOKEN_TTL = "21600" -- seconds
local MAX_ROLE = 1024 -- bytes; IAM's names have 64 characters

-- A request with a time-out of 1 s is over after 1.1 s, however its answer
-- drips; all of them after 2.4 s for each attempt that they have.
local REQUEST_LIMIT, LIMIT = 1.1, 2.4

-- Credentials that end sooner are used for longer: seconds.
local WINDOW, MIN_JITTER, MAX_JITTER = 15 * 60, 2 * 60, 10 * 60

local function retrieval_error(text)
  return errors.new("CredentialRetrievalError", {
    provider = METHOD, error_msg = text,
  })
end

-- ---- settings ----

---A whole number, 1 where it is not set.
local function number_of(world, name)
  local text = world:setting("AWS_" .. name:upper(), name)
  if not text then return 1 end
  local number = tonumber(text:match("^%s*([+-]?%d+)%s*$"))
  if number then return number end
  return nil, errors.new("ValueError", {
    error_msg = ("%s is not a whole number: '%s'"):format(name, text),
  })
end

local function wants_ipv6(world)
  local mode = world:setting("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "ec2_metadata_service_endpoint_mode")
  if not mode then
    return world:flag("AWS_IMDS_USE_IPV6", "imds_use_ipv6")
  end
  local lower = mode:lower()
  if lower == "ipv4" or lower == "ipv6" then return lower == "ipv6" end
  return nil, errors.new("InvalidIMDSEndpointModeError", {
    mode = mode, valid_modes = "('ipv4', 'ipv6')",
  })
end

local function url_of(world)
  local ipv6, err = wants_ipv6(world)
  if err then return nil, err end
  local own = world:setting("AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "ec2_metadata_service_endpoint")
  if not own or own == "" then return ipv6 and IPV6 or IPV4 end
  if ipv6 then
    world:log("warning", "Custom endpoint and IMDS_USE_IPV6 are both set. "
      .. "Using custom endpoint.")
  end
  if not endpoint.parse(own) then
    return nil, errors.new("InvalidIMDSEndpointError", { endpoint = own })
  end
  return own:find("/$") and own or own .. "/"
end

---@return table|nil, table|nil # how to ask, or nil and an error
local function settings_of(world)
  local timeout, attempts, url, err
  timeout, err = number_of(world, "metadata_service_timeout")
  if timeout then
    attempts, err = number_of(world, "metadata_service_num_attempts")
  end
  if attempts then url, err = url_of(world) end
  if not url then return nil, err end
  if timeout <= 0 then
    return nil, errors.new("ValueError", {
      error_msg = "metadata_service_timeout must be positive",
    })
  end
  return {
    world = world, url = url, timeout = timeout, attempts = attempts,
    till = world:monotonic() + LIMIT * timeout * attempts,
    is_v1_disabled = world:flag("AWS_EC2_METADATA_V1_DISABLED",
      "ec2_metadata_v1_disabled"),
  }
end

-- ---- requests ----

---The world, which will ask for no longer than until then.
local function hurried(world, till)
  return setmetatable({ deadline = till }, { __index = world })
end

local function timed_out(url)
  return errors.new("ReadTimeoutError", { endpoint_url = url })
end

---One request, within its own limit, that of all requests, and the call's.
local function ask(service, method, path, headers)
  local world, url = service.world, service.url .. path
  local now, call_till = world:monotonic(), world.deadline or math.huge
  local till = math.min(now + REQUEST_LIMIT * service.timeout, service.till)
  local is_ours = till < call_till
  if is_ours and till <= now then return nil, timed_out(url) end
  local answer, err = hurried(world, math.min(till, call_till)):ask {
    method = method, url = url, headers = headers, is_local = true,
    connect_timeout = service.timeout, read_timeout = service.timeout,
    -- botocore verifies, whatever the client does
    tls = { verify = world.verify or true },
  }
  if err and is_ours and err.name == "ApiCallTimeoutError" then
    err = timed_out(url)
  end
  return answer, err
end

---@return string|nil|boolean, table|nil # a token; nil to do without, as
---IMDSv1 does; false, perhaps with an error, to give up
local function get_token(service)
  for _ = 1, service.attempts do
    local answer, err = ask(service, "PUT", TOKEN_PATH, {
      { "x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL },
    })
    local status = answer and answer.status
    if status == 200 then return answer.body end
    if status == 400 then return false end
    if status == 403 or status == 404 or status == 405 then return nil end
    if err and err.name == "ReadTimeoutError" then return nil end
    if err and not answers.passing[err.name] then return false, err end
  end
end

---@return table|nil, table|nil # headers, or nil and an error
local function headers_of(service, token)
  if service.is_v1_disabled and (not token or token == "") then
    return nil, errors.new("MetadataRetrievalError", {
      error_msg = "Unable to retrieve token for use in IMDSv2 call and "
        .. "IMDSv1 has been disabled",
    })
  end
  if not token then return {} end
  if core.header_ok("x-aws-ec2-metadata-token", token) then
    return { { "x-aws-ec2-metadata-token", token } }
  end
  return nil,
    retrieval_error "the metadata service's token is no header's value"
end

---@param read function|nil body -> value, or nil where it is not good
---@return any, table|nil # the value, or nil where there is none, perhaps with
---an error
local function get(service, path, headers, read)
  for _ = 1, service.attempts do
    local answer, err = ask(service, "GET", path, headers)
    if err and not answers.passing[err.name] then return nil, err end
    if answer and answer.status == 200 and answer.body ~= "" then
      local value = read and read(answer.body) or not read and answer.body
      if value then return value end
    end
  end
end

local function escape(c)
  return ("%%%02X"):format(c:byte())
end

---Of a role, whose name botocore's URL parser rids of these white spaces.
local function path_of(role)
  local name = role:gsub("[\t\r\n]", "")
  if #name > MAX_ROLE then
    return nil, retrieval_error "the metadata service names no role"
  end
  return ROLE_PATH .. name:gsub("[^%w%-._~!$&'()*+,;=:@/]", escape)
end

---@return any, table|nil # the decoded document, or nil where there is none,
---perhaps with an error
local function fetch(service)
  local token, headers, role, path, err
  token, err = get_token(service)
  if token == false then return nil, err end
  headers, err = headers_of(service, token)
  if not headers then return nil, err end
  role, err = get(service, ROLE_PATH, headers)
  if not role then return nil, err end
  path, err = path_of(role)
  if not path then return nil, err end
  return get(service, path, headers, json.decode)
end

-- ---- the document ----

local FIELDS = { "AccessKeyId", "SecretAccessKey", "Token", "Expiration" }

---A message in JSON, of a role that cannot be assumed, lacks some.
local function has_fields(document)
  if type(document) ~= "table" then return false end
  for _, name in ipairs(FIELDS) do
    if document[name] == nil then return false end
  end
  return true
end

---Where the service has not renewed them in time they are used on: AWS lets
---them live for longer then.
local function extended(world, expiry_time)
  local jitter = MIN_JITTER
    + math.floor(world.random() * (MAX_JITTER - MIN_JITTER + 1))
  local now, window = world:now(), WINDOW + jitter
  if now < expiry_time - window then return expiry_time end
  world:log("info", ("Attempting credential expiration extension due to a "
    .. "credential service availability issue. A refresh of these "
    .. "credentials will be attempted again within the next %.0f minutes.")
    :format(window / 60))
  return math.floor(now + window)
end

---@param world table {setting, getenv, ask, log, random, now, monotonic}
---@return table|nil, table|nil # credentials, nil where there is no such
---service or it has none, or nil and an error
function imds.get(world)
  local service, err = settings_of(world)
  if not service then return nil, err end
  if world:flag("AWS_EC2_METADATA_DISABLED") then return nil end
  local document
  document, err = fetch(service)
  if err or not has_fields(document) then return nil, err end
  local fault = answers.fault_of(document, FIELDS)
  if fault then return nil, retrieval_error(fault) end
  return {
    access_key = document.AccessKeyId, secret_key = document.SecretAccessKey,
    token = document.Token, method = METHOD,
    expiry_time = extended(world, date.from_iso(document.Expiration)),
  }
end

return imds
