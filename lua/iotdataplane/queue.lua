-- queue.lua - messages that wait, and the timers or the caller that send them
--
-- In nginx a timer's light threads send what waits, each of them one message
-- after the other, until nothing waits. A worker that exits gracefully runs
-- its pending timers at once and waits for those that run: so it leaves when
-- the queue is empty. Elsewhere `flush` sends, in its caller's coroutine.

local errors = require "iotdataplane.errors"

local max, pcall, setmetatable = math.max, pcall, setmetatable

-- What nginx keeps of a light thread is freed with its timer: after so many
-- messages another timer takes over.
local SHIFT = 100
-- Timers of one queue at once: nginx runs 256 in all, and others want some.
local MAX_TIMERS = 16
-- Seconds. Where too many timers run nginx drops one without a word to us: a
-- sender that is late by that much will not come, and WATCH after it was
-- asked for another looks whether something waits still.
local OVERDUE, WATCH = 1, 5
-- Seconds that a worker may go on without a single success while it exits.
local PATIENCE = 60
-- Slots that an empty queue may keep.
local SPARE = 1000

-- The phases in which a message would be sent by every worker, or by none.
local refused_in = {
  init = "init_by_lua cannot queue, every worker would send the message: "
    .. "use init_worker_by_lua, or publish",
  exit_worker = "exit_worker_by_lua cannot queue, the worker is gone before "
    .. "the message could be sent",
}

-- A coroutine cannot yield across pcall there.
local IS_PUC_51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

local Queue = { __name = "iotdataplane.queue" }
Queue.__index = Queue

-- ---- the ring ----

local function append(self, item)
  local slot = (self.first + self.waiting - 1) % self.max_messages + 1
  self.items[slot] = item
  self.waiting, self.size = self.waiting + 1, max(self.size, slot)
end

local function remove_oldest(self)
  local item = self.items[self.first]
  self.items[self.first] = nil
  self.waiting = self.waiting - 1
  if self.waiting > 0 then
    self.first = self.first % self.max_messages + 1
  else
    if self.size > SPARE then self.items, self.size = {}, 0 end
    self.first = 1
  end
  return item
end

---The oldest message, which is then in flight; nil where none waits or as
---many are in flight as may be.
local function take(self)
  if self.waiting == 0 or self.in_flight >= self.concurrency then
    return nil
  end
  self.in_flight = self.in_flight + 1
  return remove_oldest(self)
end

-- ---- one message ----

---Whatever `send` does, the message is no longer in flight.
local function send(self, item)
  if IS_PUC_51 and coroutine.running() then
    -- what it raises goes on to the caller: failed, unless it returns
    self.in_flight, self.failed = self.in_flight - 1, self.failed + 1
    local result, err = self.send(item)
    self.failed = self.failed - 1
    return result, err
  end
  local ok, result, err = pcall(self.send, item)
  self.in_flight = self.in_flight - 1
  if ok then return result, err end
  return nil, result
end

---Sends a message that was taken.
---@return boolean # did it get through?
local function deliver(self, item)
  local result, err = send(self, item)
  if result then
    self.sent = self.sent + 1
    self.hopeful_at = self.hopeful_at and self.monotonic()
    return true
  end
  self.failed = self.failed + 1
  self.log("error", tostring(err))
  return false
end

-- ---- nginx's timers ----

local run -- the handler of each

---@param role string "sender" or "watch": one of each is pending at most
local function arm(self, role, delay)
  local now, due = self.monotonic(), self.due[role]
  if due and now < due + OVERDUE then return true end
  local ok, armed, err = pcall(self.ngx.timer.at, delay, run, self, role)
  if ok and armed then
    self.due[role] = now + delay
    return true
  end
  return false, ok and err or armed
end

---Said once, until it works again.
local function note_failure(self, reason)
  if not self.is_stranded then
    self.log("warning", "no timer to send what waits: " .. tostring(reason))
  end
  self.is_stranded = true
  self.timer_failures = self.timer_failures + 1
end

---Has a timer come for what waits.
---@return boolean # will one come?
local function wake(self)
  if self.in_flight >= self.concurrency or self.timers >= MAX_TIMERS then
    return false -- those who are at it will see it
  end
  local ok, err = arm(self, "sender", 0)
  if not ok then note_failure(self, err) else self.is_stranded = false end
  arm(self, "watch", WATCH)
  return ok
