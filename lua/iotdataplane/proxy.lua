-- proxy.lua - (target, config.proxies, environment) -> the proxy before it
--
-- botocore's rules (botocore/httpsession.py, ProxyConfiguration; utils.py,
-- get_environ_proxies), which are those of Python's urllib for the
-- environment.

local errors = require "iotdataplane.errors"

local proxy = {}

local default_ports = { http = 80, https = 443 }

-- What is shown of a name and a password.
local MASK = "***"

-- ---- the environment ----

---The lower-case name wins, even where it is empty. In a CGI script HTTP_PROXY
---is a header of the request's (CVE-2016-1000110).
local function variable(name, getenv)
  local value = getenv(name .. "_proxy")
  if not value and not (name == "http" and getenv "REQUEST_METHOD") then
    value = getenv(name:upper() .. "_PROXY")
  end
  return value ~= "" and value or nil
end

local function ends_with(s, suffix)
  return s:sub(-#suffix) == suffix
end

---Does NO_PROXY have the host, or a domain above it? Its entries may have a
---port.
local function is_excepted(host, port, getenv)
  local list = variable("no", getenv)
  if not list or list == "*" then return list ~= nil end
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  host = host:lower()
  local whole = host .. ":" .. port
  for entry in list:gmatch "[^,]+" do
    local name = entry:match("^%s*%.*(.-)%s*$"):lower()
    local domain = "." .. name
    if host == name or whole == name
       or name ~= "" and (ends_with(host, domain) or ends_with(whole, domain))
    then
      return true
    end
  end
  return false
end

---@return string|nil # the proxy's URL, as it was given
local function configured(scheme, host, port, proxies, getenv)
  if proxies then
    return proxies[scheme] ~= "" and proxies[scheme] or nil
  elseif not is_excepted(host, port, getenv) then
    return variable(scheme, getenv)
  end
end

-- ---- its URL ----

---A URL may lack its scheme.
local function with_scheme(url)
  if url:find "^[Hh][Tt][Tt][Pp][Ss]?:" or url:find "^%a[%w+.-]*://" then
    return url
  end
  return (url:sub(1, 2) == "//" and "http:" or "http://") .. url
end

local function failure(reason)
  return nil, errors.new("HTTPClientError", { error = reason })
end

---A password may have broken it: nothing that might be one is shown.
local function malformed(url)
  local shown = url:gsub("^([^/]*//).*@", "%1" .. MASK .. "@")
    :gsub("^([^/]*//[^:/?#%[]*):%d*[^%d/?#][^/?#]*", "%1:" .. MASK)
  return failure("Failed to parse: " .. shown)
end

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function is_host(host)
  return host ~= "" and not host:find '[%z\1-\32\127"%%/:<>?@%[\\%]^`{|}]'
end

---Host, without its brackets, and port as text; nil where they are none.
local function split(place)
  local host, port = place:match "^%[([%x:.]*:[%x:.]*)%]:?(%d*)$"
  if host then return host, port end
  host, port = place:match "^([^:]*):?(.*)$"
  if is_host(host) and not port:find "%D" then return host, port end
end

---Python's: there is a user where both parts are.
local function user_of(info)
  local user, password = info:match "^([^:]+):(.+)@$"
  if not user then return nil end
  return decode(user), decode(password)
end

---As errors show it; Python masks what there is.
local function masked(scheme, info, place)
  if info == "" then return scheme .. "://" .. place end
  local user, password = info:match "^([^:]*)(.*)@$"
  return scheme .. "://" .. user:gsub("^.+$", MASK)
    .. password:gsub("^:.+$", ":" .. MASK) .. "@" .. place
end

local function read(url, scheme, rest)
  local authority, path = rest:match "^([^/?#]*)(.*)$"
  if authority == "" then return failure "No host specified." end
  local info, place = authority:match "^(.*@)(.*)$"
  info, place = info or "", place or authority
  local host, port = split(place)
  local user, password = user_of(info)
  if not host or (tonumber(port) or 0) > 65535 or path:find("@", 1, true)
     or user and (user .. password):find "%z" then
    return malformed(url)
  end
  port = tonumber(port) or 0
  return {
    scheme = scheme, host = host:lower(),
    port = port > 0 and port or default_ports[scheme],
    user = user, password = password, url = masked(scheme, info, place),
  }
end

local function parse(url)
  local scheme, rest = url:match "^([^:]+)://(.*)$"
  if not scheme then return failure "No host specified." end
  scheme = scheme:lower()
  if default_ports[scheme] then return read(url, scheme, rest) end
  return failure("Not supported proxy scheme " .. scheme)
end

---@param scheme string "http" or "https", of the target
---@param host string of the target, an IPv6 address without its brackets
---@param port integer of the target
---@param proxies table|nil config.proxies, {http = url, https = url}: where
---there are some, empty too, the environment is not asked
---@param getenv function name -> string|nil, as os.getenv
---@return table|nil, table|nil # {scheme, host, port, user, password, url (to
---be shown: it has no password)}; nil where the way is direct; or nil and an
---HTTPClientError
function proxy.of(scheme, host, port, proxies, getenv)
  local url = configured(scheme, host, port, proxies, getenv)
  if not url then return nil end
  return parse(with_scheme(url))
end

return proxy
