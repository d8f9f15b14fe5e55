-- client.lua - the methods, one line each, and `call`, the only control flow

local chain = require "iotdataplane.credentials.chain"
local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local model = require "iotdataplane.model"
local parse = require "iotdataplane.parse"
local retry = require "iotdataplane.retry"
local serialize = require "iotdataplane.serialize"
local sign = require "iotdataplane.sign"
local validate = require "iotdataplane.validate"

local Client = { __name = "iotdataplane.client" }
Client.__index = Client

-- ---- one attempt ----

local attempt_headers = { { "amz-sdk-request", "attempt=1" } }

---From the second attempt on it is known how many there may be.
local function attempt_header(settings, attempt)
  return attempt_headers[attempt] or { "amz-sdk-request",
    ("attempt=%d; max=%d"):format(attempt, settings.max_attempts) }
end

local function get_credentials(self)
  local credentials = self.credentials
  if credentials then return credentials end
  local err
  credentials, err = chain.get(self.world)
  self.credentials = credentials
  return credentials, err
end

local function copy(t)
  local new = {}
  for key, value in next, t do new[key] = value end
  return new
end

---Signs `request`, whose own headers are `headers`, anew.
local function authenticate(self, request, headers)
  request.headers = headers
  if self.settings.signature_version == "unsigned" then
    request.headers = copy(headers)
    return request
  end
  local credentials, err = get_credentials(self)
  if not credentials then return nil, err end
  return sign(request, credentials, self.scope, self.transport:now(), request)
end

---The request as the transport wants it. Each attempt has a table of its own,
---which the transport may keep; the first one has the call's.
local function prepare(self, request, headers, attempt)
  if attempt > 1 then request = copy(request) end
  local ready, err = authenticate(self, request, headers)
  if not ready then return nil, err end
  local all = ready.headers
  all[#all + 1] = attempt_header(self.settings, attempt)
  return ready
end

---The exception for a failure of the transport's.
local function from_failure(self, request, failure)
  local url = self.settings.endpoint.origin .. request.path
  if request.query ~= "" then url = url .. "?" .. request.query end
  local err = errors.new(failure.name, {
    endpoint_url = url, error = failure.message,
  })
  err.delivery = failure.sent and "unknown" or "not_sent"
  return err
end

---@return table|nil, table|nil, boolean # result, or nil, an error, and
---whether it is one that another attempt could mend
local function try_once(self, operation, request, headers, attempt)
  local ready, err = prepare(self, request, headers, attempt)
  if not ready then return nil, err, false end
  local response, failure = self.transport:send(ready)
  if not response then
    return nil, from_failure(self, request, failure), true
  end
  local result
  result, err = parse(operation, response)
  if err then
    local answered = err.response.ResponseMetadata.HTTPStatusCode < 500
      or retry.is_throttling(err)
    err.delivery = answered and "rejected" or "unknown"
  end
  return result, err, true
end

-- ---- one call ----

---A transport without the clock that never steps has only the other one.
local function monotonic(transport)
  if transport.monotonic then return transport:monotonic() end
  return transport:now()
end

local certainty = { not_sent = 0, rejected = 1, unknown = 2 }

---What is known of the message after several attempts: the least certain.
local function worse(a, b)
  return certainty[a] > certainty[b] and a or b
end

local function too_late(self, request, delivery)
  local err = from_failure(self, request, { name = "ApiCallTimeoutError" })
  err.delivery = delivery
  return err
end

---Waits; false where the call's time would be over by then.
local function wait(self, delay, deadline)
  local transport = self.transport
  if deadline and monotonic(transport) + delay >= deadline then
    return false
  end
  transport:sleep(delay)
  return true
end

local function send(self, operation, request)
  local policy, delivery, attempt = self.policy, "not_sent", 0
  local headers, deadline = request.headers, request.deadline
  while true do
    attempt = attempt + 1
    local result, err, may_retry =
      try_once(self, operation, request, headers, attempt)
    if not err then
      retry.succeeded(policy, attempt, result)
      return result
    end
    delivery = worse(delivery, err.delivery)
    local delay = may_retry and retry.delay(policy, attempt, err)
    if err.delivery == "unknown" and not self.settings.resend_unknown then
      delay = nil
    end
    err.delivery = delivery
    if not delay then return nil, err end
    if not wait(self, delay, deadline) then
      return nil, too_late(self, request, delivery)
    end
  end
end

---What every request of a client's carries.
local function own_headers(settings)
  local headers = {
    settings.host_header, settings.user_agent,
    { "amz-sdk-invocation-id", core.uuid() },
  }
  local configured = settings.headers
  for i = 1, #configured do headers[3 + i] = configured[i] end
  return headers
end

local function call(self, operation, params)
  local settings = self.settings
  if settings.parameter_validation then
    local ok, err = validate(operation, params)
    if not ok then return nil, err end
  end
  local request, err = serialize(operation, params, settings.target,
                                 own_headers(settings))
  if not request then return nil, err end
  if settings.api_call_timeout then
    request.deadline = monotonic(self.transport) + settings.api_call_timeout
  end
  return send(self, operation, request)
end

-- ---- the methods ----

---A call with something other than one table is a programmer's mistake: it
---is told so at the line that made it.
local function check(self, name, params)
  if getmetatable(self) ~= Client then
    error(("bad self (use client:%s{...}, with a colon)"):format(name), 3)
  elseif type(params) ~= "table" then
    error(("bad argument #1 to '%s' (table expected, got %s)")
      :format(name, params == nil and "no value" or type(params)), 3)
  end
end

---Completes what is wrong, for the caller to see.
local function finish(operation, result, err)
  if result then return result end
  err.operation_name = operation.name
  if err.response then errors.describe(err) end
  return nil, err
end

local function try(self, operation, params)
  return finish(operation, call(self, operation, params))
end

---Outside, failures are raised.
local function raise(result, err)
  if result then return result end
  error(err, 0)
end

---Publishes an MQTT message: boto3's IoTDataPlane.Client.publish.
---@param params table topic (string, required), qos (0 or 1), retain
---(boolean), payload (string, or a file), userProperties (any
---JSON-serializable value), payloadFormatIndicator ("UTF8_DATA" or
---"UNSPECIFIED_BYTES"), contentType, responseTopic, correlationData (base64)
---(strings), messageExpiry (seconds)
---@return table # {ResponseMetadata = {RequestId, HTTPStatusCode,
---HTTPHeaders, RetryAttempts}}; raises an error table
function Client:publish(params)
  check(self, "publish", params)
  return raise(try(self, model.operations.publish, params))
