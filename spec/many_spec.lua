-- client:publish_many over real sockets; what it sends is `publish`'s affair.

local child = require "spec.support.child"
local clients = require "spec.support.client"
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local new_multi = require "iotdataplane.transport.multi"
local server = require "spec.support.server"
local stub = require "iotdataplane.transport.stub"
local upstream = require "spec.support.upstream"

local PATIENCE = 10 -- seconds, where nothing should wait

-- The work is the same in every Lua.
local is_quick = (rawget(_G, "jit") or _VERSION == "Lua 5.4")
  and not leaks.in_valgrind
local FEW, MANY = is_quick and 10000 or 1000, is_quick and 100000 or 3000
local MUCH = 128 -- kB: a large table may double
local DELAY = leaks.in_valgrind and 0.5 or 0.02 -- seconds of an answer
local IS_PUC_51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

-- A source of n messages; index n of what it is asked for.
local function messages(n)
  local i = 0
  return function()
    i = i + 1
    if i <= n then return { topic = "a/b", payload = tostring(i) } end
  end
end

local function list(n)
  local out = {}
  for i = 1, n do out[i] = { topic = "a/b", payload = tostring(i) } end
  return out
end

local hosts

setup(function() hosts = hostile.start() end)

teardown(function() hosts:stop() end)

before_each(function() hosts:clear() end)

-- 400 messages, while a finalizer publishes for every twentieth: how many
-- succeeded, how many were told once, and was there such a finalizer?
local FINALIZERS = [[
    local client = require "iotdataplane".client {
    region_name = "eu-west-1", endpoint_url = os.getenv "URL",
    aws_access_key_id = "AKIDEXAMPLE", aws_secret_access_key = "hush",
    config = { read_timeout = 10, connect_timeout = 10 },
  }
  local proxy, calls, finalized, once, told = newproxy, 0, 0, 0, {}
  collectgarbage("setpause", 50)
  local function finalize()
    finalized = finalized + 1
    pcall(client.publish, client, { topic = "t", payload = "f" })
  end
  local summary = client:publish_many(function()
    calls = calls + 1
    if calls > 400 then return nil end
    if calls % 20 == 0 and proxy then
      getmetatable(proxy(true)).__gc = finalize
    elseif calls % 20 == 0 then
      setmetatable({}, { __gc = finalize })
    end
    return { topic = "a/b", payload = tostring(calls) }
  end, { concurrency = 4, on_result = function(index)
    if not told[index] then once = once + 1 else once = -1e9 end
    told[index] = true
  end })
  print(summary.succeeded, once, finalized > 0)
  os.exit(0)
]]

