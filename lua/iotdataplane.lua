-- iotdataplane.lua - publishes to AWS IoT Core over HTTPS, as boto3 does
--
-- MIT licence; see LICENSE.

require "iotdataplane.kept" -- before any other
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local new_client = require "iotdataplane.client"
local new_world = require "iotdataplane.credentials.world"
local options_misuse = require "iotdataplane.options"
local profile = require "iotdataplane.profile"
local settings = require "iotdataplane.settings"

local iotdataplane = {
  _VERSION = "0.1.0",

  ---Every exception class by its name.
  exceptions = errors.classes,

  ---Providers to choose as the option `credentials`: iot{...}.
  credentials = setmetatable({}, { __index = function(_, name)
    if name ~= "iot" then return nil end
    return require "iotdataplane.credentials.iot"
  end }),
}

---`null` is cjson's; `empty_object` encodes as {} in userProperties, where an
---empty table is [].
setmetatable(iotdataplane, { __index = function(_, name)
  if name == "null" or name == "empty_object" then return json[name] end
end })

local function copy(value)
  if type(value) ~= "table" then return value end
  local new = {}
  for key, item in next, value do new[key] = item end
  return new
end

---A client, as boto3.client("iot-data", ...).
---@param options table|nil region_name, endpoint_url, use_ssl, verify,
---aws_access_key_id, aws_secret_access_key, aws_session_token, credentials,
---profile_name, config, transport; what is absent comes from the environment
---and the AWS files
---@return table # a client; raises an error table (NoRegionError,
---ProfileNotFound, ...), or an argument error where an option is unknown or
---of a wrong type
function iotdataplane.client(options)
  if options == nil then options = {} end
  if options == iotdataplane then
    error("bad argument #1 to 'client' (use iotdataplane.client{...}, with a "
      .. "dot)", 2)
  end
  local wrong = options_misuse(options)
  if wrong then
    error(("bad argument #1 to 'client' (%s)"):format(wrong), 2)
  end
  options = copy(options)
  options.config = copy(options.config)
  local world = new_world {
    options = options, getenv = os.getenv, files = profile.files(os.getenv),
  }
  local resolved, err = settings.resolve(world, iotdataplane._VERSION)
  if resolved then return new_client(world, resolved) end
  world:log("error", tostring(err))
  error(err, 0)
end

return iotdataplane
