-- A queue in a real nginx: messages from log_by_lua and every other phase,
-- through the end of the worker and a reload.

local nginx = require "spec.support.nginx"
local server = require "spec.support.server"

-- Once is enough: nginx has LuaJIT, whatever Lua we are.
if not nginx.is_there() then
  pending "a queue in a real nginx needs LuaJIT, nginx and its module for Lua"
  return
end

local PATIENCE = 20 -- seconds

-- ---- the service: counts what arrives ----

-- Each message is one request, whose path is the message.
local service_lua = [[
local counts = ngx.shared.counts
local service = {}

function service.take()
  local now = counts:incr("now", 1, 0)
  counts:set("most", math.max(counts:get("most") or 0, now))
  ngx.sleep(tonumber(counts:get("delay")) or 0)
  counts:incr("now", -1)
  counts:incr("of " .. ngx.var.uri, 1, 0)
  counts:incr("total", 1, 0)
  ngx.print("ok")
end

-- Answers when a count has got there, or with what it is after all.
function service.wait()
  local name, expected = ngx.var.arg_name, tonumber(ngx.var.arg_value)
  for _ = 1, 2000 do
    if (counts:get(name) or 0) >= expected then break end
    ngx.sleep(0.005)
  end
  ngx.print(counts:get(name) or 0)
end

function service.get()
  ngx.print(counts:get(ngx.unescape_uri(ngx.var.arg_name)) or 0)
end

function service.set()
  counts:set(ngx.var.arg_name, ngx.var.arg_value)
  ngx.print("ok")
end

local function ask(port, path)
  local socket = ngx.socket.tcp()
  socket:settimeout(10000)
  assert(socket:connect("127.0.0.1", port))
  assert(socket:send("GET " .. path .. " HTTP/1.0\r\n\r\n"))
  local answer = assert(socket:receive "*a")
  socket:close()
  return answer:find("200 OK", 1, true)
end

-- Asks another for /message?N, from so many threads at once.
function service.load()
  local port, n = tonumber(ngx.var.arg_port), tonumber(ngx.var.arg_n)
  local number = 0
  local function work()
    while number < n do
      number = number + 1
      if ask(port, "/message?" .. number) then counts:incr("asked", 1, 0) end
    end
  end
  for _ = 1, tonumber(ngx.var.arg_threads) do ngx.timer.at(0, work) end
  ngx.print("ok")
end

return service
]]

-- A module for all that runs in a worker.
local function module(name, code)
  return ("init_by_lua_block { package.loaded.%s = (function() %s end)() }")
    :format(name, code)
end

local function location(name)
  return ("location = /%s { content_by_lua_block { require'service'.%s() } }")
    :format(name, name)
end

local function start_service()
  return nginx.start {
    http = "lua_shared_dict counts 4m; keepalive_requests 1000000;"
      .. module("service", service_lua),
    locations = location "wait" .. location "get" .. location "set"
      .. location "load"
      .. "location / { content_by_lua_block { require'service'.take() } }",
  }
end

-- ---- the nginx with the queue ----

local publisher_lua = [[
local queue = require "iotdataplane.queue"

local PORT = {port}

local function send(request)
  local socket = ngx.socket.tcp()
  socket:settimeout(10000)
  local ok, err = socket:connect("127.0.0.1", PORT)
  if not ok then return nil, "connect: " .. err end
  ok, err = socket:send("GET /m/" .. request
    .. " HTTP/1.1\r\nHost: x\r\n\r\n")
  if not ok then return nil, "send: " .. err end
  local line, length = nil, 0
  repeat
    line, err = socket:receive "*l"
    if not line then return nil, "receive: " .. err end
    if line:find "^Transfer" then length = nil end
  until line == ""
  repeat
    line, err = socket:receive "*l"
    if not line then return nil, "receive: " .. err end
  until length or line == "0"
  socket:receive "*l"
  socket:setkeepalive()
  return true
end

local q = queue.new {
  send = send, monotonic = ngx.now,
  log = function(_, message) ngx.log(ngx.ERR, message) end,
  {options}
}

local publisher = {}

function publisher.push(request)
  local ok, err = q:push(request)
  if not ok then return tostring(err) end
end

function publisher.push_many(from, to)
  for i = from, to do publisher.push(tostring(i)) end
end

function publisher.print_stats()
  local stats = q:stats()
  for _, name in ipairs { "waiting", "in_flight", "sent", "failed",
                          "dropped", "refused" } do
    ngx.print(name, " ", stats[name], "\n")
  end
end

{init}

return publisher
]]

