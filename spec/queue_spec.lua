-- A queue in plain Lua, and in an nginx that is made of tables; see
-- spec/nginx/queue_spec.lua for the real one.

local queue = require "iotdataplane.queue"

local unpack = table.unpack or unpack -- luacheck: ignore

-- nginx has LuaJIT alone; PUC 5.1 could not run it.
local CAN_RUN_NGINX = coroutine.wrap(function()
  return (pcall(coroutine.yield, true))
end)()

-- ---- the world ----

local world

-- A queue whose messages are {request = anything}; what came through is in
-- world.sent, what was logged in world.logged. world.answer(request) says what
-- comes of each, and may yield.
local function new(options)
  options = options or {}
  return queue.new {
    max_messages = options.max_messages, overflow = options.overflow,
    concurrency = options.concurrency or 10,
    monotonic = function() return world.time end,
    log = function(level, message)
      world.logged[#world.logged + 1] = level .. ": " .. message
    end,
    send = function(item)
      local result, err = true, nil
      if world.answer then result, err = world.answer(item.request) end
      if result then world.sent[#world.sent + 1] = item.request end
      return result, err
    end,
  }
end

local function push(q, ...)
  for _, request in ipairs { ... } do
    assert(q:push { request = request })
  end
end

local function push_many(q, from, to)
  for i = from, to do push(q, tostring(i)) end
end

local function stats(expected)
  local all = { waiting = 0, in_flight = 0, sent = 0, failed = 0,
                dropped = 0, refused = 0, timer_failures = 0 }
  for name, value in pairs(expected) do all[name] = value end
  return all
end

local function numbers(from, to)
  local out = {}
  for i = from, to do out[#out + 1] = tostring(i) end
  return out
end

before_each(function()
  world = { time = 1000, sent = {}, logged = {} }
end)

local function used()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end

local ROUNDS = 3

-- KB that `run` leaves behind each time, and not only the first ones: Lua's
-- table of strings grows now and then, and LuaJIT compiles some 10 KB.
local function growth(run)
  local least
  for _ = 1, ROUNDS do
    local before = used()
    run()
    local more = used() - before
    least = least and math.min(least, more) or more
  end
  return least
end

local MUCH = 50

-- ---- in plain Lua ----

describe("a queue", function()
  it("is sent by flush, in its order", function()
    local q = new()
    push(q, "a", "b")
    assert(q:push { request = "c" })
    assert.same(stats { waiting = 3 }, q:stats())
    assert.same({}, world.sent)
    assert.same({ 3, 0 }, { q:flush() })
    assert.same({ "a", "b", "c" }, world.sent)
    assert.same(stats { sent = 3 }, q:stats())
    assert.same({ 0, 0 }, { q:flush() })
  end)

  it("is flushed for as long as it is said", function()
    local q = new()
    function world.answer()
      world.time = world.time + 1
      return true
    end
    push_many(q, 1, 5)
    assert.same({ 0, 5 }, { q:flush(0) })
    assert.same({ 3, 2 }, { q:flush(2.5) })
    assert.same({ 2, 0 }, { q:flush(100) })
    assert.same(numbers(1, 5), world.sent)
  end)

  it("that is full refuses", function()
    local q = new { max_messages = 2 }
    push(q, "a", "b")
    local ok, err = q:push { request = "c" }
    assert.is_nil(ok)
    assert.equal("RuntimeError: the queue is full: 2 messages wait",
                 tostring(err))
    assert.is_true(err:is_a "BotoCoreError")
    assert.same(stats { waiting = 2, refused = 1 }, q:stats())
    q:flush()
    push(q, "d")
    q:flush()
    assert.same({ "a", "b", "d" }, world.sent)
  end)

  it("that is full drops the oldest where that is wanted", function()
    local q = new { max_messages = 3, overflow = "drop_oldest" }
    push_many(q, 1, 8)
    assert.same(stats { waiting = 3, dropped = 5 }, q:stats())
    q:flush()
    assert.same(numbers(6, 8), world.sent)
  end)

  it("of one message drops that", function()
    local q = new { max_messages = 1, overflow = "drop_oldest" }
    push(q, "a", "b")
    q:flush()
    assert.same({ "b" }, world.sent)
  end)

  it("holds 10,000 messages, unless it is told otherwise", function()
    local q = new()
    push_many(q, 1, 10000)
    assert.is_nil(q:push { request = "" })
    assert.equal(10000, q:stats().waiting)
  end)

  it("logs what fails, each once, and goes on", function()
    local q = new()
    function world.answer(request)
      if request == "b" then return nil, "refused" end
      return true
    end
    push(q, "a", "b", "c")
    assert.same({ 2, 0 }, { q:flush() })
    assert.same({ "error: refused" }, world.logged)
    assert.same(stats { sent = 2, failed = 1 }, q:stats())
  end)

  it("takes what is raised for a failure", function()
    local q = new()
    function world.answer(request)
      if request == "a" then error("a bug", 0) end
      if request == "b" then error({}) end
      if request == "c" then error() end
      return true
    end
    push(q, "a", "b", "c", "d")
    assert.same({ 1, 0 }, { q:flush() })
    assert.same(stats { sent = 1, failed = 3 }, q:stats())
    assert.equal("error: a bug", world.logged[1])
    assert.equal(3, #world.logged)
  end)

  it("keeps count of what is raised within a coroutine", function()
    local q = new()
    function world.answer(request)
      if request == "a" then error("a bug", 0) end
      return true
    end
    push(q, "a", "b")
    coroutine.wrap(function() pcall(q.flush, q) end)()
    q:flush()
    assert.same(stats { sent = 1, failed = 1 }, q:stats())
  end)

  it("lets send yield to the caller's scheduler, in every Lua", function()
    local q = new()
    function world.answer(request)
      return coroutine.yield(request) == "yes" or nil, "it was not yes"
    end
    push(q, "a", "b")
    local flush = coroutine.wrap(function() return q:flush() end)
    assert.equal("a", flush())
    assert.equal("b", flush "yes")
    assert.same({ 1, 0 }, { flush "no" })
    assert.same({ "error: it was not yes" }, world.logged)
    assert.same(stats { sent = 1, failed = 1 }, q:stats())
  end)

  it("is sent with what is queued meanwhile", function()
    local q = new()
    function world.answer(request)
      if request == "a" then push(q, "b") end
      return true
    end
    push(q, "a")
    assert.same({ 2, 0 }, { q:flush() })
  end)

  it("keeps its order however it grows and shrinks", function()
    for size = 1, 9 do
      local q, pushed, sent = new { max_messages = size }, 0, 0
      function world.answer()
        world.time = world.time + 1
        return true
      end
      for step = 1, 200 do
        while q:stats().waiting < (step * 7) % (size + 1) do
          pushed = pushed + 1
          push(q, tostring(pushed))
        end
        sent = sent + q:flush((step * 5) % 4)
        assert.equal(pushed - sent, q:stats().waiting)
      end
      q:flush()
      assert.same(numbers(1, pushed), world.sent)
      world.sent = {}
    end
  end)

  it("leaves nothing behind, one message at a time", function()
    local q = new()
    world.sent = setmetatable({}, { __newindex = function() end })
    assert.is_true(growth(function()
      for _ = 1, 100000 do
        q:push { request = "a" }
        q:flush()
      end
    end) < MUCH)
    assert.equal(ROUNDS * 100000, q:stats().sent)
  end)

  it("leaves nothing behind after many messages", function()
    local q = new()
    world.sent = setmetatable({}, { __newindex = function() end })
    assert.is_true(growth(function()
      for _ = 1, 10 do
        for _ = 1, 10000 do q:push { request = "a" } end
        q:flush()
      end
    end) < MUCH)
    assert.equal(ROUNDS * 100000, q:stats().sent)
  end)

  it("forgets what it has sent", function()
    local q, alive = new(), setmetatable({}, { __mode = "v" })
    for i = 1, 5 do
      local item = { request = "a" }
      q:push(item)
      alive[i] = item
    end
    q:flush()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(alive))
    assert.equal(5, q:stats().sent)
  end)

  it("that is never empty does not grow", function()
    local q = new { max_messages = 100, overflow = "drop_oldest" }
    push_many(q, 1, 300)
    assert.is_true(growth(function() push_many(q, 301, 20000) end) < MUCH)
  end)
end)

if not CAN_RUN_NGINX then return end

-- ---- in an nginx of tables ----

local nginx -- {pending = timers to come, running = how many run, ...}

local function resume(co, ...)
  local ok, err = coroutine.resume(co, ...)
  assert(ok, err)
end

local function new_nginx()
  nginx = { pending = {}, running = 0, peak = 0, phase = "log",
            asleep = {}, threads = 0, in_flight = 0, most = 0 }
  local function at(delay, handler, ...)
    if nginx.phase == "init" then error "no request" end
    if nginx.is_full then return nil, "too many pending timers" end
    if nginx.is_exiting and delay > 0 then return nil, "process exiting" end
    nginx.pending[#nginx.pending + 1] =
      { at = world.time + delay, handler = handler, arguments = { ... } }
    return 1
  end
  local function spawn(f, ...)
    nginx.threads = nginx.threads + 1
    resume(coroutine.create(f), ...)
  end
  return {
    timer = { at = at }, thread = { spawn = spawn },
    worker = { exiting = function() return nginx.is_exiting or false end },
    get_phase = function() return nginx.phase end,
  }
end

-- Runs the timers that are due, or all of them where the worker exits.
local function run_timers()
  local pending, premature = nginx.pending, nginx.is_exiting or false
  nginx.pending = {}
  for _, timer in ipairs(pending) do
    if premature or timer.at <= world.time then
      resume(coroutine.create(timer.handler), premature,
             unpack(timer.arguments))
    else
      nginx.pending[#nginx.pending + 1] = timer
    end
  end
end

-- The answer takes until `wake_all`.
local function slow_answer()
  nginx.in_flight = nginx.in_flight + 1
  nginx.most = math.max(nginx.most, nginx.in_flight)
  nginx.asleep[#nginx.asleep + 1] = coroutine.running()
  coroutine.yield()
  nginx.in_flight = nginx.in_flight - 1
  return true
end

local function wake_all()
  local asleep = nginx.asleep
  nginx.asleep = {}
  for _, co in ipairs(asleep) do resume(co) end
end

local function run_all()
  repeat
    run_timers()
    wake_all()
  until #nginx.asleep == 0
    and (not nginx.pending[1] or nginx.pending[1].at > world.time)
end

local function count_senders()
  local n = 0
  for _, timer in ipairs(nginx.pending) do
    if timer.at <= world.time then n = n + 1 end
  end
  return n
end

describe("a queue in nginx", function()
  local real_ngx

  setup(function() real_ngx = rawget(_G, "ngx") end)
  before_each(function() rawset(_G, "ngx", new_nginx()) end)
  after_each(function() rawset(_G, "ngx", real_ngx) end)

  it("is sent by one timer", function()
    local q = new()
    push(q, "a", "b", "c")
    assert.same({}, world.sent)
    assert.equal(1, count_senders())
    run_timers()
    assert.same({ "a", "b", "c" }, world.sent)
    assert.same(stats { sent = 3 }, q:stats())
    assert.equal(0, count_senders())
    push(q, "d")
    run_timers()
    assert.equal("d", world.sent[4])
  end)

  it("has no timer for long when nothing waits", function()
    push(new(), "a")
    run_timers()
    world.time = world.time + 100
    run_timers()
    assert.same({}, nginx.pending)
  end)

  it("has no more messages in flight than it may", function()
    world.answer = slow_answer
    local q = new { concurrency = 3 }
    push_many(q, 1, 10)
    run_timers()
    assert.same(stats { in_flight = 3, waiting = 7 }, q:stats())
    push_many(q, 11, 20)
    run_timers()
    assert.same({ 0, 17 }, { q:flush() })
    assert.equal(3, nginx.in_flight)
    run_all()
    assert.equal(3, nginx.most)
    assert.same(stats { sent = 20 }, q:stats())
    assert.same(numbers(1, 20), world.sent)
  end)

  it("sends what is queued while others are in flight", function()
    world.answer = slow_answer
    local q = new { concurrency = 3 }
    for i = 1, 3 do
      push(q, tostring(i))
      run_timers()
      assert.equal(i, nginx.in_flight)
    end
    push(q, "4")
    assert.equal(0, count_senders())
    run_all()
    assert.equal(4, q:stats().sent)
  end)

  it("does not take nginx's timers from others", function()
    world.answer = slow_answer
    local q = new { concurrency = 50 }
    for i = 1, 60 do
      push(q, tostring(i))
      run_timers()
    end
    assert.equal(16, nginx.in_flight)
    resume(table.remove(nginx.asleep)) -- who is done calls the others
    assert.equal(50, nginx.in_flight)
    run_all()
    assert.equal(60, q:stats().sent)
    assert.equal(50, nginx.most)
  end)

  it("goes on in another timer now and then", function()
    world.answer = slow_answer
    local q, timers, most = new { concurrency = 4 }, 0, 0
    push_many(q, 1, 2000)
    local at = rawget(_G, "ngx").timer.at
    rawget(_G, "ngx").timer.at = function(delay, ...)
      if delay == 0 then
        timers, most = timers + 1, math.max(most, nginx.threads)
        nginx.threads = 0
      end
      return at(delay, ...)
    end
    run_all()
    assert.same(numbers(1, 2000), world.sent)
    assert.equal(4, nginx.most)
    assert.is_true(timers >= 10 and timers <= 40, timers)
    assert.is_true(most <= 200, most)
  end)

  it("goes on in its timer where there is no other", function()
    local q = new()
    push_many(q, 1, 500)
    local timer = table.remove(nginx.pending, 1)
    nginx.is_full = true
    nginx.pending[1] = timer
    run_timers()
    assert.equal(500, q:stats().sent)
  end)

  it("asks again where nginx has no timer to give", function()
    local q = new()
    nginx.is_full = true
    push(q, "a", "b")
    assert.same({ "warning: no timer to send what waits: "
      .. "too many pending timers" }, world.logged)
    assert.same(stats { waiting = 2, timer_failures = 2 }, q:stats())
    nginx.is_full = false
    push(q, "c")
    run_timers()
    assert.same({ "a", "b", "c" }, world.sent)
    nginx.is_full = true
    push(q, "d")
    assert.equal(2, #world.logged)
  end)

  it("outlives a raising timer.at", function()
    local q = new()
    rawget(_G, "ngx").timer.at = function() error("API disabled", 0) end
    push(q, "a")
    assert.same({ "warning: no timer to send what waits: API disabled" },
                world.logged)
  end)

  it("has what a flush leaves sent by a timer", function()
    local q = new { concurrency = 1 }
    function world.answer(request)
      if request == "a" then push(q, "b") end -- nobody else may send it yet
      world.time = world.time + 10
      return true
    end
    push(q, "a")
    nginx.pending = {}
    assert.same({ 1, 1 }, { q:flush(5) })
    run_timers()
    assert.same({ "a", "b" }, world.sent)
  end)

  it("asks again where a timer never comes", function()
    local q = new()
    push(q, "a")
    nginx.pending = {}
    push(q, "b")
    assert.equal(0, count_senders())
    world.time = world.time + 1
    push(q, "c")
    run_timers()
    assert.same({ "a", "b", "c" }, world.sent)
  end)

  it("is looked after where a timer never comes", function()
    push(new(), "a")
    assert.equal(1, count_senders())
    table.remove(nginx.pending, 1)
    world.time = world.time + 4
    run_timers()
    assert.same({}, world.sent)
    world.time = world.time + 1
    run_timers()
    assert.same({ "a" }, world.sent)
  end)

  it("is sent when the worker exits", function()
    world.answer = slow_answer
    local q = new { concurrency = 2 }
    push_many(q, 1, 5)
    nginx.is_exiting = true
    run_timers()
    assert.equal(2, nginx.in_flight)
    push(q, "6")
    run_all()
    assert.same(numbers(1, 6), world.sent)
    push(q, "7")
    run_all()
    assert.equal(7, q:stats().sent)
    assert.same({}, world.logged)
    assert.equal(0, q:stats().timer_failures)
  end)

  it("does not keep an exiting worker for ever", function()
    local q = new()
    function world.answer(request)
      world.time = world.time + 10
      return request == "3" or nil, "unreachable"
    end
    push_many(q, 1, 20)
    nginx.is_exiting = true
    run_timers()
    assert.same(stats { sent = 1, failed = 8, dropped = 11 }, q:stats())
    assert.equal(9, #world.logged)
    assert.equal("error: the worker exits: 11 messages were not sent",
                 world.logged[9])
    assert.same({ "3" }, world.sent)
  end)

  it("is patient with a slow service in a worker that exits", function()
    local q = new()
    function world.answer()
      world.time = world.time + 50
      return true
    end
    push_many(q, 1, 20)
    nginx.is_exiting = true
    run_timers()
    assert.equal(20, q:stats().sent)
  end)

  it("goes on after what was raised", function()
    local q = new { concurrency = 1 }
    function world.answer(request)
      if request == "a" then error("a bug", 0) end
      return slow_answer()
    end
    push(q, "a", "b")
    run_all()
    assert.same(stats { sent = 1, failed = 1 }, q:stats())
    assert.same({ "error: a bug" }, world.logged)
  end)

  for _, phase in ipairs { "init", "exit_worker" } do
    it("refuses in " .. phase, function()
      local q = new()
      nginx.phase = phase
      local ok, err = q:push { request = "a" }
      assert.is_nil(ok)
      assert.equal("RuntimeError", err.name)
      assert.truthy(err.message:find(phase .. "_by_lua", 1, true))
      assert.same(stats { refused = 1 }, q:stats())
      nginx.phase = "init_worker"
      push(q, "b")
      run_timers()
      assert.same({ "b" }, world.sent)
    end)
  end

  it("takes a message in every phase where timers are", function()
    local q = new()
    for phase in ([[init_worker ssl_cert set rewrite access content
      header_filter body_filter log timer]]):gmatch "%S+" do
      nginx.phase = phase
      push(q, phase)
    end
    run_timers()
    assert.equal(10, q:stats().sent)
  end)

  it("leaves nothing behind", function()
    local q = new()
    world.sent = setmetatable({}, { __newindex = function() end })
    assert.is_true(growth(function()
      for i = 1, 20000 do
        q:push { request = "a" }
        if i % 7 == 0 then run_timers() end
      end
      run_timers()
    end) < MUCH)
    assert.equal(ROUNDS * 20000, q:stats().sent)
  end)
end)
