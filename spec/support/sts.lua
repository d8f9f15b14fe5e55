-- sts.lua - worlds for the specs of STS's providers, answers of STS, and what
-- it was asked.

local core = require "iotdataplane.core"
local new_world = require "iotdataplane.credentials.world"
local profile = require "iotdataplane.profile"
local stub = require "iotdataplane.transport.stub"

local support = {}

support.HOME = "/home/of/nobody"

support.NOW = 1440938160.75 -- a clock has fractions of a second

-- ---- files that are nowhere ----

local function opener(files)
  return function(path)
    local text = files[path]
    if not text then return nil, path .. ": No such file or directory" end
    return {
      read = function() return text end,
      close = function() return true end,
    }
  end
end

local made_of = { env = true, files = true, config = true, answers = true }

---@param fields table env, files (by path), config (text of ~/.aws/config),
---answers (of the stub), and what else a world has; `region = false` for none
function support.world(fields)
  local env, files = fields.env or {}, fields.files or {}
  env.HOME = env.HOME or support.HOME
  local config = support.HOME .. "/.aws/config"
  files[config] = fields.config or files[config]
  local function getenv(name) return env[name] end
  local made = {
    options = {}, getenv = getenv, profile_name = "default",
    region = "us-east-1", verify = true, connect_timeout = 2,
    read_timeout = 2, files = profile.files(getenv, opener(files)),
    transport = fields.transport or stub(fields.answers, support.NOW),
  }
  for name, value in next, fields do
    if not made_of[name] then made[name] = value end
  end
  made.region = made.region or nil
  return new_world(made)
end

-- ---- what STS answers ----

---@param changes table|nil of the credentials' texts, by element; false is
---without
function support.answer(operation, changes)
  local values = {
    AccessKeyId = "ASIAROLE", SecretAccessKey = "SKROLE",
    SessionToken = "TOKROLE", Expiration = "2099-01-01T00:00:00Z",
  }
  for name, value in next, changes or {} do values[name] = value end
  local out = {}
  for name, value in next, values do
    out[#out + 1] = value and "<" .. name .. ">" .. value .. "</" .. name
      .. ">" or ""
  end
  return "<" .. operation .. "Response xmlns=\"https://sts.amazonaws.com/doc/"
    .. '2011-06-15/">\n  <' .. operation .. "Result>\n    <Credentials>"
    .. table.concat(out) .. "</Credentials></" .. operation .. "Result>\n</"
    .. operation .. "Response>\n"
end

function support.error(code, message)
  return "<ErrorResponse><Error><Type>Sender</Type><Code>" .. code
    .. "</Code><Message>" .. message .. "</Message></Error></ErrorResponse>"
end

-- ---- what STS was asked ----

local function decode(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

---@param body string
---@return table # {name = value}
function support.form(body)
  local form = {}
  for name, value in body:gmatch("([^&=]+)=([^&]*)") do
    assert(form[name] == nil, name)
    form[name] = decode(value)
  end
  return form
end

---@param headers table list of {name, value}
function support.by_name(headers)
  local out = {}
  for _, header in ipairs(headers) do
    assert(out[header[1]:lower()] == nil, header[1])
    out[header[1]:lower()] = header[2]
  end
  return out
end

---@return table|nil # {access_key_id, region, service, signed_headers}
function support.signed_as(headers)
  local key, region, service, names = (headers.authorization or ""):match(
    "Credential=([^/]+)/%d+/([^/]+)/([^/]+)/aws4_request, "
    .. "SignedHeaders=([^,]+),")
  return key and {
    access_key_id = key, region = region, service = service,
    signed_headers = names,
  }
end

---A text that stands in no other by chance.
function support.secret(name)
  return name .. core.sha256(name .. core.uuid())
end

return support
