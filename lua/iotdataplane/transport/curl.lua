-- curl.lua - the blocking transport: our HTTP over libcurl's connections

local curl = require "iotdataplane.curl"

local concat, setmetatable = table.concat, setmetatable

local Transport = { __name = "iotdataplane.transport.curl" }
Transport.__index = Transport

---Most of what an answer's headers are asked for is in `fields`, by name; the
---list is made when somebody wants it.
local Response = { __name = "iotdataplane.transport.curl.response" }

function Response.__index(response, key)
  if key ~= "headers" then return nil end
  local headers = curl.headers(response.head)
  response.headers = headers
  return headers
end

local function flag(yes)
  return yes and "1" or "0"
end

---What two requests must have in common to use one connection; the order is
---that of iot_pool_open (csrc/exchange.h).
local function identity_of(request)
  local tls = request.tls or {}
  local verify = tls.verify == nil or tls.verify
  return concat({
    request.scheme, request.host, tostring(request.port),
    flag(verify), type(verify) == "string" and verify or "",
    tls.cert or "", tls.key or "", flag(request.tcp_keepalive), "",
  }, "\0")
end

---A client's requests go to one place: its name is made once.
local function identify(self, request)
  if request.tls ~= self.tls or request.host ~= self.host
     or request.port ~= self.port or request.scheme ~= self.scheme
     or request.tcp_keepalive ~= self.tcp_keepalive or not self.identity then
    self.tls, self.host, self.port = request.tls, request.host, request.port
    self.scheme, self.tcp_keepalive = request.scheme, request.tcp_keepalive
    self.identity = identity_of(request)
  end
  return self.identity
end

---@param request table
---@return table|nil, table|nil # {status, headers, body}, or nil and
---{name, message, sent}
function Transport:send(request)
  -- ours alone until it is over: a finalizer may publish meanwhile
  local exchange = self.exchange or self.pool:exchange()
  self.exchange = nil
  local status, fields, body, head = exchange:send(identify(self, request),
    request.method, request.path, request.query or "", request.headers,
    request.body or "", request.connect_timeout, request.read_timeout,
    request.deadline, request.replay)
  while status == false do -- Ctrl-C's hook runs, and raises, once we are here
    status, fields, body, head = exchange:resume()
  end
  self.exchange = exchange
  if not status then
    return nil, { name = fields, message = body, sent = head }
  end
  return setmetatable({
    status = status, fields = fields, body = body, head = head,
  }, Response)
end

---@param seconds number
function Transport:sleep(seconds)
  local till = self:monotonic() + seconds
  repeat until curl.pause(till)
end

Transport.now = curl.now -- both take no argument, and ignore theirs

Transport.monotonic = curl.monotonic

function Transport:close()
  self.pool:clear()
end

---@param options table {max_idle_time, max_pool_connections}
local function new(options)
  local pool = curl.pool(options.max_idle_time, options.max_pool_connections)
  return setmetatable({ pool = pool, exchange = pool:exchange() }, Transport)
end

return new
