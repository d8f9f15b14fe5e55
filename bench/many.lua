-- many.lua - the work of multi_floor.c through client:publish_many.
-- usage: many.lua URL IN_FLIGHT N [CA]
-- Prints CPU us a message, what it takes to connect left out, what the process
-- grew by in kB meanwhile, and messages a second.
local monotonic = require "iotdataplane.core".monotonic
local iotdataplane = require "iotdataplane"

local url, in_flight = assert(arg[1], "URL is missing"), tonumber(arg[2])
local count = tonumber(arg[3])

local client = iotdataplane.client{
  region_name = "us-east-1", endpoint_url = url, verify = arg[4],
  aws_access_key_id = "AKIDEXAMPLE",
  aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  config = { max_pool_connections = in_flight },
}

local function publish(n)
  local i = 0
  local summary = client:publish_many(function()
    i = i + 1
    if i > n then return nil end
    return { topic = "sensors/1", qos = 1, payload = "21.5" }
  end, { concurrency = in_flight })
  if summary.failed > 0 then error(select(2, next(summary.errors)), 0) end
end

-- Resident memory in kB, what was freed to the allocator included.
local function resident()
  local file = assert(io.open "/proc/self/status")
  local status = file:read "*a"
  file:close()
  return tonumber(status:match "VmRSS:%s*(%d+)")
end

-- The kernel acknowledges a connection's first packets one by one.
publish(32 * in_flight)
local start, began, settled = monotonic(), os.clock(), resident()
publish(count)
print(("%.3f %d %.1f"):format((os.clock() - began) / count * 1e6,
  resident() - settled, count / (monotonic() - start)))
