-- iot.lua - credentials from AWS IoT's own provider, by a client certificate
--
--   credentials = iotdataplane.credentials.iot {
--     endpoint = "xyz.credentials.iot.eu-west-1.amazonaws.com",
--     role_alias = "alias", thing_name = "thing",
--     client_cert = { "device.pem", "device.key" },
--   }
--
-- https://docs.aws.amazon.com/iot/latest/developerguide/
-- authorizing-direct-aws.html; boto3 has nothing like it.

local answers = require "iotdataplane.credentials.answer"
local core = require "iotdataplane.core"
local date = require "iotdataplane.date"
local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"

local METHOD = "iot"
local TIMEOUT, ATTEMPTS, PAUSE = 5, 3, 1 -- TIMEOUT and PAUSE in seconds
local MAX_SHOWN = 200 -- bytes of the endpoint's message in an error

-- Of the credentials in an answer.
local FIELDS = {
  "accessKeyId", "secretAccessKey", "sessionToken", "expiration",
}

-- ---- arguments ----

-- Types, "|" between alternatives, "?" behind those that may be absent.
local types = {
  endpoint = "string", role_alias = "string", thing_name = "string?",
  client_cert = "string|table", verify = "boolean|string?",
  connect_timeout = "number?", read_timeout = "number?",
}

local names = {
  "endpoint", "role_alias", "client_cert", "thing_name", "verify",
  "connect_timeout", "read_timeout",
}

local function is_of(value, expected)
  if value == nil then return expected:find("?", 1, true) ~= nil end
  for name in expected:gmatch("%a+") do
    if type(value) == name then return true end
  end
  return false
end

local function check_types(options)
  for name in next, options do
    if not types[name] then
      return ("unknown option '%s'"):format(tostring(name))
    end
  end
  for _, name in ipairs(names) do
    local value, expected = options[name], types[name]
    if not is_of(value, expected) then
      return ("option '%s' must be a %s, got %s"):format(name,
        expected:gsub("%?", ""):gsub("|", " or a "), type(value))
    end
    if value == "" then return ("option '%s' is empty"):format(name) end
  end
end

local function check_client_cert(cert)
  if type(cert) == "string" then return nil end
  for i = 1, 2 do
    if type(cert[i]) ~= "string" or cert[i] == "" then
      return "option 'client_cert' must be a path, or {cert, key}"
    end
  end
end

local function check_values(options)
  for _, name in ipairs { "connect_timeout", "read_timeout" } do
    local value = options[name]
    if value and (value <= 0 or value ~= value) then
      return ("option '%s' must be positive"):format(name)
    end
  end
  local thing = options.thing_name
  if thing and not core.header_ok("x-amzn-iot-thingname", thing) then
    return "option 'thing_name' has CR, LF or NUL"
  end
  return check_client_cert(options.client_cert)
end

---@return string|nil # "https://host[:port]", or nil where it is none
local function base_of(text)
  local url = text:find("://", 1, true) and text or "https://" .. text
  local at = endpoint.parse(url)
  if not at or at.scheme ~= "https" or at.path ~= ""
     or url:find("[@?#]") then
    return nil
  end
  return at.origin
end

---@return string|nil # what is wrong with the argument
local function misuse(options)
  if type(options) ~= "table" then
    return "table expected, got " .. type(options)
  end
  local wrong = check_types(options) or check_values(options)
  if wrong then return wrong end
  if not base_of(options.endpoint) then
    return "option 'endpoint' must be a host, or https://host[:port]"
  end
end

-- ---- the request ----

---What to ask, but for the client's own `verify`.
local function request_of(options)
  local cert, thing = options.client_cert, options.thing_name
  if type(cert) == "string" then cert = { cert, cert } end
  return {
    url = base_of(options.endpoint) .. "/role-aliases/"
      .. core.uri_encode(options.role_alias) .. "/credentials",
    headers = { thing and { "x-amzn-iot-thingname", thing } },
    connect_timeout = options.connect_timeout or TIMEOUT,
    read_timeout = options.read_timeout or TIMEOUT,
    tls = { verify = options.verify, cert = cert[1], key = cert[2] },
  }
end

---The request as this world makes it: two clients may share the provider.
local function request_in(world, request)
  local tls = request.tls
  local verify = tls.verify
  if verify == nil then verify = world.verify end
  return {
    url = request.url, headers = request.headers,
    connect_timeout = request.connect_timeout,
    read_timeout = request.read_timeout,
    tls = { verify = verify, cert = tls.cert, key = tls.key },
  }
end

-- ---- the answer ----

local function failed(text)
  return errors.new("CredentialRetrievalError", {
    provider = METHOD, error_msg = text,
  })
end

---The endpoint's message, with ": " in front, where it has one to show.
local function message_of(body)
  local document = json.decode(body)
  local message = type(document) == "table" and document.message
  if type(message) ~= "string" or message == ""
     or body:find("secretAccessKey", 1, true)
     or body:find("sessionToken", 1, true) then
    return ""
  end
  return ": " .. answers.shown(message, MAX_SHOWN)
end

local function credentials_of(body)
  local document = json.decode(body)
  if type(document) ~= "table" then
    return nil, failed "the answer is not a JSON object"
  end
  local found = document.credentials
  local fault = type(found) ~= "table" and "the answer has no credentials"
    or answers.fault_of(found, FIELDS)
  if fault then return nil, failed(fault) end
  return {
    access_key = found.accessKeyId, secret_key = found.secretAccessKey,
    token = found.sessionToken, method = METHOD,
    expiry_time = date.from_iso(found.expiration),
  }
end

---@return table|nil, table|nil, boolean|nil # credentials, or nil, an error
---and whether to try again
local function fetch(world, request)
  local answer, err = world:ask(request)
  if not answer then return nil, err, answers.passing[err.name] end
  local status = answer.status
  if status == 200 then return credentials_of(answer.body) end
  err = failed(("the endpoint answered with HTTP status %d%s")
    :format(status, message_of(answer.body)))
  return nil, err, status >= 500 or status == 429
end

---@param options table endpoint (a host, or https://host[:port]), role_alias,
---client_cert ({cert, key}, or the path of a PEM file with both), thing_name
---(nil), verify (the client's), connect_timeout, read_timeout (5 s each); a
---wrong one raises an argument error
---@return function # for the client's option `credentials`: world ->
---{access_key, secret_key, token, expiry_time, method}, or nil and an error
local function iot(options)
  local wrong = misuse(options)
  if wrong then error(("bad argument #1 to 'iot' (%s)"):format(wrong), 2) end
  local request = request_of(options)
  return function(world)
    local ours = request_in(world, request)
    return answers.insist(world, ATTEMPTS, PAUSE, function()
      return fetch(world, ours)
    end)
  end
end

return iot
