-- nginx_pool.lua - the connections of one kind that a worker has: which may
-- be taken again, and how many there may be at once

local core = require "iotdataplane.core"
local route = require "iotdataplane.transport.route"

-- luacheck: read globals ngx

local ceil, concat, max, min = math.ceil, table.concat, math.max, math.min
local monotonic = core.monotonic

local Pool = { __name = "iotdataplane.transport.nginx_pool" }
Pool.__index = Pool

local MAX_LIFE = 600 -- seconds of a connection: names and certificates change
local MAX_IDLE = 2147483647 -- milliseconds, what nginx can count
local LOOK = 1 -- seconds between looks for exchanges that were given up

-- ---- which connections ----

---What two requests must have in common to use one connection. A bundle is
---nginx's own affair: `verify` is on or off. nil where a NUL is in it.
local function identity_of(request)
  local parts = route.parts(request, "")
  for _, part in ipairs(parts) do
    if part:find("%z") then return nil end
  end
  return core.sha256(concat(parts, "\0"))
end

local function new_pool(name, size, max_idle)
  return setmetatable({
    name = name, options = { pool = name, pool_size = size },
    max_idle = min(max(1, ceil(max_idle * 1000)), MAX_IDLE),
    gate = require "ngx.semaphore".new(0), room = size, held = {}, looked = 0,
    epoch = 0, old_at = monotonic() + MAX_LIFE,
  }, Pool)
end

local Pools = {}
Pools.__index = Pools

local count = 0 -- of transports, none of which takes another's connections

---@return boolean|nil, string|nil # or nil and a reason
local function find(self, request)
  local identity, all = identity_of(request), self.all
  if not identity then return nil, "a NUL is in what names the connection" end
  local name = ("iotdataplane:%d:%s"):format(self.id, identity)
  all[name] = all[name] or new_pool(name, self.size, self.max_idle)
  self.pool, self.last = all[name], {
    tls = request.tls, host = request.host, port = request.port,
    scheme = request.scheme, proxy = request.proxy,
    tcp_keepalive = request.tcp_keepalive,
  }
  return true
end

---A client's requests go to one place: it is looked for once.
---@param request table
---@return table|nil, string|nil # the pool of its connections, or a reason
function Pools:of(request)
  local last = self.last
  if request.tls ~= last.tls or request.host ~= last.host
     or request.port ~= last.port or request.scheme ~= last.scheme
     or request.proxy ~= last.proxy
     or request.tcp_keepalive ~= last.tcp_keepalive then
    local ok, reason = find(self, request)
    if not ok then return nil, reason end
  end
  return self.pool
end

function Pools:drain()
  for _, pool in next, self.all do pool:drain() end
end

-- ---- how many ----

---A light thread that is killed, or whose request ends, gives nothing back;
---but then nginx has closed its socket. Where that tells nothing, as there is
---none yet, the exchange says when it must be over.
local function is_given_up(exchange, now)
  local dead_by, sock = exchange.dead_by, exchange.sock
  if dead_by then return now > dead_by end
  return not (sock and sock:getreusedtimes())
end

function Pool:look(now)
  if now < self.looked + LOOK then return end
  self.looked = now
  local held = self.held
  for at = #held, 1, -1 do -- who leaves is replaced by the last
    if is_given_up(held[at], now) then self:leave(held[at]) end
  end
end

---Waits until there is room, in the order of coming: whoever leaves hands it
---over through the gate.
local function wait(self, now, till)
  repeat
    self:look(now)
    if self.room > 0 then
      self.room = self.room - 1
      return now
    end
    self.is_crowded = true
    local is_in, err = self.gate:wait(max(0.001, min(till - now, LOOK)))
    if not is_in and err ~= "timeout" then error(err, 0) end
    now = monotonic()
    if is_in then return now end
  until now >= till
  return nil
end

---Waits until there may be one connection more.
---@param exchange table {sock, dead_by}
---@param now number
---@param till number on `monotonic`
---@return number|nil # the time then; nil: it was not to be in time
function Pool:enter(exchange, now, till)
  if self.room > 0 then
    self.room = self.room - 1
  else
    now = wait(self, now, till)
    if not now then return nil end
  end
  local at = #self.held + 1
  self.held[at], exchange.at = exchange, at
  return now
end

---With none left who wait, what is still in the gate comes back: one may have
---been killed meanwhile. While some do, there is no room but there.
local function hand_over(self)
  local gate = self.gate
  gate:post(1)
  if gate:count() <= 0 then return end
  self.is_crowded = false
  while gate:wait(0) do self.room = self.room + 1 end
end

---Harmless twice.
function Pool:leave(exchange)
  local held, at = self.held, exchange.at
  if not at then return end
  local n = #held
  local last = held[n]
  held[at], last.at = last, at
  held[n], exchange.at = nil, nil
  if self.is_crowded then
    hand_over(self)
  else
    self.room = self.room + 1
  end
end

-- ---- giving back ----

---Closes what is kept, and what is in use once it is not. To a host without
---a name nginx gives a kept connection, but never makes one.
function Pool:drain()
  self.epoch, self.old_at = self.epoch + 1, monotonic() + MAX_LIFE
  local is_kept
  repeat
    local sock = ngx.socket.tcp()
    is_kept = sock:connect("", 0, { pool = self.name })
    if is_kept then sock:close() end
  until not is_kept
end

function Pool:keep(exchange)
  local sock = exchange.sock
  if exchange.epoch ~= self.epoch or not sock:setkeepalive(self.max_idle) then
    sock:close()
  end
end

---@param size integer connections in use at once
---@param max_idle number seconds
---@return table # the pools of a transport
return function(size, max_idle)
  count = count + 1
  return setmetatable({
    id = count, size = size, max_idle = max_idle, all = {}, last = {},
  }, Pools)
end
