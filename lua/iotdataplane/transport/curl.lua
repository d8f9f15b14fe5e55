-- curl.lua - the blocking transport: our HTTP over libcurl's connections

local core = require "iotdataplane.core"
local curl = require "iotdataplane.curl"
local wire = require "iotdataplane.transport.curl_request"

local respond, way_of = wire.respond, wire.way_of

local Transport = { __name = "iotdataplane.transport.curl" }
Transport.__index = Transport

---@param request table
---@param old table|nil a response that is over, to be written anew, without
---its `headers`: for who looks at the `fields` only
---@return table|nil, table|nil # {status, headers, body; replayed: it was sent
---before, too, on a connection that was then closed}, or nil and {name,
---message, sent}
function Transport:send(request, old)
  -- ours alone until it is over: a finalizer may publish meanwhile
  local exchange = self.exchange or self.pool:exchange()
  self.exchange = nil
  local identity, authority, headers = way_of(self, request)
  local status, fields, body, head, replayed = exchange:send(identity,
    request.method, request.path, request.query or "",
    headers, request.body or "",
    request.connect_timeout, request.read_timeout, request.deadline,
    request.replay, authority, old ~= nil, request.is_unseen)
  while status == false do -- Ctrl-C's hook runs, and raises, once we are here
    status, fields, body, head, replayed = exchange:resume()
  end
  self.exchange = exchange
  return respond(old, status, fields, body, head, replayed)
end

---@return string # which connection the last request went over, for a log
function Transport:connection()
  local number, kept = self.exchange:connection()
  return ("%s %d"):format(kept and "kept" or "new", number)
end

---@param seconds number
function Transport:sleep(seconds)
  local till = self:monotonic() + seconds
  repeat until curl.pause(till)
end

Transport.now = core.now -- both take no argument, and ignore theirs

Transport.monotonic = core.monotonic

function Transport:close()
  self.pool:clear()
end

---@param options table {max_idle_time, max_pool_connections}
local function new(options)
  local pool = curl.pool(options.max_idle_time, options.max_pool_connections)
  return setmetatable({ pool = pool, exchange = pool:exchange() }, Transport)
end

return new
