-- fault_child.lua - plays the faults of names, in a process whose getaddrinfo
-- is slow_names.c's: lua fault_child.lua PORT; a line of JSON for each

local cjson = require "cjson"
local faults = require "spec.faults"
local leaks = require "spec.support.fault_leaks"
local new_curl = require "iotdataplane.transport.curl"
local runner = require "spec.support.fault_runner"

local server = { http = tonumber((...)) }
local TRIES = 3 -- to see it in time: the machine has other things to do
local ROUNDS = 100
local PATIENCE = 10 -- seconds for late answers to come, and be dropped

-- The best of several.
local function play(how)
  local best
  for _ = 1, TRIES do
    local result = runner.play(new_curl, server, how)
    if not best or result.seconds < best.seconds then best = result end
  end
  return best
end

-- A thread that waits for a name holds what it needs until that has come.
local function play_rounds(how, rounds)
  local transport = runner.transport(new_curl)
  local function run()
    for _ = 1, rounds do runner.publish(transport, server, how) end
  end
  run()
  local till = transport:monotonic() + PATIENCE
  while transport:monotonic() < till and leaks.of(run) do end
  return leaks.of(run)
end

for _, fault in ipairs(faults.of_names) do
  local result = play(fault[2])
  result.wrong = play_rounds(fault[2], fault.rounds or ROUNDS)
  print(cjson.encode(result))
  io.stdout:flush()
end
os.exit(0) -- the name server's threads are still at it
