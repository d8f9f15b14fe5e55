local cached = require "iotdataplane.credentials.cached"
local clients = require "spec.support.client"
local errors = require "iotdataplane.errors"
local stub = require "iotdataplane.transport.stub"

local NOW = 1440938160
local MINUTE = 60

-- A world whose credentials come from `give(time)`, at a time that only its
-- transport's sleep moves.
local function world_of(give, changes)
  local transport = stub({}, NOW)
  local options = { transport = transport, config = {
    logger = function(level, message)
      transport.said = (transport.said or "") .. level .. ": " .. message
    end,
  } }
  for name, value in pairs(changes or {}) do options[name] = value end
  local world
  options.credentials = options.credentials
    or function() return give(transport.time) end
  world = clients.world({}, options)
  world.transport, world.profile_name = transport, "default"
  return world, transport
end

-- Credentials number n, that last so many seconds from their making.
local function giver(lasting)
  local given = { n = 0 }
  return function(now)
    given.n = given.n + 1
    return { access_key = "AK" .. given.n, secret_key = "SK",
             expiry_time = now + lasting }
  end, given
end

local function key_of(credentials)
  return credentials and credentials.access_key
end

describe("kept credentials", function()
  it("are asked for once while they last", function()
    local give, given = giver(3600)
    local world, transport = world_of(give)
    local cache = cached.of(world)
    assert.equal("AK1", key_of(cached.get(cache, world)))
    transport.time = NOW + 3600 - 15 * MINUTE
    assert.equal("AK1", key_of(cached.get(cache, world)))
    assert.equal(1, given.n)
    assert.is_false(cached.is_due(cache.credentials, transport.time))
  end)

  it("are renewed under 15 minutes before their end", function()
    local give, given = giver(3600)
    local world, transport = world_of(give)
    local cache = cached.of(world)
    cached.get(cache, world)
    transport.time = NOW + 3600 - 15 * MINUTE + 1
    assert.is_true(cached.is_due(cache.credentials, transport.time))
    assert.equal("AK2", key_of(cached.get(cache, world)))
    assert.equal(2, given.n)
  end)

  it("without an end are never due", function()
    assert.is_false(cached.is_due({ access_key = "A" }, 1e18))
    assert.is_true(cached.is_due(nil, 0))
  end)

  -- Fails from the second time on.
  local function failing(reason)
    local n = 0
    return function(now)
      n = n + 1
      if n == 1 then
        return { access_key = "AK1", secret_key = "SK",
                 expiry_time = now + 3600 }
      end
      error(reason, 0)
    end
  end

  it("stay where an advisory renewal fails, and the logger hears", function()
    local world, transport = world_of(failing "no luck")
    local cache = cached.of(world)
    cached.get(cache, world)
    transport.time = NOW + 3600 - 12 * MINUTE
    assert.equal("AK1", key_of(cached.get(cache, world)))
    assert.truthy(transport.said:find("^warning: .*advisory.*no luck"))
  end)

  it("are an error where a mandatory renewal fails", function()
    local world, transport = world_of(failing "no luck")
    local cache = cached.of(world)
    cached.get(cache, world)
    transport.time = NOW + 3600 - 10 * MINUTE + 1
    local found, err = cached.get(cache, world)
    assert.is_nil(found)
    assert.equal("CredentialRetrievalError: Error when retrieving "
      .. "credentials from custom: no luck", tostring(err))
  end)

  it("are not asked for all the time while that fails slowly", function()
    local asked = 0
    local world, transport
    world, transport = world_of(function(now)
      asked = asked + 1
      if asked == 1 then
        return { access_key = "AK1", secret_key = "SK",
                 expiry_time = now + 3600 }
      end
      transport.time = transport.time + 30
      error("slow", 0)
    end)
    local cache = cached.of(world)
    cached.get(cache, world)
    transport.time = NOW + 3600 - 14 * MINUTE
    cached.get(cache, world)
    cached.get(cache, world)
    assert.equal(2, asked)
    transport.time = transport.time + 31
    cached.get(cache, world)
    assert.equal(3, asked)
  end)

  it("that are expired when they come are an error", function()
    local world = world_of(giver(-1))
    local found, err = cached.get(cached.of(world), world)
    assert.is_nil(found)
    assert.equal("RuntimeError: Credentials were refreshed, but the "
      .. "refreshed credentials are still expired.", tostring(err))
  end)
end)

-- ---- many at once ----

-- Runs them all side by side: a sleep is a yield, and time goes on when all
-- have yielded.
local function run_all(transport, functions)
  local threads, results = {}, {}
  transport.sleep = function(self, seconds)
    coroutine.yield()
    self.slept = (self.slept or 0) + seconds
  end
  for i, f in ipairs(functions) do threads[i] = coroutine.create(f) end
  local rounds, left = 0, #threads
  while left > 0 do
    rounds = rounds + 1
    assert(rounds < 10000, "they never end")
    for i, thread in ipairs(threads) do
      if coroutine.status(thread) == "suspended" then
        local ok, found, err = coroutine.resume(thread)
        assert(ok, found)
        if coroutine.status(thread) == "dead" then
          left = left - 1
          results[i] = { found, err }
        end
      end
    end
    transport.time = transport.time + 0.02
  end
  return results
end

local function callers(n, cache, world, deadline)
  local functions = {}
  for i = 1, n do
    functions[i] = function() return cached.get(cache, world, deadline) end
  end
  return functions
end

