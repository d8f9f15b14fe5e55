-- nginx.lua - the transport of OpenResty and nginx: our HTTP over cosockets,
-- which never stop the worker

local connect = require "iotdataplane.transport.nginx_connect"
local core = require "iotdataplane.core"
local new_pools = require "iotdataplane.transport.nginx_pool"
local Response = require "iotdataplane.transport.response"
local route = require "iotdataplane.transport.route"
local threads = require "iotdataplane.transport.nginx_threads"

-- luacheck: read globals ngx

local failure, milliseconds = connect.failure, connect.milliseconds
local for_proxy, with = route.for_proxy, route.with
local max, min = math.max, math.min
local monotonic = core.monotonic

local Transport = { __name = "iotdataplane.transport.nginx" }
Transport.__index = Transport

local READ_SIZE = 16 * 1024 -- bytes, a TLS record
local SEND_SIZE = 16 * 1024 -- bytes that the system takes without waiting
local GRACE = 1 -- seconds for one that has to act upon what another has seen

-- ---- time ----

---Fails where no byte has moved for too long, or the call is over; else nginx
---is told how long there is.
local function go_on(exchange)
  local request, now = exchange.request, monotonic()
  local by, deadline = exchange.moved + request.read_timeout, request.deadline
  if deadline and now >= deadline then
    return failure("ApiCallTimeoutError", "the call took too long", true)
  elseif now >= by then
    return failure("ReadTimeoutError", "no byte has moved for too long", true)
  end
  if deadline and deadline < by then by = deadline end
  exchange.sock:settimeouts(1, milliseconds(by - now + GRACE),
                            milliseconds(by - now))
  return true
end

-- ---- reading ----

local function closed(reason)
  if reason == "closed" then
    reason = "the connection was closed before an answer"
  end
  return failure("ConnectionClosedError", reason, true)
end

---The connection is gone. A kept one without a byte of an answer may have
---been closed before we sent: nil alone says that.
local function ended(exchange, err)
  if not exchange.any and exchange.reused > 0 then return nil end
  if err ~= "closed" then return closed(err) end
  local done, reason = exchange.reader:eof()
  if done then return true end
  return closed(exchange.any and reason or err)
end

---Reads until the answer is there.
local function receive(exchange)
  local sock, reader = exchange.sock, exchange.reader
  while true do
    local bytes, err = sock:receiveany(READ_SIZE)
    if bytes then
      exchange.any = true
      local done, reason = reader:feed(bytes)
      if done then return true end
      if done == nil then return failure("HTTPClientError", reason, true) end
      exchange.moved = monotonic()
    elseif err ~= "timeout" then
      return ended(exchange, err)
    end
    local ok, problem = go_on(exchange)
    if not ok then return nil, problem end
  end
end

-- ---- sending ----

---Sends piece by piece, so that it is seen whether bytes move. Time is the
---reader's affair, and so is what the peer has said before it hung up.
local function pump(exchange, bytes)
  local sock = exchange.sock
  for i = 1, #bytes, SEND_SIZE do
    if not sock:send(bytes:sub(i, i + SEND_SIZE - 1)) then return end
    exchange.moved = monotonic()
  end
  exchange.is_out = true
end

local function receive_beside(exchange)
  local ok, problem = receive(exchange)
  exchange.dead_by = monotonic() + GRACE
  return ok, problem
end

---Reads beside the sending: an answer may come before the request is out.
---Each has a thread: where ours is killed, they go on, and end in time. Were
---it one of theirs, nginx would close the socket and never wake the other.
local function send_beside(exchange, bytes)
  local sender = ngx.thread.spawn(pump, exchange, bytes)
  local receiver = ngx.thread.spawn(receive_beside, exchange)
  local is_sound, ok, problem = ngx.thread.wait(receiver)
  ngx.thread.kill(sender) -- closes the socket where it was still sending
  if not is_sound then error(ok, 0) end
  return ok, problem
end

---Once over the connection that there is: true, nil and a failure, or nil
---alone where a kept connection was closed.
local function converse(exchange, bytes)
  exchange.reader:reset()
  exchange.any, exchange.is_out = false, false
  if not exchange.moved then
    exchange.moved = monotonic()
    local ok, problem = go_on(exchange)
    if not ok then return nil, problem end
  end
  if #bytes > SEND_SIZE then return send_beside(exchange, bytes) end
  exchange.is_out = exchange.sock:send(bytes) ~= nil
  return receive(exchange)
