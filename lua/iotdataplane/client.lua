-- client.lua - the methods, one line each; those of the operations beside
-- publish are in operations.lua, those that publish not at once in later.lua
--
-- What no publish needs is required when it is asked for: a program of one
-- message spends most of its time on reading our source. But nothing that a
-- failure needs, for which there may be no descriptor left (see kept.lua).

local call = require "iotdataplane.call"
local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local later = require "iotdataplane.later"
local model = require "iotdataplane.model"
local operations = require "iotdataplane.operations"
local retry = require "iotdataplane.retry"
local serialize = require "iotdataplane.serialize"
local validate = require "iotdataplane.validate"

local getmetatable, max, type = getmetatable, math.max, type
local uuid = core.uuid
local publish = model.operations.publish

-- Seconds that an answer may take beyond what the service was told to wait.
local MARGIN = 5

local Client = { __name = "iotdataplane.client" }
Client.__index = Client

-- ---- one call ----

---What every request of a client's carries, the signer's pair among it; with
---room for the operation's headers and the signer's: lists grow at a cost.
local function own_headers(self)
  local settings = self.settings
  local headers = {
    settings.host_header, settings.user_agent,
    { "amz-sdk-invocation-id", uuid() },
    self.scope and { "authorization", "" } or nil, nil, nil, nil, nil,
  }
  local configured, n = settings.headers, #headers
  for i = 1, #configured do headers[n + i] = configured[i] end
  return headers
end

---What can be sent, now or later. A strict client makes every request here:
---it has no spare one.
local function request_of(self, operation, params)
  if self.is_strict then
    local ok, err = require "iotdataplane.strict"(operation, params)
    if not ok then return nil, err end
  end
  return serialize(operation, params, self.target, own_headers(self),
                   self.check)
end

---The same of a request that is over: most of it is as it was.
local function rewrite(self, operation, params, request)
  local headers = request.headers
  headers[3][2] = uuid()
  for i = #headers, self.first_header, -1 do headers[i] = nil end
  return serialize(operation, params, self.target, headers, self.check,
                   request)
end

---Makes an error ready for the caller to see.
local function complete(operation, err)
  err.operation_name = err.operation_name or operation.name
  if err.response then errors.describe(err) end
  return nil, err
end

---Makes the call of a request.
local function deliver(self, operation, request)
  local result, err = call(self, operation, request)
  if result then return result end
  return complete(operation, err)
end

---The logger hears of an error before the caller does.
local function told(self, result, err)
  if err then self.world:log("error", tostring(err)) end
  return result, err
end

---A request is written anew for the next call; who calls meanwhile finds none.
local function try(self, operation, params)
  local result
  local old = self.spare
  self.spare = nil
  local request, err = (old and rewrite or request_of)(self, operation,
                                                       params, old)
  if request then
    result, err = call(self, operation, request)
    if self.spares then self.spare = request end
    if result then return result end
  end
  return told(self, complete(operation, err))
end

---How many seconds the service may take to answer.
local function patience(waits, params)
  local seconds = params[waits.member]
    or params[waits.asks] == true and waits.default
  return type(seconds) == "number" and seconds + MARGIN or 0
end

---Any operation. One that waits has a request of its own, for the next call's
---time-out is the usual one.
local function perform(self, operation, params)
  local waits = operation.waits
  if not waits then return try(self, operation, params) end
  local request, err = request_of(self, operation, params)
  if not request then return told(self, complete(operation, err)) end
  request.read_timeout = max(request.read_timeout, patience(waits, params))
  return told(self, deliver(self, operation, request))
end

-- ---- the methods ----

---A call with something other than one table is a programmer's mistake: it
---is told so at the line that made it, `level` calls up.
local function misuse(self, name, params, level)
  level = level or 3
  if getmetatable(self) ~= Client then
    error(("bad self (use client:%s{...}, with a colon)"):format(name), level)
  end
  error(("bad argument #1 to '%s' (table expected, got %s)")
    :format(name, params == nil and "no value" or type(params)), level)
end

---The same for a method that takes no table.
---@param arguments string|nil as it is called
local function check(self, name, arguments)
  if getmetatable(self) == Client then return end
  error(("bad self (use client:%s(%s), with a colon)")
    :format(name, arguments or ""), 3)
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
  local response, err = try(self, publish, params)
  if response then return response end
  error(err, 0)
