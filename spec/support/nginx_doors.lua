-- nginx_doors.lua - publishes with a client's certificate from a worker

local cjson = require "cjson"
local files = require "spec.support.files"
local iotdataplane = require "iotdataplane"

-- luacheck: read globals ngx

local nginx_doors = {}

local client -- the same from one request to the next

local function new(path, alpn)
  local given = cjson.decode(files.read(path))
  return iotdataplane.client {
    endpoint_url = ("https://127.0.0.1:%d"):format(given.port),
    config = {
      signature_version = "unsigned", client_cert = { given.cert, given.key },
      alpn = alpn, retries = { total_max_attempts = 1 },
    },
  }
end

-- Over a new connection; says whose certificate the server saw, or the error.
function nginx_doors.publish(path)
  local asked = ngx.var.args == "alpn"
  client = client or new(path)
  local mine = asked and new(path, { "x-amzn-http-ca" }) or client
  mine:close()
  local result, err = mine:try("publish", { topic = "a" })
  ngx.print(err and tostring(err)
    or result.ResponseMetadata.HTTPHeaders["x-client"])
end

return nginx_doors
