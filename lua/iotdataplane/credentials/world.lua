-- world.lua - what a provider of credentials may ask
--
-- The client's options, the environment, the AWS files, and services over
-- the client's transport. Nothing else of a provider's touches a file, a
-- socket, a clock or another provider.

local core = require "iotdataplane.core"
local endpoint = require "iotdataplane.endpoint"
local errors = require "iotdataplane.errors"
local proxy = require "iotdataplane.proxy"
local sign = require "iotdataplane.sign"

-- What a program is given; as long as an answer of a service, by default.
local RUN_SECONDS = 60

local World = { __name = "iotdataplane.world" }
World.__index = World

---An environment variable; an empty one is none.
---@return string|nil
function World:env(name)
  local value = self.getenv(name)
  return value ~= "" and value or nil
end

---@param path string as it is: see files.expand
---@return string|nil, string|nil # the file's bytes, or nil and the reason
function World:read(path)
  return self.files.read(path)
end

---@param path string as it is, of a file that is there: see files.write
---@param text string
---@return true|nil, string|nil # or nil and the reason
function World:write(path, text)
  return self.files.write(path, text)
end

---The parsed AWS files, read once.
---@return table|nil, table|nil # {profiles, sso_sessions, services, shared,
---config}, each by name, or nil and a ConfigParseError
function World:config()
  return self.files.load()
end

---The settings of a profile, those of the credentials file over those of the
---config file.
---@param name string|nil this world's profile
---@return table|nil, table|nil # {key = text}, empty where there is no such
---profile; or nil and a ConfigParseError
function World:profile(name)
  local config, err = self:config()
  if not config then return nil, err end
  return config.profiles[name or self.profile_name] or {}
end

---The world as another profile sees it, which was asked for by name.
---@return table
function World:for_profile(name)
  return setmetatable({
    profile_name = name, is_explicit = true,
    own_profile = self.own_profile or self.profile_name,
  }, { __index = self })
end

---The client's own profile, whichever is looked at: its settings hold for
---every service.
local function own_profile(self)
  return self:profile(self.own_profile)
end

---What is set by a variable of the environment, else by the profile's key.
---@param variable string|nil
---@param key string
---@return string|nil # an empty variable is an empty text
function World:setting(variable, key)
  local value = variable and self.getenv(variable)
  if value then return value end
  local profile = own_profile(self)
  value = profile and profile[key]
  return type(value) == "string" and value or nil
end

---A setting that is on or off.
---@return boolean|nil # nil where it is not set; what is not "true" is off
function World:flag(variable, key)
  local text = self:setting(variable, key)
  if text == nil then return nil end
  return text:lower() == "true"
end

---The client's option of that name, else what is set: on or off. For every
---service, not the client's alone.
---@param name string "use_fips_endpoint", "use_dualstack_endpoint",
---"ignore_configured_endpoint_urls"
---@return boolean
function World:choice(name)
  local value = (self.options.config or {})[name]
  if value ~= nil then return value end
  return self:flag("AWS_" .. name:upper(), name) or false
end

---Of the profile's `services` section, whose settings are nested.
local function url_of_section(self, profile, service)
  local name = profile.services
  if not name then return nil end
  local section = self:config().services[name]
  if not section then
    return nil, errors.new("InvalidConfigError", {
      error_msg = "The profile is configured to use the services section but "
        .. ('the "%s" services configuration does not exist.'):format(name),
    })
  end
  local settings = section[service]
  if type(settings) == "string" then
    return nil, errors.new("InvalidConfigError", {
      error_msg = ('The "%s" services configuration has no settings under '
        .. "%s, but a value."):format(name, service),
    })
  end
  return settings and settings.endpoint_url
end

---The endpoint URL that is configured for a service, but for the options.
---@param service string "iot_data_plane", "sts", "sso", "sso_oidc"
---@return string|nil, table|nil # the URL, nil, or nil and an error
function World:configured_url(service)
  local profile, err = own_profile(self)
  if not profile then return nil, err end
  if self:choice "ignore_configured_endpoint_urls" then return nil end
  local url = self:env("AWS_ENDPOINT_URL_" .. service:upper())
    or self:env "AWS_ENDPOINT_URL"
  if url then return url end
  url, err = url_of_section(self, profile, service)
  if url or err then return url, err end
  return profile.endpoint_url
end

---@return number # seconds since the epoch, by a clock that was set right
function World:now()
  return self.transport:now() + self.clock_offset
end

---@return number # seconds that never step
function World:monotonic()
  local transport = self.transport
  if transport.monotonic then return transport:monotonic() end
  return transport:now()
end

---@return number # from 0 up to, but not, 1
function World.random() return core.random() end

