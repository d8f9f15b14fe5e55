-- client.lua - the methods, one line each, and `call`, the only control flow

local cached = require "iotdataplane.credentials.cached"
local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local model = require "iotdataplane.model"
local parse = require "iotdataplane.parse"
local retry = require "iotdataplane.retry"
local serialize = require "iotdataplane.serialize"
local sign = require "iotdataplane.sign"
local validate = require "iotdataplane.validate"

local getmetatable, next, type = getmetatable, next, type
local is_due, uuid = cached.is_due, core.uuid

local Client = { __name = "iotdataplane.client" }
Client.__index = Client

-- ---- one attempt ----

local attempt_headers = { { "amz-sdk-request", "attempt=1" } }

---From the second attempt on it is known how many there may be.
local function attempt_header(settings, attempt)
  return attempt_headers[attempt] or { "amz-sdk-request",
    ("attempt=%d; max=%d"):format(attempt, settings.max_attempts) }
end

---Credentials that are not due, and the time when they are to sign.
local function find_credentials(self, now, deadline)
  local cache = self.cache
  if not cache then
    cache = cached.of(self.world)
    self.cache = cache
  end
  if not is_due(cache.credentials, now) then return cache.credentials, now end
  local credentials, err = cached.get(cache, self.world, deadline)
  if credentials then return credentials, self.transport:now() end
  err.delivery = "not_sent" -- it was about another request
  return nil, nil, err
end

---The same request for another attempt, with the first `n` of its headers:
---the transport may keep what it was given.
local function again(request, n)
  local new, headers = {}, {}
  for key, value in next, request do new[key] = value end
  for i = 1, n do headers[i] = request.headers[i] end
  new.headers = headers
  return new
end

---The request, of `n` headers yet, as the transport wants it: signed anew.
local function prepare(self, request, n, attempt)
  if attempt > 1 then request = again(request, n) end
  local scope = self.scope
  if scope then
    local credentials, now, err =
      find_credentials(self, self.transport:now(), request.deadline)
    if not credentials then return nil, err end
    request, err = sign(request, credentials, scope, now, true)
    if not request then return nil, err end
  end
  local headers = request.headers
  headers[#headers + 1] = attempt_header(self.settings, attempt)
  return request
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

---What is known of the message after a service's error.
local function delivery_of(err)
  local status = err.response.ResponseMetadata.HTTPStatusCode
  local refused = status < 500 or retry.is_throttling(err)
  return refused and "rejected" or "unknown"
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

---How long to wait before the next attempt; nil where there is none.
local function delay_of(self, attempt, err)
  local delay = retry.delay(self.policy, attempt, err)
  if err.delivery == "unknown" and not self.settings.resend_unknown then
    return nil
  end
  return delay
end

local function send(self, operation, request)
  local transport, policy = self.transport, self.policy
  local n, delivery, attempt = #request.headers, "not_sent", 0
  while true do
    attempt = attempt + 1
    local ready, err = prepare(self, request, n, attempt)
    if not ready then
      err.delivery = worse(delivery, err.delivery)
      return nil, err
    end
    local response, failure = transport:send(ready)
    if response then
      local result
      result, err = parse(operation, response)
      if result then
        if attempt > 1 or policy.max_attempts == 1 then
          retry.succeeded(policy, attempt, result)
        end
        return result
      end
      err.delivery = delivery_of(err)
    else
      err = from_failure(self, request, failure)
    end
    delivery = worse(delivery, err.delivery)
    local delay = delay_of(self, attempt, err)
    err.delivery = delivery
    if not delay then return nil, err end
    if not wait(self, delay, request.deadline) then
      return nil, too_late(self, request, delivery)
    end
  end
end

---What every request of a client's carries; with room for the operation's
---headers and the signer's, for a list that grows is costly.
local function own_headers(settings)
  local headers = {
    settings.host_header, settings.user_agent,
    { "amz-sdk-invocation-id", uuid() }, nil, nil, nil, nil, nil,
  }
  local configured = settings.headers
  for i = 1, #configured do headers[3 + i] = configured[i] end
  return headers
end

local function try_call(self, operation, params)
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

---Makes a call; an error is complete for the caller to see.
local function call(self, operation, params)
  local result, err = try_call(self, operation, params)
  if result then return result end
  err.operation_name = err.operation_name or operation.name
  if err.response then errors.describe(err) end
  self.world:log("error", tostring(err))
  return nil, err
end

-- ---- the methods ----

---A call with something other than one table is a programmer's mistake: it
---is told so at the line that made it.
local function misuse(self, name, params)
  if getmetatable(self) ~= Client then
    error(("bad self (use client:%s{...}, with a colon)"):format(name), 3)
  end
  error(("bad argument #1 to '%s' (table expected, got %s)")
    :format(name, params == nil and "no value" or type(params)), 3)
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
  if getmetatable(self) ~= Client or type(params) ~= "table" then
    misuse(self, "publish", params)
  end
  return raise(call(self, model.operations.publish, params))
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
  if type(params) ~= "table" then misuse(self, name, params) end
  return call(self, operation, params)
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

---@param world table of credentials/world.lua; gets the transport
---@param settings table of settings.resolve
---@return table # a client
local function new(world, settings)
  world.transport = own_transport(world.options, settings)
  return setmetatable({
    settings = settings, world = world, transport = world.transport,
    policy = {
      mode = settings.retry_mode, max_attempts = settings.max_attempts,
      random = core.random,
    },
    -- none where nothing is signed
    scope = settings.signature_version == "v4" and {
      region = settings.region_name, service = model.signing_name,
    } or nil,
    exceptions = errors.classes,
    meta = {
      region_name = settings.region_name,
      endpoint_url = settings.endpoint.origin .. settings.endpoint.path,
      config = world.options.config or {},
    },
  }, Client)
end

return new
