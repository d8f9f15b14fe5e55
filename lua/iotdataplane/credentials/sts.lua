-- sts.lua - one call of AWS STS that gives credentials
--
-- Where STS is (botocore's sts/2011-06-15/endpoint-rule-set-1.json, args.py),
-- the request in the query protocol, and the answer in XML. No provider.

local core = require "iotdataplane.core"
local date = require "iotdataplane.date"
local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local service = require "iotdataplane.credentials.service"

local sts = {}

local floor, char = math.floor, string.char

-- ---- where it is ----

local GLOBAL = { url = "https://sts.amazonaws.com", region = "us-east-1" }

-- Regions whose STS is the global one in "legacy" mode.
local legacy_regions = {}
for region in ([[ap-northeast-1 ap-south-1 ap-southeast-1 ap-southeast-2
    aws-global ca-central-1 eu-central-1 eu-north-1 eu-west-1 eu-west-2
    eu-west-3 sa-east-1 us-east-1 us-east-2 us-west-1 us-west-2]])
    :gmatch("%S+") do
  legacy_regions[region] = true
end

---@return boolean|nil, table|nil # or nil and an error
local function is_legacy(world)
  local mode = world:setting("AWS_STS_REGIONAL_ENDPOINTS",
    "sts_regional_endpoints")
  if mode == "legacy" then return true end
  if not mode or mode == "" or mode == "regional" then return false end
  return nil, errors.new("InvalidConfigError", {
    error_msg = ("STS regional endpoints option %s is invalid. Valid options "
      .. 'are: "legacy", "regional"'):format(mode),
  })
end

local function by_rules(region, legacy, fips, dualstack)
  if not fips and not dualstack and (region == "aws-global"
     or legacy and legacy_regions[region]) then
    return GLOBAL
  end
  local partition, suffix, dualstack_suffix = endpoint.partition(region)
  local is_plain = not fips or partition == "aws-us-gov" and not dualstack
  local name = is_plain and "sts" or "sts-fips"
  if dualstack then suffix = dualstack_suffix end
  return {
    url = ("https://%s.%s.%s"):format(name, region, suffix), region = region,
  }
end

---@param world table
---@return table|nil, table|nil # {url, region (to sign for; nil where only
---the URL is known)}, or nil and an error
function sts.locate(world)
  local legacy, err = is_legacy(world)
  if err then return nil, err end
  local url
  url, err = world:configured_url "sts"
  if err then return nil, err end
  if url then -- a user's name and password are for nobody
    url = url:gsub("^(%a[%w+.-]*://)[^/?#]*@", "%1")
    return { url = url, region = world.region }
  end
  return by_rules(world.region or "aws-global", legacy,
    world:choice "use_fips_endpoint", world:choice "use_dualstack_endpoint")
end

-- ---- the request ----

-- Lengths in characters, as the service model has them.
local least_lengths = {
  RoleArn = 20, RoleSessionName = 2, ExternalId = 2, WebIdentityToken = 4,
}

local LEAST_DURATION = 900 -- seconds

local function complaint(name, value)
  if name == "DurationSeconds" then
    return tonumber(value) < LEAST_DURATION
      and ("Invalid value for parameter %s, value: %s, valid min value: %d")
        :format(name, value, LEAST_DURATION)
  end
  local _, length = value:gsub("[^\128-\191]", "")
  return length < least_lengths[name]
    and ("Invalid length for parameter %s, value: %d, valid min length: %d")
      :format(name, length, least_lengths[name])
end

