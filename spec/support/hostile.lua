-- hostile.lua - runs hostile.py, and asks it what arrived.
--
--   local server = require "spec.support.hostile".start()
--   server.transport          through which it is asked
--   server:clear()            forget what has been
--   server:count("ok")        connections, requests of that behaviour
--   server:all("close")       all kept connections: close, reset or stray
--   hostile.at(record, transport)   the same of one that runs already

local ask = require "spec.support.ask"
local cjson = require "cjson"
local server = require "spec.support.server"

local PATIENCE = 10 -- seconds

local function get(self, path)
  return (ask(self.transport, self.control, path))
end

local methods = {}

function methods:clear()
  get(self, "/_clear")
end

function methods:stats()
  return cjson.decode(get(self, "/_stats"))
end

local function find(counts, name)
  local entry = counts[name] or { connections = 0, requests = 0 }
  return entry.connections, entry.requests
end

-- How many connections had that behaviour asked of them, and how often in
-- all.
function methods:count(behaviour)
  return find(self:stats().behaviours, behaviour)
end

-- How many connections came to a listener, and whole requests on them.
function methods:arrived(listener)
  return find(self:stats().listeners, listener)
end

-- Closes all kept connections, resets them, or writes stray bytes to them.
function methods:all(what)
  return get(self, "/_do/" .. what)
end

-- The ids of messages of which a part arrived, and of those that did whole:
-- {begun = {...}, whole = {...}}.
function methods:arrivals()
  return cjson.decode(get(self, "/_arrivals"))
end

-- Asks again and again until the answer is true.
function methods:wait(is_so)
  local till = self.transport:monotonic() + PATIENCE
  repeat
    local stats = self:stats()
    if is_so(stats) then return stats end
  until self.transport:monotonic() > till
  error("the server did not see it", 2)
end

local hostile = {}

-- Loaded only where it is used: nginx's worker does without libcurl.
local function new_curl()
  return require "iotdataplane.transport.curl" {
    max_idle_time = 50, max_pool_connections = 1,
  }
end

-- The transport must be another one than that which is tested, so that its
-- kept connections are left in peace.
---@param script string|nil another one that runs its listeners
---@param transport table|nil through which it is asked, if not libcurl's
function hostile.start(script, transport)
  local started = server.start(script or "hostile.py")
  local stop = getmetatable(started).__index
  started.transport = transport or new_curl()
  return setmetatable(started, { __index = function(_, name)
    return methods[name] or stop[name]
  end })
end

---@param record table of ports and paths
function hostile.at(record, transport)
  record.transport = transport
  return setmetatable(record, { __index = methods })
end

return hostile
