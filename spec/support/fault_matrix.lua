-- fault_matrix.lua - holds a transport to the table spec/faults.lua
--
--   require "spec.support.fault_matrix".describe(faults, world)
--
-- The faults are those of the table, and others in the same form; a world is
-- where they are played:
--
--   hosts        what spec.support.hostile starts, not yet at its first use
--   play(i)      the fault once -> {name, code, delivery, attempts, seconds,
--                slept}
--   run(i, n)    the fault n times, quickly, over one transport of its own
--   finish(i)    closes that transport
--   held()       what is held by the process that plays, as of fault_leaks
--   outcomes()   of all messages, by their ids: "success", or their delivery
--   rounds       how often it is repeated at the most
--   cannot       {[what a fault is called] = why it cannot be shown}; each
--                that is met is taken out

local busted = require "busted"
local leaks = require "spec.support.fault_leaks"

local assert, it = busted.assert, busted.it

local WARM_UP = 5 -- rounds, until what is allocated once is
local TRIES = 3 -- to see it in time: the machine has other things to do

local matrix = {}

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

function matrix.assert_outcome(outcome, result)
  assert_one_of(outcome[1], result.name)
  assert_one_of(outcome[2], result.delivery)
  assert.equal(outcome[3], result.attempts)
  assert.equal(outcome[4], result.code)
end

-- What came of it, as the server counts.
local function assert_seen(hosts, fault)
  local how, expected = fault[2], fault.seen
  if expected == false then return end
  local connections, requests
  if how.port then
    connections = hosts:arrived(how.port)
  else
    connections, requests = hosts:count((how.path or "ok"):match "^[^/]+")
  end
  assert.equal(expected or fault[3][3], requests or connections)
end

-- ---- class, delivery, attempts; and in time ----

local function describe_outcome(fault, i, world)
  it(fault[1], function()
    local result = world.play(i)
    matrix.assert_outcome(fault[3], result)
    assert_seen(world.hosts, fault)
    -- a wait before each repeat
    assert.equal(result.attempts > 1, result.slept > 0)
    assert.equal(0, (world.hosts:arrived "elsewhere"))
  end)

  it(fault[1] .. ", in time #timing", function()
    local best = math.huge
    for _ = 1, TRIES do
      best = math.min(best, world.play(i).seconds)
      if best <= fault[4] then return end
    end
    error(("it took %.3f s instead of %.3f"):format(best, fault[4]))
  end)
end

-- ---- nothing left behind ----

local function describe_rounds(fault, i, world)
  local rounds = math.min(world.rounds, fault.rounds or world.rounds)
  if rounds == 0 then return end
  it(("%s, %d times, and leaves nothing"):format(fault[1], rounds),
    function()
      world.run(i, WARM_UP)
      local wrong = leaks.of(function() world.run(i, rounds) end, world.held)
      world.finish(i)
      assert.is_nil(wrong)
    end)
end

-- ---- what it says of deliveries, and what arrived ----

local function set(list)
  local out = {}
  for _, value in ipairs(list) do out[math.floor(value)] = true end
  return out
end

local function assert_arrivals(world)
  local arrivals = world.hosts:arrivals()
  local begun, whole = set(arrivals.begun), set(arrivals.whole)
  local counts = {}
  for id, outcome in next, world.outcomes() do
    counts[outcome] = (counts[outcome] or 0) + 1
    if outcome == "success" then
      assert.is_true(whole[id], ("%d was no success"):format(id))
    elseif outcome == "not_sent" then
      assert.is_nil(begun[id], ("%d was sent"):format(id))
    end
  end
  for _, outcome in ipairs { "success", "not_sent", "rejected", "unknown" } do
    assert.is_truthy(counts[outcome], outcome)
  end
end

function matrix.describe(faults, world)
  busted.before_each(function() world.hosts:clear() end)

  for i, fault in ipairs(faults) do
    local reason = world.cannot and world.cannot[fault[1]]
    if reason then
      busted.pending(("%s (%s)"):format(fault[1], reason))
      world.cannot[fault[1]] = nil
    else
      describe_outcome(fault, i, world)
      describe_rounds(fault, i, world)
    end
  end

  it("receives what it receives: no delivery says otherwise", function()
    assert_arrivals(world)
  end)
end

return matrix
