-- call.lua - a request's attempts, until one succeeds or no other is worth it
--
-- The only control flow there is; the same in every world.

local attempt = require "iotdataplane.attempt"
local clock = require "iotdataplane.clock"
local retry = require "iotdataplane.retry"

local send = attempt.send

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

---May it be repeated, though it may have been delivered? Where a 504 says that
---a device kept silent, only if that was asked for.
local function may_resend(self, operation, err)
  local asked = self.settings.resend_unknown
  if asked ~= nil or operation.repeats_504 ~= false then
    return asked ~= false
  end
  local metadata = err.response and err.response.ResponseMetadata
  return not metadata or metadata.HTTPStatusCode ~= 504
end

---How long to wait before the next attempt; nil where there is none.
local function delay_of(self, operation, request, state, number, err)
  state.delivery = worse(state.delivery, err.delivery)
  state.ttl = attempt.ttl(err, request.read_timeout) or state.ttl
  err.delivery = state.delivery
  local may_repeat = state.delivery ~= "unknown"
    or may_resend(self, operation, err)
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

---@param self table a client
---@param operation table of model.operations
---@param request table of serialize; gets `deadline`, on the world's
---`monotonic`, where the call has one
---@return table|nil, table|nil # the result, or nil and an error that knows
---what became of the message
local function call(self, operation, request)
  local policy, is_noted = self.policy, self.is_noted
  local n, number, limit = #request.headers, 0, self.api_call_timeout
  if limit then request.deadline = self.world:monotonic() + limit end
  local state -- of a call that did not succeed at once
  repeat
    number = number + 1
    if is_noted and not pass(self, request.deadline) then break end
    local began = is_noted and self.world:monotonic()
    local result, err, is_final = send(self, operation, request, n, number,
                                       state)
    local delay
    if result then
      if state or policy.is_wary then
        retry.succeeded(policy, number, result, state and state.price)
      end
      if not is_noted then return result end
    else
      state = state or { delivery = "not_sent" }
      if is_final then
        err.delivery = worse(state.delivery, err.delivery)
        return nil, err
      end
      delay = delay_of(self, operation, request, state, number, err)
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

return call
