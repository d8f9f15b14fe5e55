-- stub.lua - a transport of canned answers that records what it was sent
--
--     local stub = require "iotdataplane.transport.stub"
--     local transport = stub{ { status = 200 }, { status = 503 } }
--     local client = iotdataplane.client{ transport = transport, ... }
--
-- for users' own specs. Answers are given in their order, the last one again
-- and again: {status, headers = {{name, value}, ...}, body}. One with a `name`
-- is a failure {name, message, sent}, one that is a function is called with
-- the request and gives the answer. Time passes only in `sleep`.

local Stub = { __name = "iotdataplane.transport.stub" }
Stub.__index = Stub

-- Failures of connecting, before which nothing can be sent.
local unsent = {
  EndpointConnectionError = true, ConnectTimeoutError = true, SSLError = true,
  ProxyConnectionError = true,
}

local function complete(answer)
  if type(answer) ~= "table" then
    error("the stub's function gave no answer, but " .. tostring(answer), 0)
  elseif answer.name then
    local sent = answer.sent
    if sent == nil then sent = not unsent[answer.name] end
    return nil, {
      name = answer.name, message = answer.message or "stub", sent = sent,
    }
  end
  return {
    status = answer.status or 200, headers = answer.headers or {},
    body = answer.body or "",
  }
end

function Stub:send(request)
  local requests = self.requests
  requests[#requests + 1] = request
  local answer = self.answers[math.min(#requests, #self.answers)] or {}
  if type(answer) == "function" then answer = answer(request) end
  return complete(answer)
end

function Stub:sleep(seconds)
  self.sleeps[#self.sleeps + 1] = seconds
  self.time = self.time + seconds
end

function Stub:now() return self.time end

function Stub:monotonic() return self.time end

function Stub:close() self.closed = true end

---@param answers table|nil of {status, headers, body}, {name, message, sent}
---or functions
---@param now number|nil seconds since the epoch; 2015-08-30T12:36:00Z
---@return table # a transport with `requests`, `sleeps` and `time`
local function stub(answers, now)
  for key, answer in next, answers or {} do
    if type(key) ~= "number" or type(answer) ~= "table"
       and type(answer) ~= "function" then
      error("bad argument #1 to 'stub' (a list of answers expected, as "
        .. "stub{ { status = 200 } })", 2)
    end
  end
  return setmetatable({
    answers = answers or {}, requests = {}, sleeps = {},
    time = now or 1440938160,
  }, Stub)
end

return stub
