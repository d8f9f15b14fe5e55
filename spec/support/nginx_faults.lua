-- nginx_faults.lua - the faults of spec/faults.lua inside an nginx worker
--
--   init_by_lua_block {
--     require "spec.support.nginx_faults".init "{...}"    the server's ports
--   }
--   location = /play { content_by_lua_block {
--     require "spec.support.nginx_faults".answer()        ?what=play&row=1
--   } }
--
-- It answers for spec/support/fault_matrix.lua, which holds the outcomes to
-- the table on the other side.

-- What is global before there is anything of ours.
local globals = {}
for name, value in next, _G do globals[name] = value end

local cjson = require "cjson"
local faults = require "spec.faults".with_names
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local new = require "iotdataplane.transport.nginx"
local runner = require "spec.support.fault_runner"

-- luacheck: read globals ngx

local IN_GENERAL = { max_idle_time = 50, max_pool_connections = 10 }
-- One connection for two threads: each fault ends with another that waits.
local CROWDED = { max_idle_time = 50, max_pool_connections = 1 }
local CROWD = 2

local hosts
local transports = {} -- of the rounds

-- ---- what a transport has ----

local function each_pool(transport)
  return next, transport.real.pools.all
end

-- How many connections may be taken again. None may, afterwards.
local function take_kept(transport)
  local n = 0
  for _, pool in each_pool(transport) do
    local sock = ngx.socket.tcp()
    while sock:connect("", 0, { pool = pool.name }) do
      n = n + 1
      sock:close()
    end
  end
  return n
end

-- What a pool lacks that nobody uses.
local function lack_of(transport)
  for _, pool in each_pool(transport) do
    local room = pool.room + math.max(0, pool.gate:count())
    if room ~= pool.options.pool_size or #pool.held > 0 then
      return ("room for %d of %d, %d are held"):format(room,
        pool.options.pool_size, #pool.held)
    end
  end
end

-- ---- what is asked for ----

local what = {}

-- What is left open is seen before the request ends, or garbage is collected.
function what.play(row)
  local transport = runner.transport(new, IN_GENERAL)
  hosts:stats() -- from now on the way to ask is open
  local before = leaks.descriptors()
  local result = runner.publish(transport, hosts, faults[row][2])
  result.kept = take_kept(transport)
  result.lack = lack_of(transport)
  result.open = leaks.descriptors() - before
  transport.close()
  return result
end

-- Side by side, but where all connections are ended that are kept.
function what.run(row, times)
  local fault = faults[row]
  transports[row] = transports[row] or runner.transport(new, CROWDED)
  local crowd = fault[2].warm and 1 or CROWD
  local threads = {}
  for i = 1, crowd do
    threads[i] = ngx.thread.spawn(runner.run, transports[row], hosts, fault,
                                  math.ceil(times / crowd))
  end
  for i = 1, crowd do assert(ngx.thread.wait(threads[i])) end
  return { lack = lack_of(transports[row]) }
end

function what.finish(row)
  transports[row].close()
  transports[row] = nil
  return {}
end

function what.held()
  local held = leaks.held()
  held.timers = ngx.timer.running_count() + ngx.timer.pending_count()
  return held
end

function what.outcomes()
  return runner.told()
end

-- The names of what is global and was not, or not so.
function what.globals()
  local names = {}
  for name, value in next, _G do
    if globals[name] ~= value then names[#names + 1] = tostring(name) end
  end
  return names
end

-- ---- who asks ----

local nginx_faults = {}

function nginx_faults.init(path)
  local file = assert(io.open(path))
  hosts = hostile.at(cjson.decode(file:read "*a"), new(IN_GENERAL))
  file:close()
end

function nginx_faults.answer()
  local args = ngx.req.get_uri_args()
  ngx.say(cjson.encode(what[args.what](tonumber(args.row),
                                       tonumber(args.times))))
end

return nginx_faults
