-- container.lua - credentials from the agent of ECS or EKS
--
-- botocore's ContainerProvider and ContainerMetadataFetcher. One request is
-- made three times at most; what an agent answers goes into an error, unless
-- it may hold a secret.

local answers = require "iotdataplane.credentials.answer"
local core = require "iotdataplane.core"
local date = require "iotdataplane.date"
local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"

local container = {}

local METHOD = "container-role"
local AGENT = "http://169.254.170.2"
local TIMEOUT, ATTEMPTS, PAUSE = 2, 3, 1 -- PAUSE and TIMEOUT in seconds
local MAX_SHOWN = 1000 -- bytes of an answer in an error

-- To be asked by plain HTTP, besides the loopback.
local hosts = {
  "169.254.170.2", "169.254.170.23", "fd00:ec2::23", "localhost",
}

-- Of what an agent answers.
local FIELDS = { "AccessKeyId", "SecretAccessKey", "Token", "Expiration" }

local function value_error(text)
  return errors.new("ValueError", { error_msg = text })
end

local function retrieval_error(text)
  return errors.new("CredentialRetrievalError", {
    provider = METHOD, error_msg = text,
  })
end

local function metadata_error(text)
  local err = errors.new("MetadataRetrievalError", { error_msg = text })
  return retrieval_error(err.message)
end

-- ---- where, and with what ----

---A variable that is set counts, even an empty one.
local function url_of(world)
  local relative = world.getenv "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
  local url = relative and AGENT .. relative
    or world.getenv "AWS_CONTAINER_CREDENTIALS_FULL_URI"
  -- a user's name and password are for nobody, least of all for an error
  return url and (url:gsub("^(%a[%w+.-]*://)[^/?#]*@", "%1"))
end

---Is it 127.0.0.0/8 or ::1, as Python's ipaddress sees it?
local function is_loopback(host)
  if host:find("^[0:]+:0*1$") then return true end
  local octets = { host:match("^127%.(%d+)%.(%d+)%.(%d+)$") }
  for _, octet in ipairs(octets) do
    if #octet > 3 or octet:find("^0%d") or tonumber(octet) > 255 then
      return false
    end
  end
  return #octets == 3
end

---Read by the parser that the request is made with.
local function check_host(url)
  local at = endpoint.parse(url)
  if at and at.scheme == "https" then return true end
  local host = at and at.host or "None"
  if is_loopback(host) then return true end
  for _, allowed in ipairs(hosts) do
    if host == allowed then return true end
  end
  return nil, value_error(("Unsupported host '%s'.  Can only retrieve "
    .. "metadata from a loopback address or one of these hosts: %s")
    :format(host, table.concat(hosts, ", ")))
end

---@return string|nil, table|nil # the token, nil, or nil and an error
local function read_token(world)
  local name = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
  local path = world.getenv(name)
  if not path then return world.getenv "AWS_CONTAINER_AUTHORIZATION_TOKEN" end
  local token, reason = world:read(path)
  if token then return token end
  return nil, retrieval_error(("cannot read the file of %s: %s")
    :format(name, tostring(reason)))
end

local function headers_of(token)
  local headers = { { "accept", "application/json" } }
  if not token then return headers end
  if not core.header_ok("authorization", token) then
    return nil,
      value_error "Auth token value is not a legal header value"
  end
  headers[2] = { "authorization", token }
  return headers
end

---@return table|nil, table|nil # what to ask, nil, or nil and an error
local function request_of(world)
  local url = url_of(world)
  if not url then return nil end
  local token, headers, ok, err
  token, err = read_token(world)
  if not err then headers, err = headers_of(token) end
  if not err then ok, err = check_host(url) end
  if not ok then return nil, err end
  return {
    url = url, headers = headers, token = token, is_local = true,
    connect_timeout = TIMEOUT, read_timeout = TIMEOUT,
    -- botocore verifies, whatever the client does
    tls = { verify = world.verify or true },
  }
end

-- ---- the answer ----

---What may be shown of an answer that is no success, with ": " in front.
local function shown(body, token)
  local is_secret = body:find("SecretAccessKey", 1, true)
    or body:find("Token", 1, true)
    or token and token ~= "" and body:find(token, 1, true)
  if is_secret or not json.is_utf8(body) then return "" end
  return ": " .. answers.shown(body, MAX_SHOWN)
end

---@return table|nil, table|nil, boolean|nil # the document, or nil, an error
---and whether to try again
local function fetch(world, ask)
  local answer, err = world:ask(ask)
  if not answer then
    if not answers.passing[err.name] then return nil, err end
    return nil, metadata_error("Received error when attempting to retrieve "
      .. "container metadata: " .. err.message), true
  elseif answer.status ~= 200 then
    return nil, metadata_error(("Received non 200 response %d from "
      .. "container metadata%s")
      :format(answer.status, shown(answer.body, ask.token))), true
  end
  local document = json.decode(answer.body)
  if document ~= nil then return document end
  return nil, metadata_error("Unable to parse JSON returned from container "
    .. "metadata services"), true
end

local function credentials_of(document)
  if type(document) ~= "table" then
    return nil, retrieval_error "the answer is not a JSON object"
  end
  local fault = answers.fault_of(document, FIELDS, "Token")
  if fault then return nil, retrieval_error(fault) end
  local token = document.Token
  return {
    access_key = document.AccessKeyId, secret_key = document.SecretAccessKey,
    token = token ~= "" and token or nil, method = METHOD,
    expiry_time = date.from_iso(document.Expiration),
  }
end

---@param world table {getenv, read, ask, sleep}
---@return table|nil, table|nil # credentials, nil where no variable names an
---agent, or nil and an error: ValueError, CredentialRetrievalError, or a
---failure of the connection
function container.get(world)
  local ask, err = request_of(world)
  if not ask then return nil, err end
  local document
  document, err = answers.insist(world, ATTEMPTS, PAUSE, function()
    return fetch(world, ask)
  end)
  if err then return nil, err end
  return credentials_of(document)
end

return container
