-- publish_many and publish_async in a real nginx: light threads.

local cjson = require "cjson"
local leaks = require "spec.support.fault_leaks"
local nginx = require "spec.support.nginx"
local upstream = require "spec.support.upstream"

if not nginx.is_there() then
  pending "publish_many in a real nginx needs LuaJIT and nginx"
  return
end

local SETTLED, MANY = 5000, 20000 -- publishes
local MAX_GROWTH = 2048 -- kB

local HTTP = [[
init_by_lua_block {
  local function client_of(options)
    options.region_name = "us-east-1"
    options.endpoint_url = "http://127.0.0.1:$port"
    options.aws_access_key_id = "AKIDEXAMPLE"
    options.aws_secret_access_key = "secret"
    return require "iotdataplane".client(options)
  end
  package.loaded.client_of = client_of
  package.loaded.client = client_of { config = { max_pool_connections = 16 } }
  package.loaded.impatient = client_of {
    config = { max_pool_connections = 4, connect_timeout = 0.2,
               retries = { total_max_attempts = 1 } },
  }
  package.loaded.messages = function(n)
    local i = 0
    return function()
      i = i + 1
      if i <= n then return { topic = "a", payload = tostring(i) } end
    end
  end
  package.loaded.say = function(summary)
    ngx.say(require "cjson".encode(summary))
  end
  if os.getenv "PUBLISH_IN_INIT" then
    package.loaded.of_init =
      package.loaded.client:publish_many(package.loaded.messages(3))
  end
}
]]

-- What handlers do, by path; each ends by saying something.
local handlers = {
  many = [[
    local me, calls, wrong = coroutine.running(), 0, 0
    local source = require "messages"(200)
    local function check()
      calls = calls + 1
      if coroutine.running() ~= me then wrong = wrong + 1 end
    end
    local summary = require "client":publish_many(function()
      check()
      return source()
    end, { concurrency = 8, on_result = check })
    summary.calls, summary.wrong = calls, wrong
    require "say"(summary)
  ]],
  wide = [[
    require "say"(require "impatient":publish_many(require "messages"(24), {
      concurrency = 24,
    }))
  ]],
  raises = [[
    local source, ended = require "messages"(100), 0
    local ok, err = pcall(function()
      local asked = 0
      require "client":publish_many(function()
        asked = asked + 1
        if asked == 31 then error("stop", 0) end
        return source()
      end, { concurrency = 8, on_result = function() ended = ended + 1 end })
    end)
    require "say" { ok = ok, err = err, ended = ended }
  ]],
  slow = [[
    local source = require "messages"(4)
    require "say"(require "client":publish_many(function()
      ngx.sleep(0.05)
      return source()
    end, { on_result = function() ngx.sleep(0.05) end }))
  ]],
  closed = [[
    local client, ended = require "client", 0
    require "say"(client:publish_many(require "messages"(100), {
      concurrency = 8, on_result = function()
        ended = ended + 1
        if ended == 20 then client:close() end
      end,
    }))
  ]],
  again = [[
    for i = 1, 50 do
      require "client":publish_many(require "messages"(10))
    end
    require "say" { ended = true }
  ]],
  memory = [[
    local client, messages = require "client", require "messages"
    require "say"(client:publish_many(messages(tonumber(ngx.var.args)), {
      concurrency = 16,
    }))
  ]],
  killed = [[
    local thread = ngx.thread.spawn(function()
      require "client":publish_many(function() return { topic = "a" } end)
    end)
    ngx.sleep(0.1)
    ngx.thread.kill(thread)
    require "say" { ended = true }
  ]],
  async = [[
    local client, futures = require "client", {}
    for i = 1, 16 do
      futures[i] = client:publish_async { topic = "a", payload = "" .. i }
    end
    local was_done, ended = futures[16]:done(), 0
    local early = futures[16]:wait(0.001)
    for _, future in ipairs(futures) do
      future:result()
      ended = ended + 1
    end
    local bad = client:publish_async { topic = 5 }
    local ok, err = pcall(bad.result, bad)
    require "say" { was_done = was_done, early = early, ended = ended,
      again = futures[1]:wait(), bad = err.name }
  ]],
  blocking = [[
    local summary = require "client_of" { transport = "curl" }:publish_many(
      require "messages"(20))
    ngx.update_time()
    local before = ngx.now()
    ngx.sleep(0.2)
    ngx.update_time()
    summary.slept = ngx.now() - before
    require "say"(summary)
  ]],
  init = [[ require "say"(require "of_init") ]],
}

