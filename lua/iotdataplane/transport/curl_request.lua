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
