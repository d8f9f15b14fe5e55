-- curl.lua - the blocking transport: our HTTP over libcurl's connections

local curl = require "iotdataplane.curl"

local concat = table.concat

local Transport = { __name = "iotdataplane.transport.curl" }
Transport.__index = Transport

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
  local ok, reason = exchange:start(identify(self, request), request.method,
    request.path, request.query or "", request.headers, request.body or "",
    request.connect_timeout, request.read_timeout, request.deadline,
    request.replay)
  if not ok then
    self.exchange = exchange
    return nil, { name = "HTTPClientError", message = reason, sent = false }
  end
  local status, headers, body, sent
  repeat -- false: Ctrl-C's hook runs, and raises, as soon as we are here
    status, headers, body, sent = exchange:run()
  until status ~= false
  self.exchange = exchange
  if status then return { status = status, headers = headers, body = body } end
  return nil, { name = headers, message = body, sent = sent }
end

---@param seconds number
function Transport:sleep(seconds)
  local till = self:monotonic() + seconds
  repeat until curl.pause(till)
end

function Transport.now() return curl.now() end

function Transport.monotonic() return curl.monotonic() end

function Transport:close()
  self.pool:clear()
end

---@param options table {max_idle_time, max_pool_connections}
local function new(options)
  local pool = curl.pool(options.max_idle_time, options.max_pool_connections)
  return setmetatable({ pool = pool, exchange = pool:exchange() }, Transport)
end

return new
