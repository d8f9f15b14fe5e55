-- alloc_spec.lua - whichever allocation of Lua's fails, a call ends in an
-- error that says so, the next one works, and nothing is leaked. What is not
-- Lua's own memory, valgrind and `make asan` look after here.

local hostile = require "spec.support.hostile"
local server = require "spec.support.server"

local is_jit = rawget(_G, "jit") ~= nil
local lua = is_jit and "luajit" or "lua" .. _VERSION:match "[%d.]+"

-- Lua 5.2 and later collect garbage and try again before they give up.
local tries_again = not is_jit and _VERSION ~= "Lua 5.1"

-- A call that allocates less often is not the one that was meant.
local ENOUGH = 5

-- spec/support/alloc.c, compiled for this Lua.
local function compile()
  local path = os.tmpname()
  local command = "cc -std=gnu99 -shared -fPIC -g -O1 -o %s "
    .. "spec/support/alloc.c $(pkg-config --cflags %s)"
  assert(server.run(command:format(server.quote(path), lua)),
    "spec/support/alloc.c does not compile")
  local open = assert(package.loadlib(path, "luaopen_alloc"))
  os.remove(path)
  return open()
end

-- LuaJIT crashes by itself where memory runs out in a compiled trace, until
-- its commit 2d8300c1 of June 2023; and in its string.lower and upper.
local prelude = [[
  local http, https, ca
  package.path, package.cpath, http, https, ca = ...
  if jit then
    jit.off()
    local lower, upper = {}, {}
    for i = ("A"):byte(), ("Z"):byte() do
      local u, l = string.char(i), string.char(i + 32)
      lower[u], upper[l] = l, u
    end
    function string.lower(s) return (s:gsub("%u", lower)) end
    function string.upper(s) return (s:gsub("%l", upper)) end
  end
  unpack = unpack or table.unpack
  local stub = require "iotdataplane.transport.stub"
  local function client(url, transport)
    return require "iotdataplane".client {
      region_name = "eu-west-1", endpoint_url = url, verify = ca,
      aws_access_key_id = "AKID", aws_secret_access_key = "secret",
      aws_session_token = "token", transport = transport,
      config = { retries = { total_max_attempts = 2 } },
    }
  end
  local function publish(c)
    local metadata = c:publish {
      topic = "sensors/1", qos = 1, payload = "21.5", retain = false,
      contentType = "text/plain", userProperties = { { unit = "C" } },
    }.ResponseMetadata
    assert(metadata.HTTPStatusCode == 200)
    return metadata
  end
]]

local cases = {
  ["opening the modules in C"] = [[
    return function()
      for _, name in ipairs { "core", "curl" } do
        package.loaded["iotdataplane." .. name] = nil
        require("iotdataplane." .. name)
      end
    end
  ]],

  -- Each time with another text: one that is there need not be allocated.
  -- But the call after a failure has the same one.
  ["every function of the core"] = [[
    local core = require "iotdataplane.core"
    local headers, n = { { "host", "h" }, { "x-amz-a", "b" } }, 0
    return function()
      n = n + 0.5
      local i = math.floor(n)
      local text, now = i .. ("a /"):rep(50), 1440938160 + i
      core.uri_encode(text) core.uri_normalize(text) core.date(now)
      core.base64_decode(core.base64_encode(text)) core.uuid()
      core.sha256(text) core.sha1(text) core.check_certificate(text, text)
      core.write_request("POST", "/", "", headers, text)
      local signed, got = core.sign("POST", "/", "", headers, text, "AKID",
        text, text, "r", "s", now, false, false, true), {}
      for _, header in ipairs(signed) do
        local name, value = unpack(header)
        got[name] = value
      end
      assert(got["x-amz-date"] == core.date(now))
      assert(got["x-amz-security-token"] == text)
      local canonical = core.canonical_request("POST", "/", "", headers, text)
      core.string_to_sign(canonical, "r", "s", core.date(now))
      core.signature(text, "secret", "r", "s", core.date(now))
      local reader = core.reader()
      reader:feed("HTTP/1.1 200 OK\r\nA: \228" .. n .. "\r\n\r\n")
      reader:feed(text)
      reader:response()
    end
  ]],

  ["running a program"] = [[
    local run = require "iotdataplane.core".run
    return function() assert(run({ "true" }).status == 0) end
  ]],

  ["a publish through a transport of the user's own"] = [[
    local c = client("http://localhost", stub())
    return function() publish(c) end
  ]],

  ["a publish that is tried twice"] = [[
    local transport = stub { { status = 503 }, { status = 200 } }
    local c = client("http://localhost", transport)
    return function()
      transport.requests = {}
      assert(publish(c).RetryAttempts == 1)
    end
  ]],

  ["a publish that is refused"] = [[
    local c = client("http://localhost", stub { {
      status = 403, body = '{"message":"no"}',
      headers = { { "x-amzn-errortype", "ForbiddenException:" } },
    } })
    return function()
      local response, err = c:try("publish", { topic = "a" })
      assert(not response)
      if err.name ~= "ForbiddenException" then error(err, 0) end
    end
  ]],

  ["a presigned URL"] = [[
    local c = client("http://localhost", stub())
    return function()
      assert(c:presigned_mqtt_url { expires_in = 60 }:find "Token=token$")
    end
  ]],

  ["a publish over a kept connection"] = [[
    local c = client(http)
    return function() publish(c) end
  ]],

  ["a publish over a kept connection of TLS"] = [[
    local c = client(https)
    return function() publish(c) end
  ]],

  -- What is in flight when memory ends may end in the next call.
  ["many publishes at once"] = [[
    local c = client(http)
    return function()
      local n = 0
      local summary = c:publish_many(function()
        n = n + 1
        return n <= 4 and { topic = "a", payload = tostring(n) } or nil
      end, { concurrency = 2 })
      local _, err = next(summary.errors)
      if err then error(err, 0) end
      assert(summary.succeeded == 4)
    end
  ]],

  ["a future"] = [[
    local c = client(http)
    return function()
      local future = c:publish_async { topic = "a", payload = "b" }
      assert(future:result().ResponseMetadata.HTTPStatusCode == 200)
    end
  ]],

  ["a new client's first publish"] = [[
    return function()
      local c = client(http)
      publish(c)
      c:close()
    end
  ]],
}

