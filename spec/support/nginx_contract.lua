-- nginx_contract.lua - the transport contract inside an nginx worker
--
--   location = /tests { content_by_lua_block {
--     require "spec.support.nginx_contract".list "{...}"   the server's ports
--   } }
--   location = /test { content_by_lua_block {
--     require "spec.support.nginx_contract".run()          ?number
--   } }
--
-- busted itself cannot run in there, as it ends the process: what describes
-- the contract is collected here, and run test by test, at its own words.

local cjson = require "cjson"
local luassert = require "luassert"
local new = require "iotdataplane.transport.nginx"

-- luacheck: read globals ngx setfenv

local HOOKS = { "setup", "teardown", "before_each", "after_each" }

local busted = { assert = luassert }
local current -- the describe block that is being read
local tests = {}

-- ---- what the contract is read with ----

local function new_block(name, parent)
  local block = { name = name, parent = parent }
  for _, hook in ipairs(HOOKS) do block[hook] = {} end
  return block
end

function busted.describe(name, describe)
  local outer = current
  current = new_block(outer and outer.name .. name .. " " or name, outer)
  describe()
  current = outer
end

function busted.it(name, run)
  tests[#tests + 1] =
    { name = current.name .. name, run = run, block = current }
end

for _, hook in ipairs(HOOKS) do
  busted[hook] = function(run)
    local hooks = current[hook]
    hooks[#hooks + 1] = run
  end
end

-- ---- how it is run ----

local function call_all(hooks)
  for _, hook in ipairs(hooks) do hook() end
end

-- From the outermost block inwards: its setup if that has not been, and what
-- stands before each test.
local function prepare(block)
  if not block then return end
  prepare(block.parent)
  if not block.is_set_up then
    block.is_set_up = true
    call_all(block.setup)
  end
  call_all(block.before_each)
end

local function clean_up(block)
  while block do
    call_all(block.after_each)
    block = block.parent
  end
end

local function text_of(err)
  if type(err) == "table" and err.message == nil then
    return cjson.encode(err)
  end
  return tostring(type(err) == "table" and err.message or err)
end

local function trace(err)
  return debug.traceback(text_of(err), 2)
end

local function run(test)
  local ok, err = xpcall(function()
    prepare(test.block)
    test.run()
  end, trace)
  local clean, why = xpcall(clean_up, trace, test.block)
  return ok and clean, not ok and err or why
end

-- ---- what it is asked ----

local contract = {}

-- What runs already is not started.
local function stand_in(record)
  local Server = { stop = function() end }
  Server.__index = Server
  return { start = function()
    local started = {}
    for name, value in next, record do
      started[name] = type(value) == "number" and math.floor(value) or value
    end
    return setmetatable(started, Server)
  end }
end

function contract.new_transport(changes)
  local options = { max_idle_time = 50, max_pool_connections = 10 }
  for name, value in next, changes or {} do options[name] = value end
  return new(options)
end

-- Reads a spec that was written for the other transport.
local function read_spec(path)
  local root = debug.getinfo(1, "S").source:match "^@(.*)spec/support/"
  local chunk = assert(loadfile(root .. path))
  setfenv(chunk, setmetatable(busted, { __index = _G }))
  package.loaded["iotdataplane.transport.curl"] = contract.new_transport
  chunk()
  package.loaded["iotdataplane.transport.curl"] = nil
end

-- Reads the contract, and says the tests' names as JSON.
function contract.list(path)
  if #tests == 0 then
    local file = assert(io.open(path))
    package.loaded["spec.support.server"] =
      stand_in(cjson.decode(file:read "*a"))
    file:close()
    package.loaded["busted"] = busted
    busted.describe("", function()
      local describe_all = require "spec.transport_contract"
      describe_all(contract.new_transport, { client_certificate = true })
      read_spec "spec/transport/proxy_spec.lua"
      require "spec.support.nginx_beyond".describe(busted,
                                                   contract.new_transport)
    end)
  end
  local names = {}
  for i, test in ipairs(tests) do names[i] = test.name end
  ngx.say(cjson.encode(names))
end

-- Runs one test, and says as JSON what came of it.
function contract.run()
  local ok, message = run(tests[tonumber(ngx.var.args)])
  ngx.say(cjson.encode { ok = ok, message = message and tostring(message) })
end

return contract
