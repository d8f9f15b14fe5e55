-- ask.lua - asks a server of the specs' own over HTTP
--
--   local ask = require "spec.support.ask"
--   ask(transport, port, "/path?query")                body, status
--   ask(transport, port, "/path", { method = "POST" })
--                                    and what else of a request is different

local PATIENCE = 10 -- seconds

return function(transport, port, target, changes)
  local request = {
    method = "GET", scheme = "http", host = "127.0.0.1", port = port,
    path = target:match "^[^?]*", query = target:match "%?(.*)" or "",
    headers = { { "host", "control" } }, body = "",
    connect_timeout = PATIENCE, read_timeout = PATIENCE, replay = true,
    tls = {}, tcp_keepalive = false,
  }
  for name, value in next, changes or {} do request[name] = value end
  local response, failure = transport:send(request)
  assert(response, failure and failure.message)
  return response.body, response.status
end