local function check(params)
  local report = {}
  for _, param in ipairs(params) do
    report[#report + 1] = complaint(param[1], param[2]) or nil
  end
  if #report == 0 then return true end
  return nil, errors.new("ParamValidationError", {
    report = table.concat(report, "\n"),
  })
end

---As Python's urlencode.
local function form_of(operation, params)
  local form = { "Action=" .. operation, "Version=2011-06-15" }
  for i, param in ipairs(params) do
    form[i + 2] = param[1] .. "="
      .. core.uri_encode(param[2]):gsub("%%20", "+")
  end
  return table.concat(form, "&")
end

---@param name string|nil the configured one
---@return string
function sts.session_name(world, name)
  if name and name ~= "" then return name end
  return ("botocore-session-%d"):format(floor(world:now()))
end

-- ---- XML, as much of it as STS writes ----

---What is in the first element of that name. Plain searches take no longer
---than the text, whoever wrote it.
local function element(text, name)
  local at = text:find("<" .. name .. "[%s/>]")
  local opened = at and text:find(">", at, true)
  local closed = opened and text:find("</" .. name .. ">", opened, true)
  return closed and text:sub(opened + 1, closed - 1)
end

local entities = {
  lt = "<", gt = ">", amp = "&", quot = '"', apos = "'",
}

local function utf8(code)
  if code < 0x80 then return char(code) end
  local last = 0x80 + code % 0x40
  code = floor(code / 0x40)
  if code < 0x20 then return char(0xC0 + code, last) end
  local third = 0x80 + code % 0x40
  code = floor(code / 0x40)
  if code < 0x10 then return char(0xE0 + code, third, last) end
  return char(0xF0 + floor(code / 0x40), 0x80 + code % 0x40, third, last)
end

---nil leaves a reference as it is.
local function resolve(reference)
  local digits = reference:match("^#(%d+)$")
  local hex = reference:match("^#x(%x+)$")
  if not digits and not hex then return entities[reference] end
  local code = tonumber(digits or hex, digits and 10 or 16)
  local is_character = code < 0xD800 or code > 0xDFFF and code <= 0x10FFFF
  return is_character and utf8(code) or nil
end

---The text in an element that has no others; white space counts.
local function text_of(parent, name)
  local text = element(parent, name)
  if not text or text:find("<", 1, true) then return nil end
  return (text:gsub("&(#?%w+);", resolve))
end

-- ---- the answer ----

local fields = {
  { "access_key", "AccessKeyId" }, { "secret_key", "SecretAccessKey" },
  { "token", "SessionToken" },
}

local function refuse(call, reason)
  return nil, errors.new("CredentialRetrievalError", {
    provider = call.method, error_msg = "the answer of STS " .. reason,
  })
end

---What a header can carry, as the token will be one.
---@return string|nil, table|nil # or nil and an error
local function field_of(call, parent, name)
  local value = text_of(parent, name)
  if not value or value == "" then return refuse(call, "has no " .. name) end
  if value:find("[%z\1-\31\127]") then
    return refuse(call, ("has control characters in its %s"):format(name))
  end
  return value
end

local function credentials_of(call, body)
  local result = element(body, call.operation .. "Result")
  local found = result and element(result, "Credentials")
  if not found then
    return refuse(call, ("is no %sResponse"):format(call.operation))
  end
  local credentials = { method = call.method }
  for _, field in ipairs(fields) do
    local value, err = field_of(call, found, field[2])
    if not value then return nil, err end
    credentials[field[1]] = value
  end
  local expiration = text_of(found, "Expiration") or ""
  credentials.expiry_time = date.from_iso(expiration:match("^%s*(.-)%s*$"))
  if credentials.expiry_time then return credentials end
  return refuse(call, "has no date as its Expiration")
end

-- Of answers that are no STS's: a proxy's, or a balancer's.
local phrases = {
  [500] = "Internal Server Error", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Timeout",
}

local MAX_MESSAGE = 1024 -- bytes

---A service may tell what was sent.
local function hide(text, secret)
  secret = secret:match("^%s*(.-)%s*$")
  local out, at = {}, 1
  local first, last = text:find(secret, 1, true)
  while first and secret ~= "" do
    out[#out + 1] = text:sub(at, first - 1) .. "***"
    at = last + 1
    first, last = text:find(secret, at, true)
  end
  return table.concat(out) .. text:sub(at)
end

local function readable(text, secrets)
  for _, secret in ipairs(secrets) do text = hide(text, secret) end
  if #text <= MAX_MESSAGE then return text end
  return text:sub(1, MAX_MESSAGE):gsub("[\192-\255]?[\128-\191]*$", "")
    .. "..."
end

---What must not be shown of a call.
local function secrets_of(call)
  local secrets = {}
  for _, param in ipairs(call.params) do
    if param[1] == "WebIdentityToken" then secrets[1] = param[2] end
  end
  local credentials = call.credentials or {}
  secrets[#secrets + 1] = credentials.secret_key
  secrets[#secrets + 1] = credentials.token
  return secrets
end

---@return function # for service.call
local function error_reader(secrets)
  return function(answer)
    local found = element(answer.body, "Error")
    local code = found and text_of(found, "Code")
    if not code then return nil, phrases[answer.status] or "Unknown" end
    return readable(code, secrets),
      readable(text_of(found, "Message") or "Unknown", secrets)
  end
end

local CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"

local function ask_of(call, at)
  return {
    url = at.url, method = "POST",
    headers = { { "content-type", CONTENT_TYPE } },
    body = form_of(call.operation, call.params),
    credentials = call.credentials, region = at.region, service = "sts",
  }
end

---Asks STS, again where that may help.
---@param world table
---@param call table {operation = "AssumeRole", method = botocore's name of
---the provider, params = {{name, value}}, credentials = that sign, or nil for
---nobody, retryable = {[code] = true}}
---@return table|nil, table|nil # credentials, or nil and an error
function sts.credentials(world, call)
  local at, err = sts.locate(world)
  if not at then return nil, err end
  if call.credentials and not at.region then
    return nil, errors.new("NoRegionError")
  end
  local ok, answer
  ok, err = check(call.params)
  if not ok then return nil, err end
  answer, err = service.call(world, {
    operation = call.operation, service = "sts", retryable = call.retryable,
    parse_error = error_reader(secrets_of(call)), ask = ask_of(call, at),
  })
  if not answer then return nil, err end
  return credentials_of(call, answer.body)
end

return sts
