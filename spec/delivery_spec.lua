-- Many publishes through a service that fails one in three at random, one
-- after the other or many at once: each ends, and what it says of its delivery
-- agrees with what was accepted.

local ask = require "spec.support.ask"
local cjson = require "cjson"
local clients = require "spec.support.client"
local leaks = require "spec.support.fault_leaks"
local new_curl = require "iotdataplane.transport.curl"
local new_multi = require "iotdataplane.transport.multi"
local runner = require "spec.support.fault_runner"
local server = require "spec.support.server"

local PATIENCE = 10 -- seconds, where nothing should wait
local IN_FLIGHT = 64

-- The work is the same in every Lua.
local is_quick = rawget(_G, "jit") or _VERSION == "Lua 5.4"
local MESSAGES = is_quick and not leaks.in_valgrind and 10000 or 1000

local SEED = tonumber(os.getenv "SEED") or os.time() % 1000000

-- The transport multi, but for the waits between attempts: these are short.
local function multi_that_rests()
  local transport = new_multi { max_idle_time = 50, max_pool_connections = 10 }
  local sleep = transport.sleep
  function transport.sleep(self) return sleep(self, 0.001) end
  return transport
end

describe(("%d publishes (SEED=%d)"):format(MESSAGES, SEED), function()
  local service, asker

  setup(function()
    service = server.start "hostile_lossy.py"
    asker = new_curl { max_idle_time = 50, max_pool_connections = 1 }
  end)

  teardown(function() service:stop() end)

  local function get(target)
    return cjson.decode((ask(asker, service.control, target)))
  end

  local function new_client(transport, retries)
    return clients.at(("http://127.0.0.1:%d"):format(service.http), {
      transport = transport,
      config = { connect_timeout = PATIENCE, read_timeout = PATIENCE,
                 retries = retries },
    })
  end

  -- Publishes them all; how each ended, by its id.
  local function publish_all(retries)
    local transport, outcomes = runner.transport(new_curl), {}
    local client = new_client(transport, retries)
    for i = 1, MESSAGES do
      local id = "id-" .. i
      local ok, result =
        pcall(client.publish, client, { topic = "a/b", payload = id })
      if ok then
        assert.equal(200, result.ResponseMetadata.HTTPStatusCode)
      else
        assert(type(result) == "table", result)
      end
      outcomes[id] = ok and "success" or result.delivery
    end
    client:close()
    return outcomes
  end

  local function outcome_of(response, err)
    if not response then return err.delivery end
    assert.equal(200, response.ResponseMetadata.HTTPStatusCode)
    return "success"
  end

  -- The same, many at once: each is heard of once.
  local function publish_at_once(retries)
    local transport, outcomes, asked = multi_that_rests(), {}, 0
    local client = new_client(transport, retries)
    local summary = client:publish_many(function()
      asked = asked + 1
      return asked <= MESSAGES
        and { topic = "a/b", payload = "id-" .. asked } or nil
    end, { concurrency = IN_FLIGHT, on_result = function(i, response, err)
      assert(outcomes["id-" .. i] == nil)
      outcomes["id-" .. i] = outcome_of(response, err)
    end })
    assert.equal(MESSAGES, summary.succeeded + summary.failed)
    client:close()
    return outcomes
  end

  -- What may be accepted: that of a success is, that of another must not be.
  local allowed = {
    success = { [true] = true }, unknown = { [true] = true, [false] = true },
    not_sent = { [false] = true }, rejected = { [false] = true },
  }

  -- How many there are of each outcome; to see that nothing was sent takes a
  -- rare chance.
  local function agree(outcomes, accepted)
    local counts = { success = 0, not_sent = 0, rejected = 0, unknown = 0 }
    for id, outcome in pairs(outcomes) do
      counts[outcome] = counts[outcome] + 1
      local is_accepted = accepted[id] ~= nil
      assert.is_true(allowed[outcome][is_accepted],
        ("%s is %s, and %saccepted"):format(id, outcome,
          is_accepted and "" or "not "))
    end
    for id in pairs(accepted) do assert.is_string(outcomes[id]) end
    for outcome, count in pairs(counts) do
      assert.is_true(count > 0 or outcome == "not_sent",
        "none is " .. outcome)
    end
    return counts
  end

  -- How many were accepted, of those that did not succeed too; and how often
  -- at most.
  local function count(accepted, outcomes)
    local n, lost, most = 0, 0, 0
    for id, times in pairs(accepted) do
      n, most = n + 1, math.max(most, times)
      if outcomes[id] == "unknown" then lost = lost + 1 end
    end
    return n, lost, most
  end

  -- It failed as it should: all told one in three, and in every way.
  local function assert_lossy(fates)
    local failed, all, ways = 0, 0, 0
    for fate, times in pairs(fates) do
      all, ways = all + times, ways + 1
      if fate ~= "ok" then failed = failed + times end
    end
    assert.equal(12, ways)
    assert.is_true(failed / all > 0.27 and failed / all < 0.4)
  end

  local function play(retries, publish)
    get("/_begin/" .. SEED)
    local outcomes = (publish or publish_all)(retries)
    local told = get "/_accepted"
    local counts = agree(outcomes, told.accepted)
    local n, lost, most = count(told.accepted, outcomes)
    assert.equal(counts.success + lost, n)
    assert_lossy(told.fates)
    return most
  end

  it("end in success, or in an error that tells the truth", function()
    assert.is_true(play() > 1) -- some were repeated in vain
  end)

  it("arrive once at the most where that is asked for", function()
    assert.equal(1, play { resend_unknown = false })
  end)

  it("tell the truth without any repeat", function()
    play { total_max_attempts = 1 }
  end)

  it("do so at once, too", function()
    assert.is_true(play(nil, publish_at_once) > 1)
  end)

  it("arrive at once, and once at the most", function()
    assert.equal(1, play({ resend_unknown = false }, publish_at_once))
  end)
end)
