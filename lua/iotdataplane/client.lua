-- client.lua - the methods, one line each, and `call`, the only control flow

local attempt = require "iotdataplane.attempt"
local clock = require "iotdataplane.clock"
local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local model = require "iotdataplane.model"
local retry = require "iotdataplane.retry"
local serialize = require "iotdataplane.serialize"
local validate = require "iotdataplane.validate"

local getmetatable, type = getmetatable, type
local uuid = core.uuid

local Client = { __name = "iotdataplane.client" }
Client.__index = Client

-- ---- one call ----

local certainty = { not_sent = 0, rejected = 1, unknown = 2 }

---What is known of the message after several attempts: the least certain.
local function worse(a, b)
  return certainty[a] > certainty[b] and a or b
end

---Waits; false where the call's time would be over by then.
local function wait(self, delay, deadline)
  if deadline and self.world:monotonic() + delay >= deadline then
    return false
  end
  self.transport:sleep(delay)
  return true
end

---Waits until adaptive mode lets another request go.
local function pass(self, deadline)
  local limiter = self.policy.limiter
  while limiter do
    local delay = limiter:take(self.world:monotonic())
    if delay == 0 then break end
    if not wait(self, delay, deadline) then return false end
  end
  return true
end

---What a service says of our clock, where it refuses us for its sake: the
---call is repeated at once, as nobody is the busier for it.
local function learn_time(self, state, err)
  if state.has_learnt then return nil end
  local world = self.world
  local offset = clock.offset_of(err, self.transport:now(),
                                 world.clock_offset)
  if not offset then return nil end
  state.has_learnt, world.clock_offset = true, offset
  world:log("warning", ("our clock is wrong by %.0f s, says the service")
    :format(offset))
  return 0
end

---How long to wait before the next attempt; nil where there is none.
local function delay_of(self, state, number, err)
  state.delivery = worse(state.delivery, err.delivery)
  state.ttl = attempt.ttl(err, self.settings.target.read_timeout) or state.ttl
  err.delivery = state.delivery
  local may_repeat = state.delivery ~= "unknown"
    or self.settings.resend_unknown
  local delay, price = retry.delay(self.policy, number, err, not may_repeat)
  if price then state.price = price end
  return delay or may_repeat and learn_time(self, state, err) or nil
end

local function too_late(self, request, delivery)
  local err =
    attempt.failed(self, request, { name = "ApiCallTimeoutError" })
  err.delivery = delivery
  return err
end

---What is noted of every attempt: by adaptive mode, and for the logger.
local function note(self, began, report)
  local limiter, err = self.policy.limiter, report.err
  local now = self.world:monotonic()
  if limiter then
    limiter:received(now, err ~= nil and retry.is_throttling(err))
  end
  if self.settings.logger then
    report.seconds = now - began
    attempt.log(self, report)
  end
end

local function send(self, operation, request)
  local policy, n, number = self.policy, #request.headers, 0
  local is_noted = policy.limiter or self.settings.logger
  local state -- of a call that did not succeed at once
  repeat
    number = number + 1
    if policy.limiter and not pass(self, request.deadline) then break end
    local began = is_noted and self.world:monotonic()
    local result, err, is_final = attempt.send(self, operation, request, n,
      number, state and state.ttl)
    local delay
    if result then
      if number > 1 or policy.is_wary then
        retry.succeeded(policy, number, result, state and state.price)
      end
    else
      state = state or { delivery = "not_sent" }
      if is_final then
        err.delivery = worse(state.delivery, err.delivery)
        return nil, err
      end
      delay = delay_of(self, state, number, err)
    end
    if is_noted then
      note(self, began, {
        operation = operation, request = request, number = number,
        result = result, err = err, delay = delay,
      })
    end
    if not delay then return result, err end
  until not wait(self, delay, request.deadline)
  return nil, too_late(self, request, state and state.delivery or "not_sent")
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
    request.deadline = self.world:monotonic() + settings.api_call_timeout
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
function Client:clock_offset()
  return self.world.clock_offset
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
    policy = retry.policy {
      mode = settings.retry_mode, max_attempts = settings.max_attempts,
      random = core.random, is_2026 = settings.is_2026,
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
