-- nginx_phases.lua - what comes of sending in each of nginx's phases; runs in
-- a worker, for spec/transport/nginx_spec.lua

local auto = require "iotdataplane.transport.auto"
local cjson = require "cjson"

-- luacheck: read globals ngx

local THREADS, TIMES = 8, 25

local phases = {}

local hosts, transport
local results = {}

local function request(scheme, path)
  return {
    method = "POST", scheme = scheme, host = "127.0.0.1",
    port = math.floor(hosts[scheme]), path = path, query = "",
    headers = { { "host", "here" } }, body = "x", connect_timeout = 10,
    read_timeout = 10, replay = true,
    -- libcurl needs to be told the bundle
    tls = { verify = hosts.ca_pem }, tcp_keepalive = false,
  }
end

-- In init_by_lua, where a client is made.
function phases.init(path)
  local file = assert(io.open(path))
  hosts = cjson.decode(file:read "*a")
  file:close()
  transport = auto { max_idle_time = 50, max_pool_connections = 3 }
  phases.try "init"
end

-- Notes which transport it was, or what was raised.
function phases.try(phase)
  local ok, response, failure = pcall(transport.send, transport,
                                      request("http", "/ok"))
  if not ok then
    results[phase] = response
  elseif not response then
    results[phase] = failure.name .. ": " .. failure.message
  else
    results[phase] = (transport.last == transport.nginx and "nginx " or
      "curl ") .. response.status .. " " .. transport:connection()
  end
  -- in every phase
  assert(math.abs(transport:now() - os.time()) < 2)
  assert(transport:monotonic() <= transport:monotonic())
end

function phases.try_timer()
  assert(ngx.timer.at(0, function() phases.try "timer" end))
end

function phases.tell()
  ngx.print(cjson.encode(results))
end

-- Many at once, as in production; sleeping and closing, too. The server tires
-- of a connection now and then.
function phases.work()
  local count = 0
  local function run(i)
    for n = 1, TIMES do
      local path = n % 10 == 0 and "/closes_after" or "/ok"
      local response, failure =
        transport:send(request(i % 2 == 0 and "https" or "http", path))
      assert(response and response.status == 200, failure and failure.message)
      transport:sleep(n % 2 * 0.001)
      count = count + 1
    end
  end
  local threads = {}
  for i = 1, THREADS do threads[i] = ngx.thread.spawn(run, i) end
  for _, thread in ipairs(threads) do assert(ngx.thread.wait(thread)) end
  transport:close()
  ngx.print(count)
end

return phases
