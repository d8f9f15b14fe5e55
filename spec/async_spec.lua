-- client:publish_async, and foreign event loops that drive it.

local clients = require "spec.support.client"
local files = require "spec.support.files"
local hostile = require "spec.support.hostile"
local stub = require "iotdataplane.transport.stub"

local PATIENCE = 10 -- seconds, where nothing should wait

local hosts

setup(function() hosts = hostile.start() end)

teardown(function() hosts:stop() end)

before_each(function() hosts:clear() end)

describe("publish_async", function()
  local client

  local function new_client(transport, path, config)
    config = config or {}
    config.read_timeout = config.read_timeout or PATIENCE
    return clients.at(("http://127.0.0.1:%d/%s"):format(hosts.http,
      path or "ok"), { transport = transport, config = config })
  end

  local function publish(n)
    return client:publish_async { topic = "a", payload = tostring(n) }
  end

  local function assert_status(future)
    assert.equal(200, future:result().ResponseMetadata.HTTPStatusCode)
  end

  before_each(function() client = new_client() end)

  after_each(function() client:close() end)

  it("returns at once, and ends later", function()
    local future = publish()
    assert.is_false(future:done())
    assert.is_true(future:wait())
    assert.is_true(future:done())
    assert_status(future)
    assert.equal(future:result(), future:result())
  end)

  it("waits no longer than it is told to #timing", function()
    client = new_client(nil, "silent")
    local future, transport = publish(), client.transport
    local began = transport:monotonic()
    assert.is_false(future:wait(0))
    assert.is_false(future:wait(0.1))
    local took = transport:monotonic() - began
    assert.is_true(took >= 0.1 and took < 0.2, took)
    assert.is_false(future:done())
  end)

  it("has many under way at once", function()
    client = new_client(nil, "late")
    local futures = {}
    for i = 1, 20 do futures[i] = publish(i) end
    for i = 20, 1, -1 do assert_status(futures[i]) end
    assert.same({ 20, 20 }, { hosts:count "late" })
  end)

  it("raises as publish does", function()
    client = new_client(nil, "says/403/ForbiddenException")
    local future = publish()
    for _ = 1, 2 do
      local ok, err = pcall(future.result, future)
      assert.is_false(ok)
      assert.equal("Publish", err.operation_name)
      assert.equal("rejected", err.delivery)
    end
  end)

  it("keeps for `result` what is wrong with the parameters", function()
    local future = client:publish_async { topic = 5 }
    assert.is_true(future:done())
    assert.is_true(future:wait(0))
    local _, err = pcall(future.result, future)
    assert.equal("ParamValidationError", err.name)
    assert.equal(0, (hosts:count "ok"))
  end)

  it("refuses at the caller's line what is no table", function()
    local _, err = pcall(function() client:publish_async("a") end)
    assert.is_truthy(err:find(
      "async_spec.lua:%d+: bad argument #1 to 'publish_async'"), err)
    _, err = pcall(function() publish():wait("a") end)
    assert.is_truthy(err:find(
      "async_spec.lua:%d+: bad argument #1 to 'wait'"), err)
  end)

  it("goes on while others wait", function()
    local future = publish()
    client:publish { topic = "b" }
    client:publish_many { { topic = "c" }, { topic = "d" } }
    while not future:done() do client.transport:step(PATIENCE) end
    assert_status(future)
  end)

  it("is waited for within a coroutine of the user's", function()
    local user = coroutine.create(function() assert_status(publish()) end)
    assert(coroutine.resume(user))
    assert.equal("dead", coroutine.status(user))
  end)

  it("ends where the client is closed", function()
    local future = publish()
    client:close()
    assert_status(future)
    assert_status(publish())
    assert.equal(2, (hosts:count "ok"))
  end)

  it("may be forgotten", function()
    for _ = 1, 10 do
      client = new_client(nil, "silent")
      publish()
      client = nil
      collectgarbage()
      collectgarbage()
    end
    client = new_client()
    assert_status(publish())
  end)

  it("is done at once over a transport without `spawn`", function()
    client = new_client(stub { { status = 200 },
      function() error("broken", 0) end })
    local future = publish()
    assert.is_true(future:done())
    assert_status(future)
    local _, err = pcall(publish().result, publish())
    assert.equal("broken", err)
  end)

  -- ---- the loop ----

  it("says whether anything is under way", function()
    client = new_client "multi"
    local transport = client.transport
    assert.is_false(transport:step(PATIENCE))
    local futures = { publish(1), publish(2) }
    while transport:step(PATIENCE) do end
    assert.is_true(futures[1]:done() and futures[2]:done())
  end)

  it("says when it has something to do by itself", function()
    client = new_client("multi", "silent",
      { read_timeout = 0.05, retries = { total_max_attempts = 1 } })
    local transport = client.transport
    assert.is_nil(transport:timeout())
    local future = publish()
    local left = transport:timeout()
    assert.is_true(left >= 0 and left <= PATIENCE)
    while not future:done() do
      local ms = transport:timeout()
      assert.is_number(ms)
      transport:step(ms)
    end
    local _, err = pcall(future.result, future)
    assert.equal("ReadTimeoutError", err.name)
  end)

  it("has one descriptor, the same until it is closed", function()
    client = new_client "multi"
    local transport = client.transport
    local fd = transport:fd()
    assert.is_number(fd)
    assert_status(publish())
    assert.equal(fd, transport:fd())
  end)

  -- What was set to wake a foreign loop does so when all is over.
  it("is not readable for ever once nothing is under way #timing", function()
    local has_socket, socket = pcall(require, "socket")
    if not has_socket then return pending "luasocket is not installed" end
    client = new_client("multi", nil, { read_timeout = 0.4 })
    local transport, turns = client.transport, 0
    local handle = { getfd = function() return transport:fd() end }
    assert.is_number(handle.getfd())
    assert_status(publish())
    while #socket.select({ handle }, nil, 0.5) > 0 and turns < 100 do
      assert.is_false(transport:step())
      turns = turns + 1
    end
    assert.is_true(turns > 0 and turns < 100, turns)
  end)
end)

