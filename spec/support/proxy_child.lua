-- proxy_child.lua - asks through a proxy, in a process whose environment has
-- proxies of its own: lua proxy_child.lua SCHEME PORT PATH CA PROXY_PORT

local new = require "iotdataplane.transport.curl"

local scheme, port, path, ca, proxy_port = ...

local response, failure =
  new { max_idle_time = 50, max_pool_connections = 10 }:send {
    method = "GET", scheme = scheme, host = "localhost", port = tonumber(port),
    path = path, query = "", headers = { { "host", "localhost" } }, body = "",
    connect_timeout = 10, read_timeout = 10, replay = false,
    tls = { verify = ca },
    proxy = { scheme = "http", host = "127.0.0.1",
              port = tonumber(proxy_port) },
  }
print(response and response.status or failure.name)
