-- options.lua - what is wrong with the options of a client, if anything
--
-- A wrong option is a programmer's mistake, which raises; a wrong value, from
-- wherever, is for settings.lua.

local core = require "iotdataplane.core"

-- Types, "|" between alternatives.
local option_types = {
  region_name = "string", endpoint_url = "string", use_ssl = "boolean",
  verify = "boolean|string", aws_access_key_id = "string",
  aws_secret_access_key = "string", aws_session_token = "string",
  config = "table", transport = "string|table", credentials = "function",
  profile_name = "string",
}

local config_types = {
  connect_timeout = "number", read_timeout = "number",
  max_pool_connections = "number", retries = "table",
  client_cert = "string|table", signature_version = "string",
  user_agent_extra = "string", user_agent_appid = "string",
  tcp_keepalive = "boolean", parameter_validation = "boolean",
  use_fips_endpoint = "boolean", use_dualstack_endpoint = "boolean",
  ignore_configured_endpoint_urls = "boolean", api_call_timeout = "number",
  headers = "table", max_idle_time = "number", proxies = "table",
  alpn = "table", logger = "function", region_name = "string",
  strict = "boolean", queue = "table",
}

local retries_types = {
  mode = "string", max_attempts = "number", total_max_attempts = "number",
  resend_unknown = "boolean",
}

local queue_types = { max_messages = "number", overflow = "string" }

local overflows = { error = true, drop_oldest = true }

local function is_of(value, types)
  for name in types:gmatch("[^|]+") do
    if type(value) == name then return true end
  end
  return false
end

---Names what is wrong with a table of options; nil where nothing is.
local function complaint(options, types, prefix)
  for name, value in next, options do
    local expected = types[name]
    if not expected then
      return ("unknown option '%s%s'"):format(prefix, tostring(name))
    elseif not is_of(value, expected) then
      return ("option '%s%s' must be a %s, got %s"):format(prefix, name,
        expected:gsub("|", " or a "), type(value))
    end
  end
end

local function is_count(value)
  return value >= 1 and value % 1 == 0 and value < math.huge
end

local function check_seconds(config)
  for _, name in ipairs { "connect_timeout", "read_timeout", "max_idle_time",
                          "api_call_timeout" } do
    local value = config[name]
    if value and (value <= 0 or value ~= value) then
      return ("option 'config.%s' must be positive"):format(name)
    end
  end
  local size = config.max_pool_connections
  if size and not is_count(size) then
    return "option 'config.max_pool_connections' must be a whole number"
  end
end

-- Headers that are made of the request, or frame it.
local reserved = {
  host = true, connection = true, ["content-length"] = true,
  ["transfer-encoding"] = true, ["user-agent"] = true,
  ["amz-sdk-invocation-id"] = true, ["amz-sdk-request"] = true,
}

-- Those that are the signature's.
local signed = {
  authorization = true, ["x-amz-date"] = true, ["x-amz-security-token"] = true,
}

local function check_headers(config)
  local is_signed = config.signature_version ~= "unsigned"
  for name, value in next, config.headers or {} do
    if type(name) ~= "string" or type(value) ~= "string" then
      return "option 'config.headers' must map strings to strings"
    elseif not core.header_ok(name, value) then
      return "option 'config.headers' has what is no header"
    elseif reserved[name:lower()] or is_signed and signed[name:lower()] then
      return ("option 'config.headers' cannot have '%s'"):format(name)
    end
  end
  for _, name in ipairs { "user_agent_extra", "user_agent_appid" } do
    if config[name] and not core.header_ok("user-agent", config[name]) then
      return ("option 'config.%s' has CR, LF or NUL"):format(name)
    end
  end
end

local function check_queue(queue)
  if queue.max_messages and not is_count(queue.max_messages) then
    return "option 'config.queue.max_messages' must be a whole number"
  elseif queue.overflow and not overflows[queue.overflow] then
    return "option 'config.queue.overflow' must be 'error' or 'drop_oldest'"
  end
end

local function check_proxies(proxies)
  for name, url in next, proxies or {} do
    if type(name) ~= "string" or type(url) ~= "string" then
      return "option 'config.proxies' must map schemes to URLs"
    end
  end
end

local function check_client_cert(cert)
  if type(cert) ~= "table" then return nil end
  for i = 1, 2 do
    if type(cert[i]) ~= "string" then
      return "option 'config.client_cert' must be a path, or {cert, key}"
    end
  end
end

---A protocol's name is a byte's count of bytes in a ClientHello.
local function is_protocol(name)
  return type(name) == "string" and #name > 0 and #name < 256
    and not name:find "%c"
end

local function check_alpn(alpn)
  if not alpn then return nil end
  local count = 0
  for _ in next, alpn do count = count + 1 end
  for i = 1, math.max(count, 1) do
    if not is_protocol(alpn[i]) then
      return "option 'config.alpn' must be a list of protocols' names"
    end
  end
end

local function check_transport(transport)
  if type(transport) == "string" and transport ~= "curl"
     and transport ~= "multi" and transport ~= "nginx" then
    return "option 'transport' must be 'curl', 'multi', 'nginx' or a table"
  elseif transport == "nginx" and not rawget(_G, "ngx") then
    return "option 'transport' is 'nginx', and this is not nginx"
  elseif type(transport) == "table" then
    for _, name in ipairs { "send", "sleep", "now" } do
      if type(transport[name]) ~= "function" then
        return ("option 'transport' lacks the method '%s'"):format(name)
      end
    end
  end
end

---@param options any the argument of iotdataplane.client
---@return string|nil # what is wrong with it, as a programmer's mistake
local function misuse(options)
  if type(options) ~= "table" then
    return "table expected, got " .. type(options)
  end
  local config = options.config
  if type(config) ~= "table" then config = {} end
  local retries = config.retries
  if type(retries) ~= "table" then retries = {} end
  local queue = config.queue
  if type(queue) ~= "table" then queue = {} end
  return complaint(options, option_types, "")
    or complaint(config, config_types, "config.")
    or complaint(retries, retries_types, "config.retries.")
    or complaint(queue, queue_types, "config.queue.")
    or check_seconds(config) or check_headers(config)
    or check_queue(queue) or check_proxies(config.proxies)
    or check_client_cert(config.client_cert) or check_alpn(config.alpn)
    or check_transport(options.transport)
end

return misuse