-- options.queue are fields of queue.new's.
local function start_publisher(service, options)
  local code = publisher_lua:gsub("{(%l+)}", {
    port = service.port, options = options.queue or "concurrency = 10",
    init = options.init or "",
  })
  return nginx.start {
    main = options.main,
    http = module("publisher", code) .. (options.http or ""),
    locations = (options.locations or "") .. [[
      location = /stats {
        content_by_lua_block { require"publisher".print_stats() }
      }
      location = /many {
        content_by_lua_block {
          local from, to = tonumber(ngx.var.arg_from), tonumber(ngx.var.arg_to)
          require"publisher".push_many(from, to)
          ngx.print "ok"
        }
      }
    ]],
  }
end

-- ---- both ----

local function ask(whom, path)
  local body, status = whom:get(path)
  assert.equal(200, status)
  return body
end

-- Tells the worker to end when it has done its work, and waits for that.
local function quit(whom)
  local worker = whom:worker()
  assert(server.run("kill -QUIT " .. worker))
  assert(server.run(("timeout %d tail -s 0.02 -f --pid=%d /dev/null")
    :format(PATIENCE, worker)), "the worker did not exit")
end

local log_location = [[
  location = /message {
    content_by_lua_block { ngx.print "ok" }
    log_by_lua_block { require"publisher".push(ngx.var.args) }
  }
]]

