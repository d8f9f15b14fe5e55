-- client_cert.lua - a client's certificate, looked at before it is needed
--
-- boto3 finds out at the first call, in the words of OpenSSL. The files are
-- read again for each connection: they may be renewed meanwhile.

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"

local client_cert = {}

local CERT, KEY = "certificate", "private key"

local function refuse(what, path, reason)
  if rawget(_G, "ngx") and reason:find("Permission denied", 1, true) then
    reason = reason .. " (the directive user in nginx.conf says who reads it)"
  end
  return nil, errors.new("InvalidConfigError", {
    error_msg = ("The %s of client_cert cannot be used: %s: %s")
      :format(what, path, reason),
  })
end

---@return string|nil, string|nil # the bytes, or nil and the reason alone
local function read(world, path)
  local text, reason = world:read(path)
  if text then return text end
  reason = reason or "it cannot be read"
  if reason:sub(1, #path + 2) == path .. ": " then
    reason = reason:sub(#path + 3)
  end
  return nil, reason
end

---Are the files there, and do they go together?
---@param world table of credentials/world.lua
---@param tls table {cert, key} of a request, both paths
---@return true|nil, table|nil # or nil and an InvalidConfigError
function client_cert.check(world, tls)
  local cert, key, reason, ok, in_key
  cert, reason = read(world, tls.cert)
  if not cert then return refuse(CERT, tls.cert, reason) end
  key, reason = read(world, tls.key)
  if not key then return refuse(KEY, tls.key, reason) end
  ok, reason, in_key = core.check_certificate(cert, key)
  if ok then return true end
  if in_key then return refuse(KEY, tls.key, reason) end
  return refuse(CERT, tls.cert, reason)
end

return client_cert
