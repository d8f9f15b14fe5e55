-- endpoint.lua - (region, fips, dualstack, endpoint_url) -> where to send
--
-- The rules and partitions are botocore's (iot-data/2015-05-28/
-- endpoint-rule-set-1.json, partitions.json). A region that no partition
-- knows belongs to aws.

local errors = require "iotdataplane.errors"

local endpoint = {}

-- id, Lua pattern of its regions, suffix, dual-stack suffix. A `single_stack`
-- one has no dual-stack endpoints in botocore's older endpoints.json, which
-- its client asks first.
local partitions = {
  { "aws-cn", "^cn%-[%w_]+%-%d+$", "amazonaws.com.cn",
    "api.amazonwebservices.com.cn" },
  { "aws-eusc", "^eusc%-de%-[%w_]+%-%d+$", "amazonaws.eu",
    "api.amazonwebservices.eu" },
  { "aws-iso", "^us%-iso%-[%w_]+%-%d+$", "c2s.ic.gov", "api.aws.ic.gov" },
  { "aws-iso-b", "^us%-isob%-[%w_]+%-%d+$", "sc2s.sgov.gov",
    "api.aws.scloud" },
  { "aws-iso-e", "^eu%-isoe%-[%w_]+%-%d+$", "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk", single_stack = true },
  { "aws-iso-f", "^us%-isof%-[%w_]+%-%d+$", "csp.hci.ic.gov",
    "api.aws.hci.ic.gov", single_stack = true },
  { "aws-us-gov", "^us%-gov%-[%w_]+%-%d+$", "amazonaws.com", "api.aws" },
  { "aws", "", "amazonaws.com", "api.aws" },
}

-- Regions that are not of their partition's pattern.
local by_name = {
  ["aws-cn-global"] = "aws-cn", ["aws-iso-global"] = "aws-iso",
  ["aws-iso-b-global"] = "aws-iso-b", ["aws-iso-e-global"] = "aws-iso-e",
  ["aws-iso-f-global"] = "aws-iso-f", ["aws-us-gov-global"] = "aws-us-gov",
}

local function partition_of(region)
  for _, p in ipairs(partitions) do
    if p[1] == by_name[region] then return p end
  end
  for _, p in ipairs(partitions) do
    if region:find(p[2]) then return p end
  end
end

---@param region string
---@return string, string, string # the partition's id ("aws", "aws-cn", ...),
---its suffix ("amazonaws.com") and its dual-stack suffix ("api.aws")
function endpoint.partition(region)
  local p = partition_of(region)
  return p[1], p[3], p[4]
end

---botocore's validate_region_name: a host label that is no number. An empty
---one fails later, as a host.
---@param region string
---@return boolean
function endpoint.is_region(region)
  return region == "" or #region <= 63 and region:find("^[%w-]+$") ~= nil
    and not region:find("^%-") and not region:find("%-$")
    and region:find("%D") ~= nil
end

---The region that an AWS IoT host names, as
---"xyz-ats.iot.eu-west-1.amazonaws.com" does.
---@param host string
---@return string|nil
function endpoint.region_of(host)
  local region, suffix = host:match("%.iot%.([%w-]+)%.(.+)$")
  if not region then
    region, suffix = host:match("%.iot%-fips%.([%w-]+)%.(.+)$")
  end
  if not region then return nil end
  local p = partition_of(region)
  return (suffix == p[3] or suffix == p[4]) and region or nil
end

-- Regions whose FIPS endpoint lacks "-ats".
local short_fips = {
  ["ca-central-1"] = true, ["us-east-1"] = true, ["us-east-2"] = true,
  ["us-west-1"] = true, ["us-west-2"] = true, ["us-gov-east-1"] = true,
  ["us-gov-west-1"] = true,
}

local function host_of(region, fips, dualstack)
  local partition = partition_of(region)
  local suffix = partition[dualstack and 4 or 3]
  local service = "data-ats.iot"
  if fips then
    local short = short_fips[region] and not dualstack
    service = short and "data.iot-fips" or "data-ats.iot-fips"
  elseif region == "cn-north-1" and not dualstack then
    service = "data.ats.iot"
  end
  return service .. "." .. region .. "." .. suffix
end

local default_ports = { http = 80, https = 443 }

local function invalid(url)
  return nil, errors.new("ValueError", {
    error_msg = "Invalid endpoint: " .. url,
  })
end

---Python's urllib says what is wrong with a port.
local function wrong_port(port)
  return nil, errors.new("ValueError", {
    error_msg = port:find("%D")
      and ("Port could not be cast to integer value as '%s'"):format(port)
      or "Port out of range 0-65535",
  })
end

---botocore's is_valid_endpoint_url: labels of letters, digits and inner "-".
local function is_hostname(host)
  if #host > 255 then return false end
  host = host:gsub("%.$", "")
  for label in (host .. "."):gmatch("([^.]*)%.") do
    if #label > 63 or not label:find("^[%w-]+$") or label:find("^-")
       or label:find("-$") then
      return false
    end
  end
  return true
end

local function is_ipv6(host)
  return host:find(":", 1, true) ~= nil and not host:find("[^%x:.]")
end

---Host, without its brackets, and port as text, "" where there is none.
local function split(authority)
  authority = authority:match("([^@]*)$") -- a user's name is for nobody
  local host, port = authority:match("^%[(.-)%]:?(.*)$")
  if not host then host, port = authority:match("^([^:]*):?(.*)$") end
  host = host:lower():gsub("%.$", "")
  if tonumber(port) == 0 then port = "" end -- as Python's http.client
  return host, port
end

---@param url string "https://host[:port][/base/path]"
---@return table|nil, table|nil # {scheme, host, port, path, host_header,
---origin, query}, or nil and a ValueError, or an HTTPClientError for a scheme
---that is not HTTP's
function endpoint.parse(url)
  local scheme, rest = url:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme or url:find("[%z\1-\32\127]") then return invalid(url) end
  scheme = scheme:lower()
  local authority, path = rest:match("^([^/?#]*)([^?#]*)")
  local host, port = split(authority)
  if not (is_ipv6(host) or is_hostname(host)) then return invalid(url) end
  if port:find("%D") or (tonumber(port) or 0) > 65535 then
    return wrong_port(port)
  end
  if not default_ports[scheme] then
    return nil, errors.new("HTTPClientError", {
      error = "Not supported URL scheme " .. scheme,
    })
  end
  local number = port ~= "" and tonumber(port) or default_ports[scheme]
  local name = is_ipv6(host) and "[" .. host .. "]" or host
  local is_default = number == default_ports[scheme]
  return {
    scheme = scheme, host = host, port = number,
    path = path:gsub("/+$", ""), query = rest:match("^[^?#]*%?([^#]*)") or "",
    host_header = is_default and name or name .. ":" .. port,
    origin = scheme .. "://" .. name .. (port ~= "" and ":" .. port or ""),
  }
end

---@param options table {region, endpoint_url, fips, dualstack, use_ssl}
---@return table|nil, table|nil # as endpoint.parse
function endpoint.resolve(options)
  if options.endpoint_url then return endpoint.parse(options.endpoint_url) end
  local p = partition_of(options.region)
  if options.dualstack and p.single_stack and options.region:find(p[2]) then
    return nil, errors.new("EndpointVariantError", {
      tags = options.fips and "['dualstack', 'fips']" or "['dualstack']",
    })
  end
  local host = host_of(options.region, options.fips, options.dualstack)
  local scheme = options.use_ssl == false and "http" or "https"
  return endpoint.parse(scheme .. "://" .. host)
end

return endpoint