describe("a queue in a real nginx", function()
  local service, publisher

  before_each(function() service = start_service() end)

  after_each(function()
    if publisher then publisher:stop() end
    service:stop()
    publisher = nil
  end)

  local function start(options)
    publisher = start_publisher(service, options)
  end

  local function set(name, value)
    ask(service, ("/set?name=%s&value=%s"):format(name, value))
  end

  local function count(name)
    return tonumber(ask(service, "/get?name=" .. name))
  end

  local function wait(name, value)
    return tonumber(ask(service,
      ("/wait?name=%s&value=%d"):format(name, value)))
  end

  local function load(n, threads)
    ask(service, ("/load?port=%d&n=%d&threads=%d")
      :format(publisher.port, n, threads))
  end

  -- All that was pushed came, each once.
  local function assert_arrived(from, to)
    assert.equal(to - from + 1, wait("total", to - from + 1))
    for i = from, to do assert.equal(1, count("of%20/m/" .. i), i) end
  end

  local function stat(name)
    return tonumber(ask(publisher, "/stats"):match(name .. " (%d+)"))
  end

  it("sends what log_by_lua publishes", function()
    start { locations = log_location }
    load(500, 8)
    assert_arrived(1, 500)
    assert.equal(0, stat "waiting")
    assert.equal(0, stat "failed")
    assert.same({}, publisher:warnings())
  end)

  it("takes messages in every phase", function()
    local function push(phase, n)
      return ("%s_by_lua_block { require'publisher'.push('%d') }\n")
        :format(phase, n)
    end
    start {
      http = push("init_worker", 1),
      locations = "location = /phases { set_by_lua_block $x { "
        .. "require'publisher'.push('2') return 1 }"
        .. push("rewrite", 3) .. push("access", 4) .. push("header_filter", 5)
        .. [[body_filter_by_lua_block {
          if ngx.arg[2] then require'publisher'.push('6') end
        }
        content_by_lua_block {
          require'publisher'.push('7')
          ngx.timer.at(0, function() require'publisher'.push('8') end)
          ngx.print "ok"
        }]] .. push("log", 9) .. "}",
    }
    ask(publisher, "/phases")
    assert_arrived(1, 9)
    assert.same({}, publisher:warnings())
  end)

  it("refuses in init_by_lua and exit_worker_by_lua", function()
    start {
      init = "publisher.reason = publisher.push 'init'",
      http = [[
        exit_worker_by_lua_block {
          ngx.log(ngx.WARN, require"publisher".push "exit")
        }
      ]],
      locations = [[location = /refused {
        content_by_lua_block { ngx.print(require"publisher".reason) }
      }]],
    }
    local reason = ask(publisher, "/refused")
    assert.truthy(reason:find("^RuntimeError: init_by_lua cannot"), reason)
    quit(publisher)
    assert.equal(1, #publisher:warnings())
    assert.truthy(publisher:warnings()[1]:find(
      "RuntimeError: exit_worker_by_lua cannot", 1, true))
  end)

  it("has never more in flight than it may", function()
    start { queue = "concurrency = 3", locations = log_location }
    set("delay", 0.01)
    ask(publisher, "/many?from=1&to=50")
    load(200, 16)
    assert.equal(250, wait("total", 250))
    assert.equal(3, count "most")
  end)

  it("sends more at once as more comes", function()
    start { queue = "concurrency = 40", locations = log_location }
    set("delay", 0.2)
    load(200, 1) -- one after the other: each finds the others in flight
    assert.equal(200, wait("total", 200))
    local most = count "most"
    assert.is_true(most > 16 and most <= 40, most)
    assert.same({}, publisher:warnings())
  end)

  it("that is full refuses", function()
    start {
      queue = "concurrency = 1, max_messages = 5",
      locations = [[location = /full {
        content_by_lua_block {
          local publisher = require "publisher"
          publisher.push_many(1, 7)
          ngx.print(publisher.push "8")
        }
      }]],
    }
    assert.equal("RuntimeError: the queue is full: 5 messages wait",
                 ask(publisher, "/full"))
    assert_arrived(1, 5)
    assert.equal(3, stat "refused")
  end)

  it("that is full drops the oldest where that is wanted", function()
    start {
      queue = "concurrency = 1, max_messages = 5, overflow = 'drop_oldest'",
      locations = "",
    }
    ask(publisher, "/many?from=1&to=8")
    assert_arrived(4, 8)
    assert.equal(3, stat "dropped")
  end)

  it("is sent before a worker exits", function()
    start { queue = "concurrency = 2", locations = "" }
    set("delay", 0.02)
    ask(publisher, "/many?from=1&to=60")
    quit(publisher)
    assert.is_true(wait("total", 1) >= 58) -- it has waited for them
    assert_arrived(1, 60)
    assert.same({}, publisher:warnings())
  end)

  it("is sent before a worker exits that had no timer for it", function()
    start {
      init = [[
        local at = ngx.timer.at
        ngx.timer.at = function(delay, ...)
          if delay == 0 then return nil, "too many pending timers" end
          return at(delay, ...)
        end
      ]],
    }
    ask(publisher, "/many?from=1&to=30")
    assert.equal(0, count "total")
    quit(publisher)
    assert_arrived(1, 30)
    assert.equal(1, #publisher:warnings())
  end)

  it("is sent though worker_shutdown_timeout passes", function()
    start {
      queue = "concurrency = 2", locations = "",
      main = "worker_shutdown_timeout 100ms;",
    }
    set("delay", 0.02)
    ask(publisher, "/many?from=1&to=40")
    quit(publisher)
    assert_arrived(1, 40)
  end)

  it("loses nothing when nginx reloads", function()
    start { locations = log_location }
    set("delay", 0.005)
    load(3000, 16)
    for total = 500, 2500, 500 do
      assert.is_true(wait("total", total) >= total)
      publisher:reload()
    end
    assert.equal(3000, wait("asked", 3000))
    assert_arrived(1, 3000)
    assert.is_true(count "most" <= 60)
    assert.same({}, publisher:warnings())
  end)
end)
