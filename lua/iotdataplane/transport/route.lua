-- route.lua - the way of a request: what its connection must be like, and
-- what a proxy on the way is told

local core = require "iotdataplane.core"

local char, concat = string.char, table.concat

local route = {}

-- ---- the connection ----

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
---@param request table
---@param bundle string the path of the CAs to trust, "" for the system's
---@return string[]
function route.parts(request, bundle)
  local tls, proxy = request.tls or {}, request.proxy or no_proxy
  return {
    request.scheme, request.host, tostring(request.port),
    flag(tls.verify == nil or tls.verify), bundle,
    tls.cert or "", tls.key or "", flag(request.tcp_keepalive),
    proxy.scheme, proxy.host, tostring(proxy.port), proxy.user or "",
    proxy.password or "", wire_of(tls.alpn),
  }
end

-- ---- the proxy ----

---An IPv6 address stands in brackets where a port may follow.
---@param host string
function route.bracketed(host)
  return host:find(":", 1, true) and "[" .. host .. "]" or host
end

---@param proxy table {user, password}
---@return string # a header's value
function route.authorization(proxy)
  return "Basic "
    .. core.base64_encode(proxy.user .. ":" .. (proxy.password or ""))
end

---What a proxy wants to know of a request that it reads itself.
---@return string|nil, table|nil # what stands before the path, nil where no
---proxy reads it; the header that says who we are, nil for nobody
function route.for_proxy(request)
  local proxy = request.proxy
  if not proxy or request.scheme == "https" then return nil end
  local port = request.port
  local authority = "http://" .. route.bracketed(request.host)
    .. (port == 80 and "" or ":" .. port)
  if not proxy.user then return authority end
  return authority, { "Proxy-Authorization", route.authorization(proxy) }
end

---The request's headers, and one more.
function route.with(headers, header)
  local all = {}
  for i = 1, #headers do all[i] = headers[i] end
  all[#all + 1] = header
  return all
end

return route
