-- scripted.lua - a service that answers as it is told: see scripted.py.
--
--   local service = require "spec.support.scripted".start(transport)
--   service:script { { status = 200, body = {...} }, { fail = "hang" } }
--   service:requests()   -> what was asked since, and forgets it: a list of
--                           {method, target, headers = {{name, value}}, body,
--                           port, tls, client}
--   service.http, .https, .mtls, .closed (ports), .ca_pem, .client_pem,
--   .client_key; service:stop()

local cjson = require "cjson"
local server = require "spec.support.server"

local PATIENCE = 10 -- seconds

local methods = {}

local function ask(self, method, path, body)
  local response, failure = self.transport:send {
    method = method, scheme = "http", host = "127.0.0.1", port = self.http,
    path = path, query = "", headers = { { "host", "control" } },
    body = body or "", connect_timeout = PATIENCE, read_timeout = PATIENCE,
    replay = true, tls = {}, tcp_keepalive = false,
  }
  assert(response, failure and failure.message)
  return response.body
end

-- Answers to come; those that were still to come, or hang, are over.
function methods:script(answers)
  ask(self, "POST", "/_script",
    #answers == 0 and "[]" or cjson.encode(answers))
end

function methods:requests()
  return cjson.decode(ask(self, "GET", "/_requests"))
end

local scripted = {}

-- The transport through which it is told: another than the one under test.
function scripted.start(transport)
  local started = server.start "scripted.py"
  local stop = getmetatable(started).__index
  started.transport = transport
  return setmetatable(started, { __index = function(_, name)
    return methods[name] or stop[name]
  end })
end

return scripted
