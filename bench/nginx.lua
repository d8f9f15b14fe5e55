-- nginx.lua - the work of bench/nginx.conf: publishes of a client in a worker
-- and through a bare cosocket, and the load that another worker makes
--
-- Times are CPU times of the worker: nothing else runs in it meanwhile.

-- luacheck: globals ngx

local core = require "iotdataplane.core"
local iotdataplane = require "iotdataplane"
local stub = require "iotdataplane.transport.stub"

local clock = os.clock

local IN_FLIGHT = 64
local PORT = tonumber(os.getenv "BENCH_PORT")
local MESSAGE = { topic = "sensors/1", qos = 1, payload = "21.5" }

local function new_client(transport)
  return iotdataplane.client{
    region_name = "us-east-1", transport = transport,
    endpoint_url = "http://127.0.0.1:" .. PORT,
    aws_access_key_id = "AKIDEXAMPLE",
    aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    config = {
      max_pool_connections = IN_FLIGHT, queue = { max_messages = 100000 },
    },
  }
end

local client = new_client()

---The bytes that the client sends.
local function presigned()
  local transport = stub()
  new_client(transport):publish(MESSAGE)
  local request = transport.requests[1]
  return core.write_request(request.method, request.path, request.query,
    request.headers, request.body)
end

-- ---- what is compared ----

local function connect()
  local sock = ngx.socket.tcp()
  sock:settimeouts(5000, 5000, 5000)
  assert(sock:connect("127.0.0.1", PORT))
  return sock
end

---The server's answers are all of one length.
local function prepare()
  local sock, bytes = connect(), presigned()
  assert(sock:send(bytes))
  return sock, bytes, #assert(sock:receiveany(4096))
end

local work = {}

---One connection for all.
function work.bare(n)
  local sock, bytes, size = prepare()
  local began = clock()
  for _ = 1, n do
    sock:send(bytes)
    assert(sock:receive(size))
  end
  local ended = clock()
  sock:close()
  return ended - began
end

---The connection goes to nginx's pool after each, as a handler's must.
function work.pooled(n)
  local sock, bytes, size = prepare()
  sock:setkeepalive()
  local began = clock()
  for _ = 1, n do
    sock = connect()
    sock:send(bytes)
    assert(sock:receive(size))
    sock:setkeepalive()
  end
  return clock() - began
end

---One connection, and each answer read as any program must that does not
---know it beforehand: status line, headers, body.
function work.lines(n)
  local sock, bytes = prepare()
  local began = clock()
  for _ = 1, n do
    sock:send(bytes)
    local headers = {}
    local status = assert(sock:receive "*l"):match "^HTTP/1.1 (%d+)"
    for line in function() return assert(sock:receive "*l") end do
      if line == "" then break end
      local name, value = line:match "^([^:]+):%s*(.*)"
      headers[name:lower()] = value
    end
    local body = sock:receive(tonumber(headers["content-length"]))
    assert(status == "200" and body)
  end
  local ended = clock()
  sock:close()
  return ended - began
end

function work.publish(n)
  client:publish(MESSAGE)
  local began = clock()
  for _ = 1, n do client:publish(MESSAGE) end
  return clock() - began
end

-- ---- the locations ----

local bench = {}

function bench.measure()
  local n = tonumber(ngx.var.arg_n)
  ngx.say(("%.4f"):format(work[ngx.var.arg_what](n) / n * 1e6))
end

function bench.ok()
  ngx.header.content_length = 2
  ngx.print "ok"
end

function bench.publish()
  client:publish(MESSAGE)
  bench.ok()
end

local bytes, size

---What bench.publish does, without a client.
function bench.bare()
  local sock
  if not bytes then
    sock, bytes, size = prepare()
    sock:close()
  end
  sock = connect()
  assert(sock:send(bytes))
  assert(sock:receive(size))
  sock:setkeepalive(50000, IN_FLIGHT)
  bench.ok()
end

---CPU seconds of this worker, so far.
function bench.clock()
  ngx.say(("%.6f"):format(clock()))
end

local spent, calls = 0, 0

---In log_by_lua.
function bench.later()
  local began = clock()
  client:publish_later(MESSAGE)
  spent, calls = spent + (clock() - began), calls + 1
end

---What publish_later has taken a call, once all is sent.
function bench.later_time()
  while client:queue_stats().waiting > 0 do ngx.sleep(0.01) end
  ngx.say(("%.4f"):format(spent / calls * 1e6))
  spent, calls = 0, 0
end

---Resident memory in kB.
function bench.resident()
  local file = assert(io.open "/proc/self/status")
  ngx.say(file:read "*a":match "VmRSS:%s*(%d+)")
  file:close()
end

-- ---- the load ----

local function ask(path)
  local sock = ngx.socket.tcp()
  sock:settimeouts(5000, 5000, 60000)
  assert(sock:connect("unix:" .. ngx.var.arg_socket))
  assert(sock:send("GET " .. path .. " HTTP/1.1\r\nHost: bench\r\n\r\n"))
  local head = assert(sock:receiveuntil "\r\n\r\n"())
  assert(head:find("^HTTP/1.1 200"), head)
  assert(sock:receive(tonumber(head:match "[Ll]ength: (%d+)")))
  assert(sock:setkeepalive(60000, IN_FLIGHT))
end

---Asks for a path so many times, from so many light threads.
function bench.load()
  local left = tonumber(ngx.var.arg_n)
  local function run()
    while left > 0 do
      left = left - 1
      ask(ngx.var.arg_path)
    end
  end
  local threads = {}
  for i = 1, tonumber(ngx.var.arg_threads) do
    threads[i] = ngx.thread.spawn(run)
  end
  for _, thread in ipairs(threads) do
    local ok, err = ngx.thread.wait(thread)
    assert(ok, err)
  end
  ngx.say "done"
end

return bench