local function locations()
  local out = {}
  for name, code in pairs(handlers) do
    out[#out + 1] = ("location = /%s { content_by_lua_block { %s } }")
      :format(name, code)
  end
  return table.concat(out, "\n")
end

describe("publish_many in a real nginx", function()
  local service, publisher

  setup(function()
    service = upstream.start()
    publisher = nginx.start {
      main = "env PUBLISH_IN_INIT=1;",
      http = HTTP:gsub("%$port", service.http), locations = locations(),
    }
  end)

  teardown(function()
    publisher:stop()
    service:stop()
  end)

  after_each(function() assert.same({}, publisher:warnings()) end)

  -- What a handler says, and what the service has counted meanwhile.
  local function play(path, delay)
    service:ask("/_set?delay=" .. (delay or 0))
    local body, status = publisher:get(path)
    assert.equal(200, status)
    return cjson.decode(body), service:ask "/_stats"
  end

  it("publishes before there are workers, in turn", function()
    assert.equal(3, play("/init").succeeded)
  end)

  it("publishes at once, and calls in the caller's light thread", function()
    local summary, counts = play("/many", 0.005)
    assert.same({ 200, 0 }, { summary.succeeded, summary.failed })
    assert.same({ 401, 0 }, { summary.calls, summary.wrong })
    assert.same({ 200, 200, 8 },
      { counts.total, counts.distinct, counts.in_flight })
  end)

  -- None waits for longer than it may take to connect.
  it("uses no more connections than it may", function()
    local summary, counts = play("/wide", 0.1)
    assert.equal(24, summary.succeeded)
    assert.same({ 4, 4 }, { counts.in_flight, counts.connections })
  end)

  it("lets what is in flight end, and raises", function()
    local said, counts = play("/raises", 0.005)
    assert.same({ false, "stop", 30 }, { said.ok, said.err, said.ended })
    assert.equal(30, counts.total)
  end)

  it("lets the source and the callback wait", function()
    assert.equal(4, play("/slow").succeeded)
  end)

  it("accounts for all where the client is closed meanwhile", function()
    local summary, counts = play("/closed", 0.002)
    assert.same({ 100, 0 }, { summary.succeeded, summary.failed })
    assert.equal(100, counts.distinct)
  end)

  it("may be called again and again", function()
    local _, counts = play "/again"
    assert.equal(500, counts.total)
  end)

  it("ends where its caller is killed", function()
    local _, counts = play("/killed", 0.002)
    local before = counts.total
    assert.is_true(before > 0)
    service:ask "/_set?delay=0"
    assert.equal(0, service:ask "/_stats".total)
  end)

  it("does not grow within one run", function()
    play("/memory?" .. SETTLED)
    local settled = leaks.resident(publisher:worker())
    assert.equal(MANY, play("/memory?" .. MANY).succeeded)
    local growth = leaks.resident(publisher:worker()) - settled
    assert.is_true(growth < MAX_GROWTH, growth .. " kB")
  end)

  it("gives futures", function()
    local said, counts = play("/async", 0.05)
    assert.same({ false, false, 16, true, "ParamValidationError" },
      { said.was_done, said.early, said.ended, said.again, said.bad })
    assert.same({ 16, 16 }, { counts.distinct, counts.in_flight })
  end)

  it("runs libcurl's loop where that is asked for", function()
    local said = play "/blocking"
    assert.equal(20, said.succeeded)
    assert.is_true(said.slept > 0.19, said.slept) -- nginx goes on as ever
  end)
end)
