-- curl.lua - the blocking transport: our HTTP over libcurl's connections

local core = require "iotdataplane.core"
local curl = require "iotdataplane.curl"
local Response = require "iotdataplane.transport.response"

local char, concat, setmetatable = string.char, table.concat, setmetatable

local Transport = { __name = "iotdataplane.transport.curl" }
Transport.__index = Transport

local function flag(yes)
  return yes and "1" or "0"
end

-- The proxy of those who have none.
local no_proxy = { scheme = "", host = "", port = "" }

---ALPN's protocols as on the wire: each after its length.
local function wire_of(protocols)
  local parts = {}
  for i, name in ipairs(protocols or {}) do parts[i] = char(#name) .. name end
  return concat(parts)
end

---What two requests must have in common to use one connection; the order is
---that of iot_pool_open (csrc/exchange.h).
local function identity_of(request)
  local tls, proxy = request.tls or {}, request.proxy or no_proxy
  local verify = tls.verify == nil or tls.verify
  return concat({
    request.scheme, request.host, tostring(request.port),
    flag(verify), type(verify) == "string" and verify or "",
    tls.cert or "", tls.key or "", flag(request.tcp_keepalive),
    proxy.scheme, proxy.host, tostring(proxy.port), proxy.user or "",
    proxy.password or "", wire_of(tls.alpn), "",
  }, "\0")
end

---What stands before the path where a proxy reads it; nil where none does.
local function authority_of(request)
  if not request.proxy or request.scheme ~= "http" then return nil end
  local host, port = request.host, request.port
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  return "http://" .. host .. (port == 80 and "" or ":" .. port)
end

---Who we are to a proxy that reads the request's head.
local function authorization_of(request)
  local proxy = request.proxy
  if request.scheme ~= "http" or not (proxy and proxy.user) then return nil end
  local text = proxy.user .. ":" .. (proxy.password or "")
  return { "Proxy-Authorization", "Basic " .. core.base64_encode(text) }
end

---A client's requests go to one place: what that makes of them is made once.
local function identify(self, request)
  if request.tls ~= self.tls or request.host ~= self.host
     or request.port ~= self.port or request.scheme ~= self.scheme
     or request.tcp_keepalive ~= self.tcp_keepalive
     or request.proxy ~= self.proxy or not self.identity then
    self.tls, self.host, self.port = request.tls, request.host, request.port
    self.scheme, self.tcp_keepalive = request.scheme, request.tcp_keepalive
    self.proxy, self.identity = request.proxy, identity_of(request)
    self.authority = authority_of(request)
    self.authorization = authorization_of(request)
  end
  return self.identity
end

---The request's headers, and one more.
local function with(headers, header)
  local all = {}
  for i = 1, #headers do all[i] = headers[i] end
  all[#all + 1] = header
  return all
end

---@param request table
---@return table|nil, table|nil # {status, headers, body; replayed: it was sent
---before, too, on a connection that was then closed}, or nil and {name,
---message, sent}
function Transport:send(request)
  -- ours alone until it is over: a finalizer may publish meanwhile
  local exchange = self.exchange or self.pool:exchange()
  self.exchange = nil
  local identity, headers = identify(self, request), request.headers
  local authorization = self.authorization
  if authorization then headers = with(headers, authorization) end
  local status, fields, body, head, replayed = exchange:send(identity,
    request.method, request.path, request.query or "",
    headers, request.body or "",
    request.connect_timeout, request.read_timeout, request.deadline,
    request.replay, self.authority)
  while status == false do -- Ctrl-C's hook runs, and raises, once we are here
    status, fields, body, head, replayed = exchange:resume()
  end
  self.exchange = exchange
  if not status then
    return nil, { name = fields, message = body, sent = head }
  end
  local response = {
    status = status, fields = fields, body = body, head = head,
  }
  if replayed then response.replayed = true end
  return setmetatable(response, Response)
end

---@return string # which connection the last request went over, for a log
function Transport:connection()
  local number, kept = self.exchange:connection()
  return ("%s %d"):format(kept and "kept" or "new", number)
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
