-- scripted.lua - a service that answers as it is told: see scripted.py.
--
--   local service = require "spec.support.scripted".start(transport)
--   service:script { { status = 200, body = {...} }, { fail = "hang" } }
--   service:requests()   -> what was asked since, and forgets it: a list of
--                           {method, target, headers = {{name, value}}, body,
--                           port, tls, client}
--   service.http, .https, .mtls, .closed (ports), .ca_pem, .client_pem,
--   .client_key; service:stop()

local ask = require "spec.support.ask"
local cjson = require "cjson"
local server = require "spec.support.server"

local methods = {}

-- Answers to come; those that were still to come, or hang, are over.
function methods:script(answers)
  ask(self.transport, self.http, "/_script", {
    method = "POST", body = #answers == 0 and "[]" or cjson.encode(answers),
  })
end

function methods:requests()
  return cjson.decode((ask(self.transport, self.http, "/_requests")))
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