describe("publish_many", function()
  local service, client

  local function new_client(config, options, environment)
    config = config or {}
    config.connect_timeout = config.connect_timeout or PATIENCE
    config.read_timeout = config.read_timeout or PATIENCE
    local all = {
      endpoint_url = ("http://127.0.0.1:%d"):format(service.http),
      region_name = "eu-west-1", config = config,
    }
    if not environment then
      all.aws_access_key_id, all.aws_secret_access_key = "AKIDEXAMPLE", "hush"
    end
    for name, value in next, options or {} do all[name] = value end
    return assert(clients.new(environment or {}, all))
  end

  -- How many arrived, and each once.
  local function assert_arrived(n)
    local counts = service:ask "/_stats"
    assert.same({ n, n }, { counts.total, counts.distinct })
    return counts
  end

  setup(function() service = upstream.start() end)

  teardown(function() service:stop() end)

  before_each(function()
    service:ask "/_set?delay=0"
    client = new_client()
  end)

  after_each(function() client:close() end)

  -- ---- what becomes of messages ----

  it("publishes an array", function()
    local seen, calls = {}, 0
    local summary = client:publish_many(list(100), {
      on_result = function(index, response, err)
        calls = calls + 1
        assert(not seen[index] and not err)
        seen[index] = response.ResponseMetadata.HTTPStatusCode
      end,
    })
    assert.same({ succeeded = 100, failed = 0, errors = {} }, summary)
    assert.equal(100, calls)
    for i = 1, 100 do assert.equal(200, seen[i]) end
    assert_arrived(100)
  end)

  it("publishes nothing", function()
    local summary = { succeeded = 0, failed = 0, errors = {} }
    assert.same(summary, client:publish_many({}))
    assert.same(summary, client:publish_many(function() end))
  end)

  it("publishes a single one", function()
    assert.equal(1, client:publish_many(list(1)).succeeded)
  end)

  it("publishes what a function gives, over so many connections", function()
    for _, n in ipairs { 1, 7, 64 } do
      service:ask("/_set?delay=" .. DELAY)
      client:publish_many(messages(3 * n), { concurrency = n })
      local counts = assert_arrived(3 * n)
      assert.same({ n, n }, { counts.in_flight, counts.connections })
    end
  end)

  it("has max_pool_connections of them by itself", function()
    client = new_client { max_pool_connections = 3 }
    service:ask("/_set?delay=" .. DELAY)
    client:publish_many(messages(12))
    local counts = assert_arrived(12)
    assert.same({ 3, 3 }, { counts.in_flight, counts.connections })
  end)

  it("asks for a message only where there is room", function()
    service:ask "/_set?delay=0.005"
    local asked, ended, most = 0, 0, 0
    local source = messages(50)
    client:publish_many(function()
      asked = asked + 1
      most = math.max(most, asked - ended)
      return source()
    end, { concurrency = 5, on_result = function() ended = ended + 1 end })
    assert.equal(5, most)
    assert.same({ 51, 50 }, { asked, ended })
  end)

  it("validates each as publish does", function()
    local errs = {}
    local summary = client:publish_many({
      { topic = "a" }, { topic = 5 }, { topic = "b", foo = 1 },
      { topic = "c" },
    }, { on_result = function(index, _, err) errs[index] = err end })
    assert.same({ 2, 2 }, { summary.succeeded, summary.failed })
    for _, index in ipairs { 2, 3 } do
      local err = summary.errors[index]
      assert.equal(errs[index], err)
      assert.same({ "ParamValidationError", "Publish", "not_sent" },
        { err.name, err.operation_name, err.delivery })
    end
    assert.is_nil(errs[1] or errs[4])
  end)

  it("uses its connections again, however many there are", function()
    client = new_client({ max_pool_connections = 1 }, {
      endpoint_url = ("http://127.0.0.1:%d/ok"):format(hosts.http),
    })
    client:publish_many(messages(200), { concurrency = 8 })
    assert.same({ 8, 200 }, { hosts:count "ok" })
    client:publish { topic = "a" } -- it has kept one
    assert.same({ 8, 201 }, { hosts:count "ok" })
  end)

  it("does not use one again where TLS has read beyond the answer", function()
    client = new_client({}, {
      endpoint_url = ("https://127.0.0.1:%d/more_in_a_record_of_its_own")
        :format(hosts.https),
      verify = hosts.ca_pem,
    })
    local summary = client:publish_many(messages(20), { concurrency = 1 })
    assert.equal(20, summary.succeeded)
    assert.same({ 20, 20 }, { hosts:count "more_in_a_record_of_its_own" })
  end)

  it("retries each as publish does", function()
    client = new_client({}, {
      endpoint_url = ("http://127.0.0.1:%d/says/503/none"):format(hosts.http),
    })
    client.policy.random = function() return 0.01 end
    local summary = client:publish_many(messages(20), { concurrency = 20 })
    assert.equal(20, summary.failed)
    for i = 1, 20 do
      local err = summary.errors[i]
      assert.equal(2, err.response.ResponseMetadata.RetryAttempts)
      assert.equal("unknown", err.delivery)
    end
    assert.same({ 20, 60 }, { hosts:count "says" })
  end)

  it("waits for each by itself #timing", function()
    client = new_client({
      read_timeout = 0.2, retries = { total_max_attempts = 1 },
    }, { endpoint_url = ("http://127.0.0.1:%d/silent"):format(hosts.http) })
    local began = hosts.transport:monotonic()
    local summary = client:publish_many(messages(30), { concurrency = 30 })
    assert.is_true(hosts.transport:monotonic() - began < 2)
    assert.equal(30, summary.failed)
    for i = 1, 30 do
      assert.equal("ReadTimeoutError", summary.errors[i].name)
    end
  end)

  it("keeps so many errors, and counts them all", function()
    local function fail(options)
      local source = messages(1500)
      local summary = client:publish_many(function()
        return source() and {}
      end, options)
      local n = 0
      for _ in pairs(summary.errors) do n = n + 1 end
      return { n, summary.failed }
    end
    assert.same({ 1000, 1500 }, fail())
    assert.same({ 3, 1500 }, fail { max_errors = 3 })
    assert.same({ 0, 1500 }, fail { max_errors = 0 })
    assert.same({ 1500, 1500 }, fail { max_errors = math.huge })
  end)

  it("fails what is no table, and that alone", function()
    local wrong = { [2] = "text", [3] = false, [5] = 7, [6] = print }
    local i = 0
    local summary = client:publish_many(function()
      i = i + 1
      if wrong[i] ~= nil then return wrong[i] end
      if i <= 8 then return { topic = "a", payload = tostring(i) } end
    end, { concurrency = 2 })
    assert.same({ 4, 4 }, { summary.succeeded, summary.failed })
    for index, value in pairs(wrong) do
      local err = summary.errors[index]
      assert.same({ "ParamValidationError", "not_sent", "Publish" },
        { err.name, err.delivery, err.operation_name })
      assert.equal("Parameter validation failed:\nInvalid type for parameter "
        .. (", value: %s, type: %s, valid types: table"):format(
          tostring(value), type(value)), err.message)
    end
    assert_arrived(4)
  end)

  -- ---- the caller's own functions ----

  it("calls them in the caller's coroutine", function()
    local function play()
      local me, calls = coroutine.running(), 0
      local source = messages(20)
      local function check()
        calls = calls + 1
        assert(coroutine.running() == me)
      end
      client:publish_many(function()
        check()
        return source()
      end, { concurrency = 4, on_result = check })
      assert.equal(41, calls)
    end
    play()
    local user = coroutine.create(play)
    assert(coroutine.resume(user))
    assert.equal("dead", coroutine.status(user))
  end)

  for _, who in ipairs { "source", "on_result" } do
    it("lets what is in flight end, and raises: " .. who, function()
      service:ask "/_set?delay=0.01"
      local raised, ended, failed = {}, 0, 0
      local source, asked = messages(1000), 0
      local ok, err = pcall(client.publish_many, client, function()
        asked = asked + 1
        if who == "source" and asked == 21 then error(raised) end
        return source()
      end, { concurrency = 5, on_result = function(_, response)
        ended = ended + 1
        failed = failed + (response and 0 or 1)
        if who == "on_result" and ended == 10 then error(raised) end
      end })
      assert.is_false(ok)
      assert.equal(raised, err)
      assert.equal(0, failed)
      assert.equal(who == "source" and 20 or asked, ended)
      assert_arrived(ended)
      assert.is_true(client:publish { topic = "a" } ~= nil)
    end)
  end

  it("raises the first of several errors", function()
    local count = 0
    local _, err = pcall(client.publish_many, client, list(5), {
      concurrency = 5,
      on_result = function()
        count = count + 1
        error({ count = count })
      end,
    })
    local _, other = pcall(client.publish_many, client, function()
      error("source", 0)
    end)
    assert.same({ 1, 5 }, { err.count, count })
    assert.equal("source", other)
  end)

  it("ends a source that never ends where it is told to", function()
    local ended = 0
    local ok, err = pcall(client.publish_many, client, function()
      return { topic = "a" }
    end, { on_result = function()
      ended = ended + 1
      if ended == 500 then error("enough", 0) end
    end })
    assert.same({ false, "enough" }, { ok, err })
    assert.is_true(ended >= 500 and ended < 520)
  end)

  it("goes on while a source has nothing that can be sent", function()
    service:ask "/_set?delay=0.001"
    local source, is_over = messages(3), false
    local summary = client:publish_many(function()
      return source() or not is_over and {} or nil
    end, { concurrency = 4, max_errors = 0, on_result = function(_, response)
      is_over = is_over or response ~= nil
    end })
    assert.equal(3, summary.succeeded)
    assert.is_true(summary.failed > 0)
  end)

  it("publishes within them", function()
    service:ask "/_set?delay=0.002"
    local source = messages(10)
    client:publish_many(function()
      local params = source()
      if params then
        client:publish { topic = "a", payload = "s" .. params.payload }
      end
      return params
    end, { concurrency = 3, on_result = function(index)
      client:publish_many { { topic = "a", payload = "r" .. index } }
    end })
    assert_arrived(30)
  end)

  it("is not late where they are slow #timing", function()
    client = new_client { read_timeout = 0.1,
                          retries = { total_max_attempts = 1 } }
    local summary = client:publish_many(messages(6), {
      concurrency = 3,
      on_result = function() os.execute "exec sleep 0.15" end,
    })
    assert.equal(6, summary.succeeded)
  end)

  if not IS_PUC_51 then
    it("lets them yield", function()
      local source = messages(5)
      local user = coroutine.wrap(function()
        return client:publish_many(function()
          coroutine.yield "source"
          return source()
        end, { on_result = function() coroutine.yield "on_result" end })
      end)
      local counts, what = { source = 0, on_result = 0 }, user()
      while type(what) == "string" do
        counts[what] = counts[what] + 1
        what = user()
      end
      assert.equal(5, what.succeeded)
      assert.same({ source = 6, on_result = 5 }, counts)
    end)
  end

  -- ---- misuse ----

  local misuses = {
    { "no source", nil, nil, "bad argument #1 to 'publish_many' "
      .. "(table or function expected, got no value)" },
    { "a source of text", "a", nil, "got string" },
    { "options of text", {}, "a", "bad argument #2 to 'publish_many' "
      .. "(table expected, got string)" },
    { "an unknown option", {}, { foo = 1 }, "unknown option 'foo'" },
    { "an on_result that is none", {}, { on_result = {} },
      "option 'on_result' must be a function" },
    { "a max_errors of text", {}, { max_errors = "9" }, "'max_errors'" },
    { "a max_errors below nothing", {}, { max_errors = -1 },
      "'max_errors'" },
  }
  for _, value in ipairs { 0, -1, 1.5, 1e6, 10001, math.huge, 0 / 0, "8" } do
    misuses[#misuses + 1] = { "a concurrency of " .. tostring(value), {},
      { concurrency = value }, "option 'concurrency' must be a whole number "
      .. "from 1 to 10000, got " .. tostring(value) }
  end

  for _, case in ipairs(misuses) do
    it("refuses at the caller's line " .. case[1], function()
      local _, err = pcall(function()
        client:publish_many(case[2], case[3])
      end)
      assert.is_truthy(err:find("many_spec.lua:%d+: "), err)
      assert.is_truthy(err:find(case[4], 1, true), err)
    end)
  end

  it("refuses a dot", function()
    local _, err = pcall(function() client.publish_many {} end)
    assert.is_truthy(err:find(
      "many_spec.lua:%d+: bad self %(use client:publish_many{"), err)
  end)

  -- ---- closed ----

  for _, who in ipairs { "source", "on_result" } do
    it("accounts for all where the client is closed by " .. who, function()
      service:ask "/_set?delay=0.002"
      collectgarbage()
      local before = leaks.descriptors()
      local source, seen, asked = messages(60), {}, 0
      local summary = client:publish_many(function()
        asked = asked + 1
        if who == "source" and asked == 20 then client:close() end
        return source()
      end, { concurrency = 8, on_result = function(index)
        assert(not seen[index])
        seen[index] = true
        if who == "on_result" and #seen == 20 then client:close() end
      end })
      assert.same({ 60, 0 }, { summary.succeeded, summary.failed })
      assert.equal(60, #seen)
      assert_arrived(60)
      assert.equal(before, leaks.descriptors())
    end)
  end

  it("leaves no descriptor once it is closed", function()
    collectgarbage()
    local before = leaks.descriptors()
    client:publish_many(messages(40), { concurrency = 8 })
    assert.is_true(leaks.descriptors() > before)
    client:close()
    assert.equal(before, leaks.descriptors())
  end)

  it("keeps no more connections than it may", function()
    local function kept(size)
      client = new_client { max_pool_connections = size }
      service:ask "/_set?delay=0.002"
      collectgarbage()
      local before = leaks.descriptors()
      client:publish_many(messages(40), { concurrency = 8 })
      local after = leaks.descriptors()
      client:close()
      return after - before
    end
    -- what one takes, is libcurl's affair
    local one, two = kept(1), kept(2)
    assert.is_true(two > one)
    assert.equal(one + 2 * (two - one), kept(3))
    assert.equal(kept(8), kept(10))
  end)

  it("is collected with what it keeps", function()
    collectgarbage()
    collectgarbage()
    local before = leaks.descriptors()
    for _ = 1, 10 do
      new_client():publish_many(messages(4))
    end
    for _ = 1, 4 do collectgarbage() end
    assert.is_true(leaks.descriptors() <= before)
  end)

  -- ---- memory ----

  local function grow_by(n)
    collectgarbage()
    collectgarbage()
    local before, most, ended = collectgarbage "count", 0, 0
    local summary = client:publish_many(messages(n), {
      concurrency = 64,
      on_result = function()
        ended = ended + 1
        if ended % (n / 10) == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage "count" - before)
        end
      end,
    })
    assert.equal(n, summary.succeeded)
    return most
  end

  it(("takes no more memory for %d than for %d"):format(MANY, FEW),
    function()
      grow_by(1000)
      local few = grow_by(FEW)
      local many = grow_by(MANY)
      assert.is_true(many <= few + MUCH, many - few)
      assert.is_nil(leaks.of(function() grow_by(FEW) end))
    end)

  -- ---- transports ----

  it("goes one at a time over a transport that has no `run`", function()
    local transport, order = stub { { status = 200 }, { status = 403 } }, {}
    client = new_client({}, { transport = transport })
    local summary = client:publish_many(list(3), {
      concurrency = 3,
      on_result = function(index)
        order[#order + 1] = index .. " of " .. #transport.requests
      end,
    })
    assert.same({ 1, 2 }, { summary.succeeded, summary.failed })
    assert.same({ "1 of 1", "2 of 2", "3 of 3" }, order)
    assert.equal(transport, client.transport)
  end)

  it("uses `run` of a user's own", function()
    local transport, asked = stub(), nil
    function transport.run(_, functions, concurrency)
      asked = concurrency
      local running = { functions(), functions() }
      for _, f in ipairs(running) do functions(f, pcall(f)) end
    end
    client = new_client({}, { transport = transport })
    local summary = client:publish_many(list(2), { concurrency = 2 })
    assert.same({ 2, 2 }, { summary.succeeded, asked })
  end)

  it("raises what a transport raises, and counts the message", function()
    local transport, seen = stub { function() error("broken", 0) end }, {}
    client = new_client({}, { transport = transport })
    local ok, err = pcall(client.publish_many, client, list(3), {
      on_result = function(_, _, e) seen[#seen + 1] = e.message end,
    })
    assert.same({ false, "broken" }, { ok, err })
    assert.same({ "broken" }, seen)
  end)

  it("works for a client whose transport is multi", function()
    client = new_client({}, { transport = "multi" })
    local transport = client.transport
    client:publish { topic = "a", payload = "0" }
    client:publish_many(messages(9))
    assert.equal(transport, client.transport)
    assert_arrived(10)
  end)

  -- One renews, and waits for it; the others have good ones still.
  it("goes on while credentials are renewed", function()
    local calls, ended, before, after = 0, 0, nil, nil
    client = new_client({}, { credentials = function(world)
      calls = calls + 1
      local is_first = calls == 1
      if not is_first then
        before = ended
        assert(world:ask {
          url = ("http://127.0.0.1:%d/credentials"):format(service.http),
          is_local = true,
        })
        after = ended
      end
      return { access_key = "AK", secret_key = "SK",
               expiry_time = os.time() + (is_first and 14 or 60) * 60 }
    end }, {})
    local source = messages(100000)
    client:publish_many(function()
      return not after and source() or nil
    end, { concurrency = 8, on_result = function(_, response)
      ended = ended + (response and 1 or 0)
    end })
    assert.equal(2, calls)
    assert.is_true(after - before >= 20, after - before)
  end)

  -- It would wait for somebody who never comes.
  it("says so where what it runs yields to somebody else", function()
    local seen = 0
    client = new_client({}, { credentials = function()
      coroutine.yield "foreign"
    end }, {})
    local ok, err = pcall(client.publish_many, client, list(20), {
      concurrency = 1, on_result = function() seen = seen + 1 end,
    })
    assert.is_false(ok)
    assert.is_truthy(err:find "yielded to somebody else")
    assert.equal(1, seen)
  end)

  -- PUC Lua 5.1 shows nobody the coroutine that waits.
  if _VERSION ~= "Lua 5.1" or rawget(_G, "jit") then
    it("says so where somebody else resumes what it runs", function()
      local thread, asked, seen = nil, 0, 0
      client = new_client({}, { credentials = function()
        thread = coroutine.running()
        return { access_key = "AK", secret_key = "SK" }
      end }, {})
      local source = messages(20)
      local ok, err = pcall(client.publish_many, client, function()
        asked = asked + 1
        if asked == 2 then coroutine.resume(thread) end
        return source()
      end, {
        concurrency = 2, on_result = function() seen = seen + 1 end,
      })
      assert.is_false(ok)
      assert.is_truthy(err:find "somebody else has resumed", err)
      assert.equal(asked, seen)
    end)
  end

  -- In a process of its own, whose collector is seldom at rest.
  it("accounts for all while finalizers publish", function()
    local url = ("URL=http://127.0.0.1:%d exec"):format(service.http)
    local said = child.output(url, "-e", FINALIZERS)
    assert.equal("400\t400\ttrue\n", said)
  end)

  it("asks once for credentials that many wait for", function()
    client = new_client({}, {}, {
      HOME = "/nonexistent",
      AWS_CONTAINER_CREDENTIALS_FULL_URI =
        ("http://127.0.0.1:%d/credentials"):format(service.http),
    })
    local summary = client:publish_many(messages(50), { concurrency = 50 })
    assert.equal(50, summary.succeeded)
    assert.equal(1, assert_arrived(50).credentials)
  end)
end)

-- ---- Ctrl-C ----

describe("publish_many in a process of its own", function()
  local function start(what, path, before)
    local pipe = child.start((before or "") .. " exec",
      "spec/support/curl_child.lua", what,
      ("http://127.0.0.1:%d/%s"):format(hosts.http, path))
    return pipe:read "*n", pipe
  end

  it("ends at Ctrl-C", function()
    local pid, pipe = start("publish_many", "silent")
    hosts:wait(function(stats)
      local silent = stats.behaviours.silent
      return silent and silent.requests == 10
    end)
    assert.is_true(server.run("kill -INT " .. pid))
    local began = hosts.transport:monotonic()
    local text = pipe:read "*a"
    pipe:close()
    assert.is_true(hosts.transport:monotonic() - began < 2)
    assert.is_truthy(text:find("interrupted!", 1, true), text)
  end)

  it("accounts for all where descriptors run out", function()
    -- beside those that it gets from us
    local _, pipe = start("count", "late",
      "ulimit -n $(($(ls /proc/$$/fd | wc -l) + 40));")
    local text = pipe:read "*a"
    pipe:close()
    local succeeded, failed = text:match "count\t(%d+)\t(%d+)"
    assert.is_truthy(succeeded, text)
    assert.equal(100, succeeded + failed)
    assert.is_true(tonumber(succeeded) > 0 and tonumber(failed) > 0, text)
  end)

  -- Where select, and what is made of it, fails.
  it("goes on beyond the 1024th descriptor", function()
    local kept = {}
    for i = 1, 1024 do
      kept[i] = io.open "/dev/null"
      if not kept[i] then break end
    end
    local transport = new_multi { max_idle_time = 50,
                                  max_pool_connections = 10 }
    local client = clients.at(
      ("https://localhost:%d/ok"):format(hosts.https),
      { transport = transport, verify = hosts.ca_pem })
    local is_enough = #kept == 1024 and io.open "/dev/null" ~= nil
    local summary = is_enough and client:publish_many(list(20))
    client:close()
    for _, file in ipairs(kept) do file:close() end
    if not is_enough then return pending "ulimit -n is too low" end
    assert.same({ 20, 0 }, { summary.succeeded, summary.failed })
  end)
end)