---Something that a person should know; never a secret.
---@param level string "warning", "info"
---@param message string
function World:log(level, message)
  local config = self.options.config
  local logger = config and config.logger
  if logger then pcall(logger, level, message) end -- it is to disturb nobody
end

---@param name string class
---@param url string
---@param reason string|nil
---@param way table|nil the proxy
---@return table # an error; the URL stands without its query
local function failed(name, url, reason, way)
  return errors.new(name, {
    endpoint_url = url:gsub("[?#].*$", ""), error = reason,
    proxy_url = way and way.url,
  })
end

---Until when a request may last: its own limits, the call's deadline. Who
---waits for these credentials learns that they are being worked at.
local function bound(self, seconds)
  local till = self:monotonic() + seconds
  if self.lease then self.lease.till = till + 1 end
  if self.deadline and self.deadline < till then
    return self.deadline, "ApiCallTimeoutError"
  end
  return till, "ReadTimeoutError"
end

---@param seconds number
---@return true|nil, table|nil # or nil and an ApiCallTimeoutError, where the
---call would be over
function World:sleep(seconds)
  local till, late = bound(self, seconds)
  if late == "ApiCallTimeoutError" then
    return nil, failed(late, self.endpoint_url or "")
  end
  self.transport:sleep(till - self:monotonic())
  return true
end

---Runs a program: for as long as the call has left, 60 seconds at the most.
---@param argv table its name, looked for in PATH, and its arguments
---@return table|nil, string|nil, table|nil # {status (nil where it is not
---known), stdout, stderr}; or nil, the reason, and an ApiCallTimeoutError
---where the call is over
function World:run(argv)
  local till, late = bound(self, RUN_SECONDS)
  local seconds = till - self:monotonic()
  if self.lease then self.lease.till = till + 1 end
  local result, reason, timeout = core.run(argv, seconds)
  if timeout and late == "ApiCallTimeoutError" then
    return nil, reason, failed(late, self.endpoint_url or "")
  end
  return result, reason
end

local function lower_fields(headers)
  local fields = {}
  for _, header in ipairs(headers) do
    fields[header[1]:lower()] = header[2]
  end
  return fields
end

---The proxy on the way; none is ever asked for what is on this machine.
local function proxy_of(self, ask, at)
  if ask.is_local then return nil end
  local config = self.options.config or {}
  return proxy.of(at.scheme, at.host, at.port, config.proxies, self.getenv)
end

local function target_of(self, ask)
  local at, err = endpoint.parse(ask.url)
  local way
  if at then way, err = proxy_of(self, ask, at) end
  if err then return nil, err end
  local query = ask.url:match("^[^?#]*%?([^#]*)")
  local path = ask.url:match("^%a[%w+.-]*://[^/?#]*([^?#]*)")
  local headers = { { "host", at.host_header } }
  for _, header in ipairs(ask.headers or {}) do
    headers[#headers + 1] = header
  end
  return {
    method = ask.method or "GET", scheme = at.scheme, host = at.host,
    port = at.port, path = path ~= "" and path or "/", query = query or "",
    headers = headers, body = ask.body or "", replay = true,
    connect_timeout = ask.connect_timeout or self.connect_timeout,
    read_timeout = ask.read_timeout or self.read_timeout,
    tls = ask.tls or { verify = self.verify }, tcp_keepalive = false,
    proxy = way,
  }
end

---Asks a service once.
---@param ask table {url, method = "GET", headers = {{name, value}}, body,
---connect_timeout, read_timeout (seconds; the client's), is_local (through
---no proxy), tls (the client's `verify`), credentials, region, service:
---signed with these where they are given}
---@return table|nil, table|nil # {status, fields (headers by lower-case
---name), body}, or nil and an error: EndpointConnectionError,
---ConnectTimeoutError, ReadTimeoutError, ...
function World:ask(ask)
  local request, err = target_of(self, ask)
  if not request then return nil, err end
  local late
  request.deadline, late =
    bound(self, request.connect_timeout + request.read_timeout)
  if ask.credentials then
    request, err = sign(request, ask.credentials,
      { region = ask.region, service = ask.service }, self:now(), true)
    if not request then return nil, err end
  end
  local response, failure = self.transport:send(request)
  if response then
    return {
      status = response.status, body = response.body,
      fields = response.fields or lower_fields(response.headers),
    }
  end
  local name = failure.name
  if name == "ApiCallTimeoutError" then name = late end
  return nil, failed(name, ask.url, failure.message, request.proxy)
end

---@param fields table options, getenv, files, transport, profile_name,
---is_explicit, region, verify, connect_timeout, read_timeout, endpoint_url
---@return table # a world
local function new(fields)
  fields.clock_offset = 0
  return setmetatable(fields, World)
end

return new
