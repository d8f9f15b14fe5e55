-- curl_request.lua - what a request is to libcurl's connections, and what
-- their answer is to us

local core = require "iotdataplane.core"
local Response = require "iotdataplane.transport.response"

local char, concat, setmetatable = string.char, table.concat, setmetatable

local wire = {}

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
function wire.identify(self, request)
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
function wire.with(headers, header)
  local all = {}
  for i = 1, #headers do all[i] = headers[i] end
  all[#all + 1] = header
  return all
end

---What `exchange:send` and `loop:next` give, as a transport does.
function wire.respond(status, fields, body, head, replayed)
  if not status then
    return nil, { name = fields, message = body, sent = head }
  end
  local response = {
    status = status, fields = fields, body = body, head = head,
  }
  if replayed then response.replayed = true end
  return setmetatable(response, Response)
end

return wire
