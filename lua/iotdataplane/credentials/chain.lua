-- chain.lua - the order in which credentials are looked for

local errors = require "iotdataplane.errors"

local chain = {}

local PROVIDERS = "iotdataplane.credentials."

-- A provider is loaded when it is first asked. A profile that was asked for
-- by an option takes the environment out.
local order = {
  "assume_role", "web_identity", "sso", "shared_file",
  "process", "config_file", "boto_config", "container", "imds",
}

-- Those of a profile that is another's source_profile.
local of_profile = {
  "web_identity", "sso", "shared_file", "process", "config_file",
}

-- What a profile's credential_source may name.
local of_source = {
  Environment = "environment", EcsContainer = "container",
  Ec2InstanceMetadata = "imds",
}

local function ask(name, world)
  return require(PROVIDERS .. name).get(world)
end

local function first_of(names, world)
  for _, name in ipairs(names) do
    local credentials, err = ask(name, world)
    if credentials or err then return credentials, err end
  end
end

---What assume_role needs of other providers, none of which it knows.
local function introduce(world)
  world.credentials_of_profile = function(self, name)
    return first_of(of_profile, self:for_profile(name))
  end
  world.credentials_of_source = function(self, name)
    return ask(of_source[name], self)
  end
end

---What neither the options nor a function of the user's gives.
local function look_around(world)
  introduce(world)
  if not world.is_explicit then
    local credentials, err = ask("environment", world)
    if credentials or err then return credentials, err end
  end
  return first_of(order, world)
end

---@param world table what providers may ask
---@return table|nil, table|nil # {access_key, secret_key, token, expiry_time,
---method}, or nil and an error
function chain.get(world)
  local credentials, err = first_of({ "static", "custom" }, world)
  if not (credentials or err) then credentials, err = look_around(world) end
  if credentials or err then return credentials, err end
  return nil, errors.new("NoCredentialsError")
end

return chain
