-- Every fault of spec/faults.lua over real sockets: class, delivery, number
-- of attempts, time, and nothing left behind.

local child = require "spec.support.child"
local cjson = require "cjson"
local faults = require "spec.faults"
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local matrix = require "spec.support.fault_matrix"
local new_curl = require "iotdataplane.transport.curl"
local new_multi = require "iotdataplane.transport.multi"
local runner = require "spec.support.fault_runner"
local server = require "spec.support.server"

-- The work is the same in every Lua.
local is_quick = rawget(_G, "jit") or _VERSION == "Lua 5.4"
local ROUNDS = leaks.in_valgrind and 3 or is_quick and 100 or 20
local CHILD_SECONDS = 100 -- at the most

local function describe_server(new, rounds)
  local world = { rounds = rounds }
  local transport -- of the rounds
  local before -- messages of another transport's

  setup(function()
    before = #runner.told()
    world.hosts = hostile.start()
  end)

  teardown(function() world.hosts:stop() end)

  function world.play(i)
    return runner.play(new, world.hosts, faults[i][2])
  end

  function world.run(i, times)
    transport = transport or runner.transport(new)
    runner.run(transport, world.hosts, faults[i], times)
  end

  function world.finish()
    transport.close()
    transport = nil
  end

  function world.outcomes()
    local outcomes = runner.told()
    for id = 1, before do outcomes[id] = nil end
    return outcomes
  end

  matrix.describe(faults, world)
end

describe("to curl a server that", function()
  describe_server(new_curl, ROUNDS)
end)

-- Once is long enough under valgrind, where the sanitizers see both, and in
-- Luas that differ from others in nothing that is theirs.
if is_quick and not leaks.in_valgrind then
  describe("to multi a server that", function()
    describe_server(new_multi, math.min(ROUNDS, 20))
  end)
end

-- ---- names ----

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
  local command = child.command(("LD_PRELOAD=%s exec timeout %d"):format(
    server.quote(library), CHILD_SECONDS), "spec/support/fault_child.lua", "9")
  local pipe, results = assert(io.popen(command)), {}
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
      matrix.assert_outcome(fault[3], result)
      assert.is_nil(result.wrong)
      assert.is_true(result.seconds <= fault[4], result.seconds)
    end)
  end
end)