end

---What the methods of operations.lua do, in the third call from their user's.
operations(Client, function(self, name, params)
  if getmetatable(self) ~= Client or type(params) ~= "table" then
    misuse(self, name, params, 4)
  end
  return raise(perform(self, model.operations[name], params))
end, check)

---Any operation without raising.
---@param name string "publish", "get_thing_shadow", ...
---@param params table
---@return table|nil, table|nil # the response, or nil and the error
function Client:try(name, params)
  local operation = model.operations[name]
  check(self, "try", "name, params")
  if not operation then
    error(("bad argument #1 to 'try' (no operation '%s')")
      :format(tostring(name)), 2)
  end
  if type(params) ~= "table" then misuse(self, name, params) end
  return perform(self, operation, params)
end

-- ---- not at once ----

-- What later.lua makes its methods of.
local parts = {}

---What is wrong with a message, for its caller.
function parts.refuse(self, err)
  return told(self, complete(publish, err))
end

---A message's request; written anew from one that is over, if there is one.
function parts.prepare(self, params, old)
  local make = old and self.spares and rewrite or request_of
  local request, err = make(self, publish, params, old)
  if request then return request end
  return parts.refuse(self, err)
end

function parts.deliver(self, request)
  local result, err = call(self, publish, request)
  if result then return result end
  return parts.refuse(self, err)
end

---The same without a word to the logger.
function parts.deliver_silently(self, request)
  return deliver(self, publish, request)
end

parts.misuse, parts.check, parts.raise, parts.told =
  misuse, check, raise, told

later(Client, parts)

-- ---- another way in ----

---A URL with which a browser, or any MQTT library, connects over a WebSocket
---in this client's name. Whoever has it needs nothing else.
---@param params table|nil expires_in: seconds from 1 to 86400 (3600) in which
---a connection can be opened; temporary credentials may end it sooner
---@return string # "wss://.../mqtt?X-Amz-..."; raises an error table where
---there are no credentials, or requests are unsigned
function Client:presigned_mqtt_url(params)
  if getmetatable(self) ~= Client then
    misuse(self, "presigned_mqtt_url", params)
  end
  local presign = require "iotdataplane.presign"
  local wrong = presign.misuse(params)
  if wrong then
    error(("bad argument #1 to 'presigned_mqtt_url' (%s)"):format(wrong), 2)
  end
  return raise(told(self, presign.mqtt_url(self, params)))
end

---@return number # seconds that our clock is known to be behind
function Client:clock_offset()
  check(self, "clock_offset")
  return self.world.clock_offset
end

---Closes the connections; a later call opens new ones.
function Client:close()
  check(self, "close")
  local transport = self.transport
  if transport.close then transport:close() end
end

Client.__close = Client.close

local TRANSPORTS = "iotdataplane.transport."

local function own_transport(options, settings)
  local wanted = options.transport
  if type(wanted) == "table" then return wanted end
  -- in nginx it depends on the phase
  wanted = wanted or (rawget(_G, "ngx") and "auto" or "curl")
  return require(TRANSPORTS .. wanted)(settings)
end

---@param world table of credentials/world.lua; gets the transport
---@param settings table of settings.resolve
---@return table # a client
local function new(world, settings)
  -- a user's own, which may keep what it is given
  local is_foreign = type(world.options.transport) == "table"
  world.transport = own_transport(world.options, settings)
  -- by which our own transports know a request's way at once
  settings.target.itself = not is_foreign and settings.target or nil
  local policy = retry.policy {
    mode = settings.retry_mode, max_attempts = settings.max_attempts,
    random = core.random, is_2026 = settings.is_2026,
  }
  local self = setmetatable({
    settings = settings, world = world, transport = world.transport,
    target = settings.target, policy = policy,
    check = settings.parameter_validation and validate or nil,
    api_call_timeout = settings.api_call_timeout,
    is_noted = (policy.limiter or settings.logger) ~= nil,
    is_strict = settings.strict,
    is_foreign = is_foreign,
    spares = not is_foreign and not settings.strict,
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
  self.first_header = #own_headers(self) + 1 -- that is not every request's
  return self
end

return new