describe("a hundred callers at once", function()
  -- A provider that takes a while, and tells who holds the lease so.
  local function slow(transport, asked, outcome)
    return function(view)
      asked.n = (asked.n or 0) + 1
      for _ = 1, 10 do
        if view.lease then view.lease.till = view:monotonic() + 1 end
        coroutine.yield()
      end
      return outcome(transport.time, asked.n)
    end
  end

  local function good(now, n)
    return { access_key = "AK" .. n, secret_key = "SK",
             expiry_time = now + 3600 }
  end

  local function world_with(outcome)
    local asked = {}
    local world, transport
    world, transport = world_of(nil, { credentials = function(view)
      return slow(transport, asked, outcome)(view)
    end })
    return world, transport, asked
  end

  it("make one request at first", function()
    local world, transport, asked = world_with(good)
    local cache = cached.of(world)
    local results = run_all(transport, callers(100, cache, world))
    assert.equal(1, asked.n)
    for i = 1, 100 do assert.equal("AK1", key_of(results[i][1])) end
  end)

  it("make one request at expiry", function()
    local world, transport, asked = world_with(good)
    local cache = cached.of(world)
    cache.credentials = good(transport.time - 3600, 0)
    local results = run_all(transport, callers(100, cache, world))
    assert.equal(1, asked.n)
    for i = 1, 100 do assert.equal("AK1", key_of(results[i][1])) end
  end)

  it("share short-lived ones, too", function()
    local world, transport, asked = world_with(function(now, n)
      return { access_key = "AK" .. n, secret_key = "SK",
               expiry_time = now + 60 }
    end)
    local results = run_all(transport, callers(100, cached.of(world), world))
    assert.equal(1, asked.n)
    for i = 1, 100 do assert.equal("AK1", key_of(results[i][1])) end
  end)

  it("go on with the old ones while one renews in time", function()
    local world, transport, asked = world_with(good)
    local cache = cached.of(world)
    cache.credentials = good(transport.time - 3600 + 14 * MINUTE, 0)
    local results = run_all(transport, callers(100, cache, world))
    assert.equal(1, asked.n)
    assert.equal("AK1", key_of(results[1][1]))
    for i = 2, 100 do assert.equal("AK0", key_of(results[i][1])) end
    assert.is_nil(transport.slept)
  end)

  it("share a failure, each with an error of its own", function()
    local world, transport, asked = world_with(function()
      return nil, errors.new("NoCredentialsError")
    end)
    local results = run_all(transport, callers(100, cached.of(world), world))
    assert.equal(1, asked.n)
    for i = 1, 100 do
      assert.is_nil(results[i][1])
      assert.equal("NoCredentialsError", results[i][2].name)
      assert.is_true(results[i][2]:is_a "BotoCoreError")
      assert.is_true(i == 1 or results[i][2] ~= results[1][2])
    end
  end)

  it("take over from one that was abandoned", function()
    local world, transport, asked = world_with(good)
    local cache = cached.of(world)
    local abandoned = coroutine.create(function()
      cached.get(cache, world)
    end)
    coroutine.resume(abandoned)
    assert.equal(1, asked.n)
    local results = run_all(transport, callers(100, cache, world))
    assert.equal(2, asked.n)
    for i = 1, 100 do assert.equal("AK2", key_of(results[i][1])) end
  end)

  it("wait no longer than their own time", function()
    local world, transport = world_with(good)
    local cache = cached.of(world)
    local functions = callers(1, cache, world)
    functions[2] = function()
      return cached.get(cache, world, transport.time + 0.1)
    end
    local results = run_all(transport, functions)
    assert.equal("AK1", key_of(results[1][1]))
    assert.equal("ApiCallTimeoutError", results[2][2].name)
  end)

  it("do not fail for want of another's time", function()
    local world, transport, asked = world_with(function(now, n)
      if n > 1 then return good(now, n) end
      return nil, errors.new("ApiCallTimeoutError", { endpoint_url = "" })
    end)
    local results = run_all(transport, callers(3, cached.of(world), world))
    assert.equal(2, asked.n)
    assert.equal("ApiCallTimeoutError", results[1][2].name)
    assert.equal("AK2", key_of(results[2][1]))
    assert.equal("AK2", key_of(results[3][1]))
  end)
end)

-- ---- who shares ----

describe("clients", function()
  local function cache_of(environment, options)
    local world = clients.world(environment, options)
    world.profile_name = options.profile_name or "default"
    return cached.of(world)
  end

  it("of one source share what is kept", function()
    local transport = stub()
    local a = cache_of({ HOME = "/nowhere" }, { transport = transport })
    local b = cache_of({ HOME = "/nowhere" }, { transport = transport })
    assert.equal(a, b)
    assert.equal(cache_of({ HOME = "/nowhere" }, {}),
                 cache_of({ HOME = "/nowhere" }, {}))
  end)

  it("of another source have their own", function()
    local transport = stub()
    local function of(environment, options)
      options = options or {}
      options.transport = options.transport or transport
      return cache_of(environment, options)
    end
    local a = of { HOME = "/nowhere" }
    assert.are_not.equal(a, of { HOME = "/elsewhere" })
    assert.are_not.equal(a, of({ HOME = "/nowhere" },
                               { profile_name = "p" }))
    assert.are_not.equal(a, of({ HOME = "/nowhere" },
                               { transport = stub() }))
    assert.are_not.equal(a, of { HOME = "/nowhere", AWS_ROLE_ARN = "r" })
    local f = function() end
    local by_f = of({}, { credentials = f })
    assert.are_not.equal(a, by_f)
    assert.equal(by_f, of({}, { credentials = f }))
    assert.are_not.equal(by_f, of({}, { credentials = function() end }))
  end)

  it("with keys of their own share nothing", function()
    local options = { aws_access_key_id = "A", aws_secret_access_key = "S" }
    assert.are_not.equal(cache_of({}, options), cache_of({}, options))
  end)
end)