end

-- ---- a request and its answer ----

---Sends and reads, on a second connection where a kept one was closed.
local function run(exchange, bytes)
  local ok, problem = connect.open(exchange)
  if not ok then return nil, problem end
  ok, problem = converse(exchange, bytes)
  if ok or problem then return ok, problem end
  connect.close(exchange.sock)
  if not exchange.request.replay then return closed "closed" end
  exchange.replayed = true
  ok, problem = connect.open(exchange, true)
  if ok then return converse(exchange, bytes) end
  problem.sent = true
  return nil, problem
end

---A success that comes before the whole request is out is none: what the
---server has cannot be the message.
local function finish(exchange)
  local status, fields, body, reusable, head = exchange.reader:response()
  if exchange.is_out and reusable then
    exchange.pool:keep(exchange)
  else
    connect.close(exchange.sock)
  end
  if not exchange.is_out and status < 300 then
    return failure("HTTPClientError",
      "a success before the request was sent", true)
  end
  return setmetatable({
    status = status, fields = fields, body = body, head = head,
    replayed = exchange.replayed,
  }, Response)
end

---An exchange; mostly one that has been of use before, and went well.
local function take(self)
  local spare = self.spare
  local n = #spare
  local exchange = spare[n]
  if exchange then
    spare[n] = nil
    return exchange
  end
  return { -- room for all of it at once: a table that grows is slow
    reader = core.reader(), request = nil, pool = nil, reused = 0, at = nil,
    sock = nil, epoch = nil, open_by = nil, dead_by = nil, moved = nil,
    any = nil, is_out = nil, is_through = nil, replayed = nil,
  }
end

local function give_back(self, exchange)
  exchange.request, exchange.sock, exchange.replayed = nil, nil, nil
  exchange.is_through, exchange.moved, exchange.reused = nil, nil, 0
  self.spare[#self.spare + 1] = exchange
end

---@param request table
---@return table|nil, table|nil # {status, headers, body; replayed: it was sent
---before, too, on a connection that was then closed}, or nil and {name,
---message, sent}
function Transport:send(request)
  local authority, authorization = for_proxy(request)
  local headers = request.headers
  if authorization then headers = with(headers, authorization) end
  local bytes, reason = core.write_request(request.method, request.path,
    request.query or "", headers, request.body or "", authority)
  local pool
  if bytes then pool, reason = self.pools:of(request) end
  if not pool then return failure("HTTPClientError", reason) end
  local exchange = take(self)
  exchange.request, exchange.pool = request, pool
  local response, problem = run(exchange, bytes)
  if response then
    response, problem = finish(exchange)
  elseif exchange.sock then
    connect.close(exchange.sock)
  end
  pool:leave(exchange)
  self.reused = exchange.reused
  if response then give_back(self, exchange) end
  return response, problem
end

---@return string # which connection the last request went over, for a log
function Transport:connection()
  local reused = self.reused or 0
  return reused > 0 and "kept " .. reused or "new"
end

-- ---- the world ----

Transport.monotonic = monotonic -- takes no argument, and ignores its own

function Transport.now()
  return ngx.now()
end

---nginx's own clock is coarse, and may be early; of less than it can count it
---complains.
function Transport:sleep(seconds)
  local till = self:monotonic() + seconds
  while seconds > 0 do
    ngx.sleep(max(seconds, 0.001))
    seconds = till - self:monotonic()
  end
end

---See transport/multi.lua; no more run at once than connections may be used.
function Transport:run(functions, concurrency)
  return threads.run(functions, min(concurrency, self.pools.size))
end

function Transport.spawn(_, f) return threads.spawn(f) end

function Transport.join(_, task, seconds)
  return threads.join(task, seconds)
end

---Closes what is kept, where cosockets are; elsewhere nginx does in time.
function Transport:close()
  return (pcall(self.pools.drain, self.pools))
end

---@param options table {max_idle_time, max_pool_connections}
return function(options)
  return setmetatable({
    pools = new_pools(options.max_pool_connections, options.max_idle_time),
    spare = {},
  }, Transport)
end
