-- fault_runner.lua - publishes through a client to what fails, and notes how
-- it went
--
--   local runner = require "spec.support.fault_runner"
--   local transport = runner.transport(new) counts, and never sleeps
--   runner.publish(transport, server, how)  -> {name, code, delivery,
--                                              attempts, seconds, slept}
--   runner.play(new, server, how)           the same, over one of its own
--   runner.run(transport, server, fault, n) n times, quickly
--   runner.told()   of every message, by its id: "success", or its delivery
--
-- `how` it is provoked: {path ("ok"), scheme ("http"), port (a listener's
-- name, the scheme's), host, verify (a name of the server's, "ca_pem"),
-- config (of the client, or a function that makes it of the server), size
-- (of the payload), warm (how often it publishes before, which must succeed),
-- before (a function of the server, called just before)}.

local clients = require "spec.support.client"

local PATIENCE = 10 -- seconds, where nothing should wait
local MESSAGES = 65536 -- at most: notes are not to make memory grow
local IN_GENERAL = { max_idle_time = 50, max_pool_connections = 10 }

local ONCE = { retries = { total_max_attempts = 1 } }

local runner = {}

local outcomes, messages = {}, 0

for i = 1, MESSAGES do outcomes[i] = false end

-- Over one of the transports; every send is counted, and a sleep only noted.
---@param new function that makes a transport
---@param options table|nil of it
function runner.transport(new, options)
  local real = new(options or IN_GENERAL)
  local transport = { attempts = 0, slept = 0, real = real }
  function transport:send(request)
    self.attempts = self.attempts + 1
    return real:send(request)
  end
  function transport:sleep(seconds) self.slept = self.slept + seconds end
  function transport.now() return real:now() end
  function transport.monotonic() return real:monotonic() end
  function transport.close() real:close() end
  return transport
end

local function config_of(server, how, changes)
  local config = { connect_timeout = PATIENCE, read_timeout = PATIENCE }
  local own = how.config or {}
  if type(own) == "function" then own = own(server) end
  for name, value in next, own do config[name] = value end
  for name, value in next, changes or {} do config[name] = value end
  return config
end

-- A client of its own: what one call leaves in a client, the next one would
-- see.
local function client_of(transport, server, how, changes)
  local scheme = how.scheme or "http"
  local url = ("%s://%s:%d/%s"):format(scheme, how.host or "127.0.0.1",
    server[how.port or scheme], how.path or "ok")
  return clients.at(url, {
    transport = transport, verify = server[how.verify or "ca_pem"],
    config = config_of(server, how, changes),
  })
end

-- Its id is in the topic, that comes first, and at the payload's beginning.
local function send(client, size)
  local n = messages + 1
  messages = n
  local id = ("id-%d."):format(n)
  local response, err = client:try("publish", {
    topic = id, payload = id .. ("x"):rep(size or 0),
  })
  outcomes[n] = response and "success" or err.delivery
  return response, err
end

---@param changes table|nil of the configuration
function runner.publish(transport, server, how, changes)
  local client = client_of(transport, server, how, changes)
  for _ = 1, how.warm or 0 do
    local response, err = send(client)
    assert(response, tostring(err))
  end
  if how.before then how.before(server) end
  transport.attempts = 0
  local start = transport:monotonic()
  local response, err = send(client, how.size)
  return {
    seconds = transport:monotonic() - start,
    attempts = transport.attempts, slept = transport.slept,
    name = err and err.name,
    code = err and err.response and err.response.Error.Code,
    delivery = response and "success" or err.delivery,
  }
end

function runner.play(new, server, how)
  local transport = runner.transport(new)
  local result = runner.publish(transport, server, how)
  transport.close()
  return result
end

---@param fault table of spec/faults.lua
function runner.run(transport, server, fault, times)
  for _ = 1, times do
    runner.publish(transport, server, fault[2], fault.quick or ONCE)
  end
end

function runner.told()
  local told = {}
  for id = 1, messages do told[id] = outcomes[id] end
  return told
end

return runner
