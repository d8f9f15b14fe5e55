-- publish.lua - the work of easy_floor.c through client:publish.
-- usage: publish.lua PORT N [token | memory | CA]   over TLS with that CA
-- "memory" prints by how many kB the process grew after 10,000 publishes.
local iotdataplane = require "iotdataplane"

local port, count, mode = arg[1], tonumber(arg[2]) or 0, arg[3]

local ca = mode and mode:find("/", 1, true) and mode or nil

local SETTLED = 10000 -- publishes after which memory must stay as it is

local client = iotdataplane.client{
  region_name = "us-east-1",
  endpoint_url = (ca and "https://localhost:" or "http://127.0.0.1:")
    .. assert(port, "PORT is missing"),
  verify = ca,
  aws_access_key_id = "AKIDEXAMPLE",
  aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  -- 800 bytes, as temporary credentials have one
  aws_session_token = mode == "token" and ("IQoJb3JpZ2luX2Vj"):rep(50) or nil,
}

local function publish(n)
  for _ = 1, n do
    client:publish{ topic = "sensors/1", qos = 1, payload = "21.5" }
  end
end

-- Resident memory in kB, what was freed to the allocator included.
local function resident()
  local file = assert(io.open "/proc/self/status")
  local status = file:read "*a"
  file:close()
  return tonumber(status:match "VmRSS:%s*(%d+)")
end

if mode == "memory" then
  publish(SETTLED)
  local settled = resident()
  publish(count - SETTLED)
  print(resident() - settled)
else
  publish(count)
end
