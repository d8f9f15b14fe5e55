-- proxy.lua - runs proxy.py, and asks it what came.
--
--   local world = require "spec.support.proxy".start(transport)
--   world:proxy("auth", { user = ..., password = ... })   as of a request
--   world:heads("auth")   what each connection to that proxy asked for, or
--                         "" where it asked for nothing
--   world:origin "https"  connections to that listener, requests on them
--   world:clear()
--
-- `transport` is another one than that which is tested.

local ask = require "spec.support.ask"
local cjson = require "cjson"
local server = require "spec.support.server"

local methods = {}

local function get(self, port, path)
  return cjson.decode((ask(self.transport, port, path)))
end

-- Also one of the listeners that are no proxies.
function methods:proxy(name, changes)
  local proxy = { scheme = name:find "^tls" and "https" or "http",
                  host = "127.0.0.1",
                  port = self["proxy_" .. name] or assert(self[name]) }
  for key, value in next, changes or {} do proxy[key] = value end
  return proxy
end

function methods:connections(name)
  local found = {}
  for _, c in ipairs(get(self, self.proxy_control, "/_stats").connections) do
    if c.listener == "proxy_" .. name then found[#found + 1] = c end
  end
  return found
end

function methods:heads(name)
  local heads = {}
  for i, c in ipairs(self:connections(name)) do
    heads[i] = table.concat(c.heads or {})
  end
  return heads
end

function methods:origin(listener)
  local stats = get(self, self.control, "/_stats")
  local entry = stats.listeners[listener] or { connections = 0, requests = 0 }
  return entry.connections, entry.requests
end

function methods:clear()
  for _, port in ipairs { self.control, self.proxy_control } do
    get(self, port, "/_clear")
  end
end

-- Has the origin close what it keeps.
function methods:close_origins()
  get(self, self.control, "/_do/close")
end

local proxy = {}

function proxy.start(transport)
  local started = server.start "proxy.py"
  local stop = getmetatable(started).__index
  started.transport = transport
  return setmetatable(started, { __index = function(_, name)
    return methods[name] or stop[name]
  end })
end

return proxy