-- Runs a spec in such a state: busted has no place there. The collector's
-- mode is the interpreter's; the other one takes minutes.
local run_spec = [[
  if _VERSION == "Lua 5.4" then collectgarbage "generational" end
  function describe(_, f) f() end
  it = describe
  local function equal(expected, got)
    if expected ~= got then error(tostring(got), 2) end
  end
  assert = setmetatable({ are = { equal = equal } }, {
    __call = function(_, ok, why) return ok or error(why, 2) end,
  })
  dofile(...)
]]

-- Finalizers run in the order opposite to that of their objects.
local late_finalizer = [[
  package.path, package.cpath = ...
  local core
  local object = newproxy and newproxy(true) or {}
  local meta = newproxy and getmetatable(object) or {}
  function meta.__gc()
    for _ = 1, 2 do
      pcall(core.sha256, "a")
      pcall(core.uri_encode, ("a "):rep(999))
      pcall(core.sign, "GET", "/", "", { { "host", "h" } }, "", "A", "s", nil,
        "r", "s", 1e9)
    end
  end
  kept = newproxy and object or setmetatable(object, meta)
  core = require "iotdataplane.core"
  for _, f in pairs(core) do pcall(f) end -- they raise
]]

local names = {}
for name in pairs(cases) do names[#names + 1] = name end
table.sort(names)

describe("where memory runs out", function()
  local alloc, hosts

  setup(function()
    alloc = compile()
    hosts = hostile.start()
  end)

  teardown(function() hosts:stop() end)

  local function new_state(name)
    local state = alloc.new()
    if not state then return nil end
    assert(state:load(prelude .. cases[name], package.path, package.cpath,
      "http://127.0.0.1:" .. hosts.http .. "/ok",
      "https://localhost:" .. hosts.https .. "/ok", hosts.ca_pem))
    return state
  end

  local function check_works(state)
    local kind, text = state:call()
    assert.equal("ok nil", kind .. " " .. text)
  end

  local function check_failed(kind, text, once)
    if tries_again and once then return assert.equal("ok", kind) end
    if kind == "ok" then return end -- it was optional
    assert.truthy(text:find("not enough memory", 1, true), text)
  end

  -- Fails each allocation in its turn, until the call has no more of them.
  local function fail_each(state, once)
    local n = 0
    while true do
      local kind, text, failed = state:call(n + 1, once)
      if not failed then break end
      check_failed(kind, text, once)
      check_works(state)
      n = n + 1
    end
    assert.is_true(n >= ENOUGH)
  end

  for _, name in ipairs(names) do
    for _, how in ipairs { "one allocation", "all from one on" } do
      it(("leaves %s clean, %s failing"):format(name, how), function()
        collectgarbage() -- what other specs have left
        local descriptors = alloc.descriptors()
        local state = new_state(name)
        if not state then return pending "no allocator may be given" end
        for _ = 1, 3 do check_works(state) end
        fail_each(state, how == "one allocation")
        assert.equal(0, state:close())
        assert.equal(descriptors, alloc.descriptors())
      end)
    end
  end

  it("leaves core ready for finalizers", function()
    local state = new_state "every function of the core"
    if not state then return pending "no allocator may be given" end
    fail_each(state, false)
    assert(state:load(run_spec, "spec/core/finalizer_spec.lua"))
    assert.equal(0, state:close())
  end)

  it("leaves what comes after core's own finalizers alone", function()
    local state = alloc.new()
    if not state then return pending "no allocator may be given" end
    assert(state:load(late_finalizer, package.path, package.cpath))
    assert.equal(0, state:close())
  end)
end)
