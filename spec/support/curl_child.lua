-- curl_child.lua - what a spec of the curl transport does in a process of
-- its own: lua curl_child.lua WHAT ARGUMENT...

local name = os.getenv "TRANSPORT" or "curl"
local new = require("iotdataplane.transport." .. name)

local PATIENCE = 10 -- seconds, where nothing should wait

local transport = new { max_idle_time = 50, max_pool_connections = 10 }

local function get(scheme, port, path, ca, read_timeout)
  return transport:send {
    method = "GET", scheme = scheme, host = "localhost", port = tonumber(port),
    path = path, query = "", headers = { { "host", "localhost" } },
    body = "", connect_timeout = PATIENCE,
    read_timeout = read_timeout or PATIENCE,
    replay = false, tls = { verify = ca },
  }
end

local function status_of(...)
  local response, failure = get(...)
  return response and response.status or failure.name
end

local function say(...)
  print(...)
  io.stdout:flush()
end

local what = {}

local function client_of(url)
  return require "iotdataplane".client {
    endpoint_url = url, region_name = "eu-west-1", transport = name,
    aws_access_key_id = "AKID", aws_secret_access_key = "secret",
    config = {
      read_timeout = PATIENCE, retries = { total_max_attempts = 1 },
    },
  }
end

-- Publish, and catch nothing.
function what.publish(url)
  client_of(url):publish { topic = "a" }
end

-- Says how many of a hundred went well, and how many not.
function what.count(url)
  local source = {}
  for i = 1, 100 do source[i] = { topic = "a", payload = tostring(i) } end
  local summary = client_of(url):publish_many(source, { concurrency = 100 })
  say("count", summary.succeeded, summary.failed)
end

function what.publish_many(url)
  client_of(url):publish_many(function() return { topic = "a" } end)
end

-- Catches, and goes on.
function what.catch(scheme, port, path, good_port)
  say("caught", pcall(get, scheme, port, path))
  say("then", status_of("http", good_port, "/ok"))
end

function what.get(scheme, port, path, ca, read_timeout)
  say(status_of(scheme, port, path, ca, tonumber(read_timeout)))
end

function what.sleep()
  say "sleeping"
  say("caught", pcall(transport.sleep, transport, PATIENCE))
end

function what.get_both(http, https, ca)
  say(status_of("http", http, "/ok"), status_of("https", https, "/ok", ca))
end

-- LuaJIT's, the only Lua that can fork.
local function fork(child)
  local ffi = require "ffi"
  ffi.cdef "int fork(void); int waitpid(int, int *, int);"
  local pid = ffi.C.fork()
  if pid == 0 then
    child()
    os.exit(0, true)
  end
  ffi.C.waitpid(pid, nil, 0)
end

local in_child = {}

function in_child.sends(https, ca)
  status_of("https", https, "/echo", ca)
end

function in_child.closes()
  transport:close()
end

function in_child.collects()
  transport = nil
  collectgarbage()
  collectgarbage()
end

function in_child.exits() end

function what.fork(how, https, ca)
  local before = status_of("https", https, "/ok", ca)
  fork(function() in_child[how](https, ca) end)
  say(before, status_of("https", https, "/ok", ca))
end

local arguments = { ... }
-- The spec knows us by this.
say(io.open("/proc/self/stat"):read("*n"))
what[arguments[1]]((table.unpack or unpack)(arguments, 2)) -- luacheck: std max
