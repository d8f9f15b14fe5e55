-- curl_request.lua - what a request is to libcurl's connections, and what
-- their answer is to us

local Response = require "iotdataplane.transport.response"
local route = require "iotdataplane.transport.route"

local concat, setmetatable = table.concat, setmetatable

local wire = {}

---How the pool knows a connection (csrc/exchange.h): NUL after each part.
local function identity_of(request)
  local verify = request.tls and request.tls.verify
  local bundle = type(verify) == "string" and verify or ""
  return concat(route.parts(request, bundle), "\0") .. "\0"
end

---What a client's requests to one place, their `target`, have in common is
---made once: `identity`, the connection's name; `authority` and
---`authorization`, what a proxy wants before the path and as a header.
local function identify(self, request)
  if not request.target and self.identity and request.tls == self.tls
     and request.host == self.host and request.port == self.port
     and request.scheme == self.scheme and request.proxy == self.proxy
     and request.tcp_keepalive == self.tcp_keepalive then
    self.target = nil
    return
  end
  local identity = identity_of(request)
  local authority, authorization = route.for_proxy(request)
  -- at once: a finalizer that ran meanwhile may have sent something as well
  self.target, self.tls, self.proxy =
    request.target, request.tls, request.proxy
  self.scheme, self.host, self.port =
    request.scheme, request.host, request.port
  self.tcp_keepalive, self.identity = request.tcp_keepalive, identity
  self.authority, self.authorization = authority, authorization
end

---The way of a request.
---@return string, string|nil, table # which connection; what stands before the
---path, for a proxy; the headers, with a proxy's
function wire.way_of(self, request)
  local target, headers = request.target, request.headers
  if not target or target ~= self.target then identify(self, request) end
  local identity, authority, authorization =
    self.identity, self.authority, self.authorization
  if authorization then headers = route.with(headers, authorization) end
  return identity, authority, headers
end

---What `exchange:send` and `loop:next` give, as a transport does.
---@param old table|nil a response that is over, to be written anew
function wire.respond(old, status, fields, body, head, replayed)
  if not status then
    return nil, { name = fields, message = body, sent = head }
  end
  if old then
    old.status, old.fields, old.body, old.head = status, fields, body, head
    old.headers, old.replayed = nil, replayed
    return old
  end
  return setmetatable({
    status = status, fields = fields, body = body, head = head,
    replayed = replayed,
  }, Response)
end

return wire