end

---Drops what waits if the worker is to exit and nothing gets through: a
---service that is not there must not keep the worker for ever.
local function despair(self)
  if not self.ngx.worker.exiting() then return end
  local now = self.monotonic()
  self.hopeful_at = self.hopeful_at or now
  if now - self.hopeful_at < PATIENCE or self.waiting == 0 then return end
  self.log("error", ("the worker exits: %d messages were not sent")
    :format(self.waiting))
  self.dropped = self.dropped + self.waiting
  self.items, self.size, self.first, self.waiting = {}, 0, 1, 0
end

local work

---Begins as many messages as may be in flight, the oldest first: a new light
---thread runs at once, until it waits.
local function enlist(self, shift)
  while self.waiting > 0 and self.in_flight < self.concurrency
        and shift.left > 0 do
    shift.threads = shift.threads + 1
    self.ngx.thread.spawn(work, self, shift)
  end
end

---The last one of a timer is the end of that.
local function leave(self, shift)
  shift.threads = shift.threads - 1
  if shift.threads == 0 then self.timers = self.timers - 1 end
end

---What a light thread does: one message after the other.
function work(self, shift)
  local item = take(self)
  while item do
    deliver(self, item)
    despair(self)
    shift.left = shift.left - 1
    if shift.left <= 0 and self.waiting > 0 and wake(self) then break end
    if self.timers >= MAX_TIMERS then enlist(self, shift) end
    item = take(self)
  end
  leave(self, shift)
end

function run(_, self, role)
  self.due[role] = nil
  self.timers = self.timers + 1
  local shift = { left = SHIFT, threads = 1 }
  enlist(self, shift)
  leave(self, shift)
end

-- ---- the methods ----

local function refuse(self, reason)
  self.refused = self.refused + 1
  return nil, errors.new("RuntimeError", { error_msg = reason })
end

---Never yields: any phase of nginx may call it.
---@param item any what `send` is called with
---@return true|nil, table|nil # nil and a RuntimeError where it is not queued
function Queue:push(item)
  local reason = self.ngx and refused_in[self.ngx.get_phase()]
  if reason then return refuse(self, reason) end
  if self.waiting >= self.max_messages then
    if self.overflow ~= "drop_oldest" then
      return refuse(self,
        ("the queue is full: %d messages wait"):format(self.waiting))
    end
    remove_oldest(self)
    self.dropped = self.dropped + 1
  end
  append(self, item)
  if self.ngx then wake(self) end
  return true
end

---Sends what waits, in the caller's coroutine.
---@param seconds number|nil after which no further message is begun; nil:
---until none waits
---@return number, number # how many got through, and how many are left
function Queue:flush(seconds)
  local deadline = seconds and self.monotonic() + seconds
  local sent = 0
  while not (deadline and self.monotonic() >= deadline) do
    local item = take(self)
    if not item then break end
    if deliver(self, item) then sent = sent + 1 end
  end
  if self.ngx and self.waiting > 0 then wake(self) end
  return sent, self.waiting
end

---@return table # how many wait now and are in flight now; how many, so far,
---were sent, failed, were dropped (older ones, when the queue was full) and
---refused; how often nginx gave no timer
function Queue:stats()
  return {
    waiting = self.waiting, in_flight = self.in_flight, sent = self.sent,
    failed = self.failed, dropped = self.dropped, refused = self.refused,
    timer_failures = self.timer_failures,
  }
end

-- nil outside nginx.
local function find_nginx()
  local ngx = rawget(_G, "ngx")
  return type(ngx) == "table" and ngx.timer and ngx.thread and ngx or nil
end

local queue = {}

---@param options table {max_messages (10000), overflow ("error" or
---"drop_oldest"), concurrency: messages in flight at once; send(item)
---gives a result, or nil and an error, is the whole call, and may yield;
---log(level, message), monotonic() -> seconds}
---@return table # a queue
function queue.new(options)
  return setmetatable({
    max_messages = options.max_messages or 10000,
    overflow = options.overflow, concurrency = options.concurrency,
    send = options.send, log = options.log, monotonic = options.monotonic,
    ngx = find_nginx(),
    items = {}, first = 1, size = 0, waiting = 0, in_flight = 0,
    sent = 0, failed = 0, dropped = 0, refused = 0,
    timers = 0, due = {}, timer_failures = 0,
  }, Queue)
end

return queue
