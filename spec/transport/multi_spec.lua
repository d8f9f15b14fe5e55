local alone = require "spec.transport_alone"
local files = require "spec.support.files"
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local new_curl = require "iotdataplane.transport.curl"
local contract = require "spec.transport_contract"
local new = require "iotdataplane.transport.multi"

local CAN = { client_certificate = true, late_alert = true, alpn = true }

local function new_transport(changes)
  local options = { max_idle_time = 50, max_pool_connections = 10 }
  for name, value in next, changes or {} do options[name] = value end
  return new(options)
end

describe("the multi transport", function()
  contract(new_transport, CAN)
end)

-- Under valgrind one of the two is long enough; the sanitizers see both.
if not leaks.in_valgrind then
  describe("the multi transport by poll", function()
    contract(function() return new_transport { by_poll = true } end, CAN)
  end)
end

describe("the multi transport alone", function() alone "multi" end)

-- ---- proxies ----

-- A spec that was written for the other transport.
local function read_spec(path)
  local name = "iotdataplane.transport.curl"
  local env = setmetatable({
    describe = describe, it = it, setup = setup, teardown = teardown,
    before_each = before_each, after_each = after_each, assert = assert,
    pending = pending, finally = finally,
  }, { __index = _G })
  local chunk = assert(loadfile(path, "t", env))
  local set_environment = rawget(_G, "setfenv") -- Lua 5.1's
  if set_environment then set_environment(chunk, env) end
  package.loaded[name] = new
  chunk()
  package.loaded[name] = new_curl
end

if not leaks.in_valgrind then
  describe("the multi transport", function()
    read_spec "spec/transport/proxy_spec.lua"
  end)
end

-- ---- many connections ----

-- Bytes that this process has read from files.
local function bytes_read()
  local io_file = io.open "/proc/self/io"
  if not io_file then return nil end
  local text = io_file:read "*a"
  io_file:close()
  return tonumber(text:match "rchar: (%d+)")
end

describe("the multi transport", function()
  local hosts

  setup(function() hosts = hostile.start() end)

  teardown(function() hosts:stop() end)

  it("reads a bundle once for all that connect at once", function()
    local N = 8
    local bundle = files.read(hosts.ca_pem):rep(100)
    local path = os.tmpname()
    files.write(path, bundle)
    local transport, tasks = new_transport(), {}
    local before = bytes_read()
    for i = 1, N do
      tasks[i] = transport:spawn(function()
        return transport:send {
          method = "GET", scheme = "https", host = "localhost",
          port = hosts.https, path = "/late", query = "", headers = {},
          body = "", connect_timeout = 10, read_timeout = 10, replay = true,
          tls = { verify = path },
        }
      end)
    end
    for i = 1, N do
      assert.is_true(transport:join(tasks[i], 20))
      assert.equal(200, tasks[i][1] and tasks[i][1].status)
    end
    os.remove(path)
    assert.equal(N, #hosts:stats().connections)
    if not before then return pending "no /proc/self/io" end
    assert.is_true(bytes_read() - before < 2 * #bundle)
  end)
end)

-- ---- fork ----

-- LuaJIT's, the only Lua that can. In the child nothing that the parent has
-- under way goes on; the parent does not notice.
if rawget(_G, "jit") then
  describe("the multi transport's work under way", function()
    local hosts

    setup(function() hosts = hostile.start() end)

    teardown(function() hosts:stop() end)

    local function request(scheme, path)
      return {
        method = "GET", scheme = scheme, host = "localhost",
        port = hosts[scheme], path = path, query = "", headers = {},
        body = "", connect_timeout = 10, read_timeout = 10, replay = true,
        tls = { verify = hosts.ca_pem },
      }
    end

    -- What became of them, as a text; `status` of a child that says it.
    local function texts(tasks)
      local out = {}
      for i, task in ipairs(tasks) do
        local response, failure = task[1], task[2]
        out[i] = response and tostring(response.status) or failure.name
      end
      return table.concat(out, " ")
    end

    it("is left to the parent by a child", function()
      local ffi = require "ffi"
      pcall(ffi.cdef, [[
        int fork(void); int waitpid(int, int *, int); void _exit(int);
      ]])
      local transport, tasks = new_transport(), {}
      for i, scheme in ipairs { "http", "https", "http", "https" } do
        tasks[i] = transport:spawn(function()
          return transport:send(request(scheme, "/late"))
        end)
      end
      hosts:wait(function(stats)
        transport:step(0)
        local late = stats.behaviours.late
        return late and late.requests == 4
      end)
      local pid = ffi.C.fork()
      if pid == 0 then
        local ok = pcall(function()
          for _, task in ipairs(tasks) do transport:join(task, 5) end
          assert(texts(tasks) == ("ConnectionClosedError "):rep(4):sub(1, -2))
          assert(transport:send(request("https", "/ok")).status == 200)
        end)
        ffi.C._exit(ok and 0 or 1)
      end
      for _, task in ipairs(tasks) do transport:join(task, 5) end
      assert.equal("200 200 200 200", texts(tasks))
      local status = ffi.new "int[1]"
      ffi.C.waitpid(pid, status, 0)
      assert.equal(0, status[0])
      assert.equal(200, transport:send(request("https", "/ok")).status)
    end)
  end)
end