end

---Any operation without raising.
---@param name string "publish"
---@param params table
---@return table|nil, table|nil # the response, or nil and the error
function Client:try(name, params)
  local operation = model.operations[name]
  if getmetatable(self) ~= Client then
    error("bad self (use client:try(name, params), with a colon)", 2)
  elseif not operation then
    error(("bad argument #1 to 'try' (no operation '%s')")
      :format(tostring(name)), 2)
  end
  check(self, name, params)
  return try(self, operation, params)
end

---@return number # seconds that our clock is known to be behind
function Client:clock_offset() -- luacheck: no self
  return 0
end

---Closes the connections; a later call opens new ones.
function Client:close()
  local transport = self.transport
  if transport.close then transport:close() end
end

Client.__close = Client.close

local function own_transport(options, settings)
  if type(options.transport) == "table" then return options.transport end
  return require "iotdataplane.transport.curl"(settings)
end

---@param options table checked
---@param settings table of settings.resolve
---@param getenv function
---@return table # a client
local function new(options, settings, getenv)
  return setmetatable({
    settings = settings,
    transport = own_transport(options, settings),
    policy = {
      mode = settings.retry_mode, max_attempts = settings.max_attempts,
      random = core.random,
    },
    scope = { region = settings.region_name, service = model.signing_name },
    world = { options = options, getenv = getenv },
    exceptions = errors.classes,
    meta = {
      region_name = settings.region_name,
      endpoint_url = settings.endpoint.origin .. settings.endpoint.path,
      config = options.config or {},
    },
  }, Client)
end

return new
