-- client.lua - clients in an environment that is not this process's own

local new_client = require "iotdataplane.client"
local new_world = require "iotdataplane.credentials.world"
local options_misuse = require "iotdataplane.options"
local profile = require "iotdataplane.profile"
local settings = require "iotdataplane.settings"

local client = {}

---A world whose variables are these alone.
function client.world(environment, options)
  local function getenv(name) return (environment or {})[name] end
  return new_world {
    options = options, getenv = getenv, files = profile.files(getenv),
  }
end

---The settings of a world, or nil and an error.
function client.resolve(world)
  assert(options_misuse(world.options) == nil, options_misuse(world.options))
  return settings.resolve(world, "0")
end

---As iotdataplane.client, but nil and an error where that raises.
function client.new(environment, options)
  local world = client.world(environment, options)
  local resolved, err = client.resolve(world)
  if not resolved then return nil, err end
  return new_client(world, resolved)
end

---A client with keys, in an empty environment, of what is at a URL.
function client.at(url, options)
  local all = {
    endpoint_url = url, region_name = "eu-west-1",
    aws_access_key_id = "AKIDEXAMPLE", aws_secret_access_key = "hush",
  }
  for name, value in next, options or {} do all[name] = value end
  return assert(client.new({}, all))
end

return client
