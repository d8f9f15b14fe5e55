-- Every fault of spec/faults.lua over real sockets: class, delivery, number
-- of attempts, time, and nothing left behind.

local cjson = require "cjson"
local faults = require "spec.faults"
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local new_curl = require "iotdataplane.transport.curl"
local runner = require "spec.support.fault_runner"
local server = require "spec.support.server"

-- The work is the same in every Lua.
local is_quick = rawget(_G, "jit") or _VERSION == "Lua 5.4"
local ROUNDS = leaks.in_valgrind and 3 or is_quick and 100 or 20
local WARM_UP = 5 -- rounds, until what is allocated once is
local ONCE = { retries = { total_max_attempts = 1 } }
local CHILD_SECONDS = 100 -- at the most
local TRIES = 3 -- to see it in time: the machine has other things to do

-- Is it the value, or one of those?
local function assert_one_of(expected, actual)
  if type(expected) ~= "table" then
    return assert.equal(expected, actual)
  end
  for _, value in ipairs(expected) do
    if value == actual then return end
  end
  error(tostring(actual) .. " is none of those", 2)
end

local function assert_outcome(outcome, result)
  assert_one_of(outcome[1], result.name)
  assert_one_of(outcome[2], result.delivery)
  assert.equal(outcome[3], result.attempts)
  assert.equal(outcome[4], result.code)
end

local function describe_server(kind)
  local hosts, first

  setup(function()
    first = runner.messages + 1
    hosts = hostile.start()
    hosts:use(new_curl { max_idle_time = 50, max_pool_connections = 10 })
  end)

  teardown(function() hosts:stop() end)

  before_each(function() hosts:clear() end)

  local function play(how)
    local transport = runner.transport(kind)
    local result = runner.publish(transport, hosts, how)
    transport.close()
    return result, transport
  end

  -- What came of it, as the server counts.
  local function assert_seen(fault)
    local how, expected = fault[2], fault.seen
    if expected == false then return end
    local connections, requests
    if how.port then
      connections = hosts:arrived(how.port)
    else
      connections, requests =
        hosts:count((how.path or "ok"):match "^[^/]+")
    end
    assert.equal(expected or fault[3][3], requests or connections)
  end

  -- ---- class, delivery, attempts; and in time ----

  for _, fault in ipairs(faults) do
    it(fault[1], function()
      local result, transport = play(fault[2])
      assert_outcome(fault[3], result)
      assert_seen(fault)
      -- a wait before each repeat
      assert.equal(result.attempts > 1, transport.slept > 0)
      assert.equal(0, (hosts:arrived "elsewhere"))
    end)

    it(fault[1] .. ", in time #timing", function()
      local best = math.huge
      for _ = 1, TRIES do
        best = math.min(best, play(fault[2]).seconds)
        if best <= fault[4] then return end
      end
      error(("it took %.3f s instead of %.3f"):format(best, fault[4]))
    end)
  end

  -- ---- nothing left behind ----

  local function leaves_nothing(fault, rounds)
    local transport = runner.transport(kind)
    local function run(times)
      for _ = 1, times do
        runner.publish(transport, hosts, fault[2], fault.quick or ONCE)
      end
    end
    run(WARM_UP)
    assert.is_nil(leaks.of(function() run(rounds) end))
    transport.close()
  end

  for _, fault in ipairs(faults) do
    local rounds = math.min(ROUNDS, fault.rounds or ROUNDS)
    if rounds > 0 then
      it(("%s, %d times, and leaves nothing"):format(fault[1], rounds),
        function() leaves_nothing(fault, rounds) end)
    end
  end

  -- ---- what it says of deliveries, and what arrived ----

  local function set(list)
    local out = {}
    for _, value in ipairs(list) do out[math.floor(value)] = true end
    return out
  end

  it("receives what it receives: no delivery says otherwise", function()
    local arrivals = hosts:arrivals()
    local begun, whole = set(arrivals.begun), set(arrivals.whole)
    local counts = {}
    for id = first, runner.messages do
      local outcome = runner.outcomes[id]
      counts[outcome] = (counts[outcome] or 0) + 1
      if outcome == "success" then
        assert.is_true(whole[id], ("%d was no success"):format(id))
      elseif outcome == "not_sent" then
        assert.is_nil(begun[id], ("%d was sent"):format(id))
      end
    end
    for _, outcome in ipairs { "success", "not_sent", "rejected",
                               "unknown" } do
      assert.is_truthy(counts[outcome], outcome)
    end
  end)
end

for _, kind in ipairs { "curl", "multi" } do
  describe(("over %s a server that"):format(kind), function()
    describe_server(kind)
  end)
end

-- ---- names ----

-- The interpreter that runs us stands before the script's name.
local function interpreter()
  local at = -1
  while arg[at - 1] do at = at - 1 end
  return os.getenv "LUA_BIN" or arg[-1] or "lua5.4"
end

-- Compiles slow_names.c; the library's path.
local function compile()
  local path = os.tmpname()
  local command = ("%s -shared -fPIC -o %s spec/support/slow_names.c -ldl")
    :format(os.getenv "CC" or "cc", server.quote(path))
  assert(server.run(command), "slow_names.c does not compile")
  return path
end

-- What spec/support/fault_child.lua tells of each fault.
local function play_names()
  local library = compile()
  local paths = ("package.path = %q package.cpath = %q")
    :format(package.path, package.cpath)
  local words = { "LD_PRELOAD=" .. server.quote(library), "exec timeout",
                  CHILD_SECONDS, server.quote(interpreter()), "-e",
                  server.quote(paths), "spec/support/fault_child.lua", "9" }
  local pipe, results = assert(io.popen(table.concat(words, " "))), {}
  for line in pipe:lines() do results[#results + 1] = cjson.decode(line) end
  pipe:close()
  os.remove(library)
  return results
end

describe("a service that #timing", function()
  local results

  lazy_setup(function() results = play_names() end)

  for i, fault in ipairs(faults.of_names) do
    it(fault[1], function()
      local result = assert(results[i], "it did not end")
      assert_outcome(fault[3], result)
      assert.is_nil(result.wrong)
      assert.is_true(result.seconds <= fault[4], result.seconds)
    end)
  end
end)
