-- upstream.lua - runs upstream.py, and asks it what it has counted
--
--   local service = require "spec.support.upstream".start()
--   service:ask("/_set?delay=%g", 0.2)   what it answers, decoded
--   service.http                         its port
--   service.transport                    through which it is asked
--   service:stop()

local ask = require "spec.support.ask"
local cjson = require "cjson"
local curl = require "iotdataplane.transport.curl"
local server = require "spec.support.server"

local PATIENCE = 60 -- seconds: it answers some only when all has come

local Upstream = {}
Upstream.__index = Upstream

function Upstream:ask(target, ...)
  local body, status = ask(self.transport, self.http, target:format(...), {
    connect_timeout = PATIENCE, read_timeout = PATIENCE, replay = false,
  })
  assert(status == 200, body)
  return cjson.decode(body)
end

function Upstream:stop()
  self.transport:close()
  self.server:stop()
end

local upstream = {}

function upstream.start()
  local started = server.start "upstream.py"
  return setmetatable({
    server = started, http = started.http,
    transport = curl { max_idle_time = 50, max_pool_connections = 1 },
  }, Upstream)
end

return upstream
