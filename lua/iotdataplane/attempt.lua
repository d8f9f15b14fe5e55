-- attempt.lua - one attempt of a call: signed, sent, and what came of it

local cached = require "iotdataplane.credentials.cached"
local core = require "iotdataplane.core"
local date = require "iotdataplane.date"
local errors = require "iotdataplane.errors"
local parse = require "iotdataplane.parse"
local retry = require "iotdataplane.retry"
local sign = require "iotdataplane.sign"

local next = next
local is_due = cached.is_due

local attempt = {}

-- ---- the request ----

---botocore knows how many attempts there may be only once one has failed, but
---by the rules of 2026.
local function attempt_header(policy, number, ttl)
  return { "amz-sdk-request", ("%sattempt=%d; max=%d"):format(
    ttl and "ttl=" .. ttl .. "; " or "", number,
    math.max(number, policy.max_attempts)) }
end

---The same of a client's first attempts.
local function first_header(self)
  local header = self.policy.tells_max_at_first
    and attempt_header(self.policy, 1) or { "amz-sdk-request", "attempt=1" }
  self.first_attempt = header
  return header
end

---When the service need not answer any more, by its own clock: what came with
---its last answer and the time that we wait for one.
---@param err table of an attempt
---@return string|nil # "20150830T123600Z"
function attempt.ttl(err, read_timeout)
  local metadata = err.response and err.response.ResponseMetadata
  local theirs = metadata and date.from_http(metadata.HTTPHeaders.date)
  return theirs and core.date(theirs + read_timeout) or nil
end

---Credentials that are not due, and the time when they are to sign.
local function find_credentials(self, deadline)
  self.cache = self.cache or cached.of(self.world)
  local credentials, err = cached.get(self.cache, self.world, deadline)
  if credentials then return credentials, self.world:now() end
  err.delivery = "not_sent" -- it was about another request
  return nil, nil, err
end

---The same request for another attempt, with the first `n` of its headers:
---the transport may keep what it was given, and the signer writes into a pair.
local function again(request, n)
  local new, headers = {}, {}
  for key, value in next, request do new[key] = value end
  for i = 1, n do
    local header = request.headers[i]
    headers[i] = { header[1], header[2] }
  end
  new.headers = headers
  return new
end

---Signs the request itself.
local function authorize(self, scope, request)
  local cache = self.cache
  local now = self.transport:now() + self.world.clock_offset
  local credentials = cache and cache.credentials
  if not credentials or credentials.expiry_time and is_due(credentials, now)
  then
    local err
    credentials, now, err = find_credentials(self, request.deadline)
    if not credentials then return nil, err end
  end
  return sign(request, credentials, scope, now, true)
end

-- ---- what came of it ----

-- The result of a call whose caller only asks whether it succeeded: whatever
-- is noted in it, nobody reads.
local UNSEEN = { ResponseMetadata = { HTTPStatusCode = 200 } }

---@return string # without what is after its path
local function url_of(self, request)
  return self.settings.endpoint.origin .. request.path
end

---Of a transport of the user's own, whose mistake it is. Others make none.
local function check_failure(failure)
  local name = type(failure) == "table" and failure.name
  local class = name and errors.classes[name]
  if class and class.text then return end
  error("transport:send must return a response, or nil and {name = an "
    .. "exception's name such as \"ReadTimeoutError\", message, sent}", 0)
end

local function check_response(response)
  if type(response) == "table" and type(response.status) == "number"
     and type(response.fields or response.headers) == "table"
     and type(response.body or "") == "string" then
    return
  end
  error("transport:send must return a response {status = a number, headers "
    .. "= {{name, value}, ...}, body = a string}", 0)
end

---The exception for a failure of the transport's.
---@param self table a client
---@param request table
---@param failure table {name, message, sent; advice: what to mend in a
---configuration, which no text of boto3's has room for}
---@return table # an error
function attempt.failed(self, request, failure)
  check_failure(failure)
  local url = url_of(self, request)
  if request.query ~= "" then url = url .. "?" .. request.query end
  local err = errors.new(failure.name, {
    endpoint_url = url, error = failure.message,
    proxy_url = request.proxy and request.proxy.url,
  })
  if failure.advice then
    err.message = err.message .. " (" .. failure.advice .. ")"
  end
  err.reason = failure.message
  err.delivery = failure.sent == false and "not_sent" or "unknown"
  return err
end

---What is known of the message after an error that came of an answer; nothing
---of what was sent before it on another connection.
local function delivery_of(err, response)
  if response.replayed or not err.response then return "unknown" end
  local status = err.response.ResponseMetadata.HTTPStatusCode
  local refused = status < 500 or retry.is_throttling(err)
  return refused and "rejected" or "unknown"
end

---@param self table a client
---@param operation table of model.operations
---@param request table with the first `n` of its headers; `is_unseen` where
---nobody will look at a result
---@param n integer
---@param number integer which attempt, from 1
---@param state table|nil of a call's later attempts: {ttl = of attempt.ttl}
---@return table|nil, table|nil, boolean|nil # the result, or nil, an error,
---and whether nothing was tried, nor is worth trying
function attempt.send(self, operation, request, n, number, state)
  if state then request = again(request, n) end
  local scope = self.scope
  if scope then
    local ready, err = authorize(self, scope, request)
    if not ready then return nil, err, true end
  end
  local headers = request.headers
  headers[#headers + 1] =
    state and attempt_header(self.policy, number, state.ttl)
    or self.first_attempt or first_header(self)
  local old = self.answer
  self.answer = nil
  local response, failure = self.transport:send(request, old)
  if not response then return nil, attempt.failed(self, request, failure) end
  if self.is_foreign then check_response(response) end
  local result, err
  if request.is_unseen and response.status < 300 then
    result = UNSEEN
  else
    result, err = parse(operation, response)
  end
  if self.spares then self.answer = response end
  if result then return result end
  err.delivery = delivery_of(err, response)
  return nil, err
end

-- ---- the logger's line ----

local function outcome_of(result, err)
  if result then return result.ResponseMetadata.HTTPStatusCode end
  local response = err.response
  if not response then
    return err.reason and ("%s (%s)"):format(err.name, err.reason) or err.name
  end
  return ("%d %s"):format(response.ResponseMetadata.HTTPStatusCode,
    tostring(response.Error.Code))
end

---One line for the logger: what, where, how long, which connection, outcome
---and the wait that follows.
---@param report table {operation, request, number, seconds, result, err,
---delay}
function attempt.log(self, report)
  local transport, request = self.transport, report.request
  local connection = transport.connection and transport:connection()
  self.world:log("debug", ("%s attempt %d of %d: %s %s, %.3f s%s: %s%s")
    :format(report.operation.name, report.number, self.policy.max_attempts,
      request.method, url_of(self, request), report.seconds,
      connection and ", connection " .. connection or "",
      outcome_of(report.result, report.err),
      report.delay and (", next in %.3f s"):format(report.delay) or ""))
end

return attempt
