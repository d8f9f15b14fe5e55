-- rocks_publish.lua - publishes with an installed rock: run by rocks.sh, with
-- nothing of this tree's on package.path but the specs' helpers

local iotdataplane = require "iotdataplane"

local installed = assert(package.path:match("^[^?]+"))
package.path = package.path .. ";./?.lua"
local dataplane = require "spec.support.dataplane"

assert(debug.getinfo(iotdataplane.client, "S").source
  :find(installed, 1, true), "that is not the installed one")

local plane = dataplane.start()
local ok, err = pcall(function()
  local subscription = plane:subscribe("rock", 1)
  local client = iotdataplane.client {
    region_name = plane.region, endpoint_url = plane.https, verify = plane.ca,
    aws_access_key_id = plane.access_key_id,
    aws_secret_access_key = plane.secret_access_key,
  }
  client:publish { topic = "rock", qos = 1, payload = "from a rock" }
  assert(subscription:messages()[1].payload == "from a rock")
end)
plane:stop()
if not ok then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