-- ---- foreign event loops: the examples of docs/event-loops.md ----

-- Its blocks of Lua, by the module that they are about.
local function examples()
  local text, found = files.read "docs/event-loops.md", {}
  for code in text:gmatch "```lua\n(.-)```" do
    local name = code:match 'require "(%w+)"'
    if name and name ~= "iotdataplane" then found[name] = code end
  end
  return found
end

local load = rawget(_G, "loadstring") or load -- luacheck: std max

-- What an example stands in: it is given a client, and ends when its loop has
-- nothing more to do.
local function run(code, client, publishes)
  local chunk = assert(load(
    "local client, messages, on_done = ...\n" .. code))
  local count = 0
  chunk(client, publishes, function(future)
    count = count + 1
    assert(pcall(future.result, future) ~= nil)
  end)
  return count
end

describe("the event loop of", function()
  local function client_of(path, port, config)
    return clients.at(("http://127.0.0.1:%d/%s"):format(port, path),
      { transport = "multi", config = config })
  end

  local function messages(n)
    local out = {}
    for i = 1, n do out[i] = { topic = "a", payload = tostring(i) } end
    return out
  end

  local all = examples()
  for _, name in ipairs { "luv", "cqueues", "socket" } do
    local code = assert(all[name], name)
    local is_there = pcall(require, name)

    local function test(what, play)
      it(name .. " " .. what, function()
        if not is_there then
          return pending(name .. " is not installed for this Lua")
        end
        play()
      end)
    end

    test("publishes", function()
      assert.equal(10, run(code, client_of("late", hosts.http), messages(10)))
      assert.same({ 10, 10 }, { hosts:count "late" })
    end)

    -- Time is all that there is to wait for.
    test("wakes for time-outs and repeats #timing", function()
      local client = client_of("silent", hosts.http,
        { read_timeout = 0.05, retries = { total_max_attempts = 2 } })
      client.policy.random = function() return 0.05 end
      local began = client.transport:monotonic()
      assert.equal(3, run(code, client, messages(3)))
      assert.is_true(client.transport:monotonic() - began < 1)
      assert.equal(6, (select(2, hosts:count "silent")))
    end)

    test("wakes for what fails at once", function()
      assert.equal(3, run(code, client_of("ok", hosts.closed,
        { retries = { total_max_attempts = 1 } }), messages(3)))
    end)

    test("wakes for a name, and TLS", function()
      local client = clients.at(
        ("https://localhost:%d/ok"):format(hosts.https),
        { transport = "multi", verify = hosts.ca_pem })
      assert.equal(5, run(code, client, messages(5)))
      assert.equal(5, (select(2, hosts:count "ok")))
    end)
  end
end)
