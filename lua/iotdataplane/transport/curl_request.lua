-- curl_request.lua - what a request is to libcurl's connections, and what
-- their answer is to us

local Response = require "iotdataplane.transport.response"
local route = require "iotdataplane.transport.route"

local concat, setmetatable = table.concat, setmetatable

local wire = { with = route.with }

---How the pool knows a connection (csrc/exchange.h): NUL after each part.
local function identity_of(request)
  local verify = request.tls and request.tls.verify
  local bundle = type(verify) == "string" and verify or ""
  return concat(route.parts(request, bundle), "\0") .. "\0"
end

---A client's requests go to one place: what that makes of them is made once.
function wire.identify(self, request)
  local target = request.target
  if target and target == self.target then return self.identity end
  self.target = target
  if request.tls ~= self.tls or request.host ~= self.host
     or request.port ~= self.port or request.scheme ~= self.scheme
     or request.tcp_keepalive ~= self.tcp_keepalive
     or request.proxy ~= self.proxy or not self.identity then
    self.tls, self.host, self.port = request.tls, request.host, request.port
    self.scheme, self.tcp_keepalive = request.scheme, request.tcp_keepalive
    self.proxy, self.identity = request.proxy, identity_of(request)
    self.authority, self.authorization = route.for_proxy(request)
  end
  return self.identity
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
