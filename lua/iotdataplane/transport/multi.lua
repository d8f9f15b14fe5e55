-- multi.lua - many requests at once: our HTTP over libcurl's connections, all
-- of them waited for by one loop
--
-- What runs in a coroutine of `run` or `spawn` waits by yielding to the loop;
-- anybody else who sends or sleeps drives the loop until that is done, and
-- all the others with it. One descriptor, `fd`, tells a foreign event loop
-- when to call `step`.

local core = require "iotdataplane.core"
local curl = require "iotdataplane.curl"
local protected = require "iotdataplane.protected"
local side_by_side = require "iotdataplane.transport.side_by_side"
local wire = require "iotdataplane.transport.curl_request"
local workers = require "iotdataplane.transport.workers"

local max, monotonic = math.max, core.monotonic
local respond, way_of = wire.respond, wire.way_of
local running = coroutine.running
-- LuaJIT's C API cannot yield where a finalizer runs below.
local YIELDS_IN_C = not rawget(_G, "jit")
local root = protected.root
-- A finalizer may run in a coroutine that it cannot yield from.
local isyieldable = rawget(coroutine, "isyieldable")
  or function() return true end

local Transport = { __name = "iotdataplane.transport.multi" }
Transport.__index = Transport

local FOREVER = math.huge
local SPARE = 64 -- workers that are kept for the next functions
local ENDED = workers.ENDED

---Once a client is closed and nothing is in flight.
local function rest(self)
  if self.closing and self.workers.active == 0 and self.runs == 0 then
    self.closing = false
    self.loop:clear()
  end
end

-- ---- the loop ----

---Hands what loop:next gave to the one who waits for it.
---@return boolean # has anybody gone on?
local function dispatch(self, key, a, b, c, d, e)
  if not key then return false end
  local worker = self.workers.by_thread[key]
  if worker then
    self.workers:settle(worker, a, b, c, d)
    return true
  end
  local waiter = self.waiting[key]
  self.waiting[key] = nil
  if not waiter then
    return true
  elseif waiter.thread then
    if waiter.id ~= key then return true end
    self.workers:settle(waiter,
      self.loop:resume(waiter.thread, a, b, c, d, e))
  else
    waiter.is_full = true
    waiter[1], waiter[2], waiter[3], waiter[4], waiter[5] = a, b, c, d, e
  end
  return true
end

---Waits for what is under way in the loop, and gives what came of it: of those
---who cannot wait within the loop's own call.
local function await(self, id)
  local worker = self.workers.by_thread[root(running())]
  if worker and isyieldable() then
    self.waiting[id], worker.id = worker, id
    return workers.wait()
  end
  local box = {}
  self.waiting[id] = box
  repeat dispatch(self, self.loop:next(FOREVER)) until box.is_full
  return box[1], box[2], box[3], box[4], box[5]
end

---Goes on with what can go on.
---@param seconds number|nil to wait at most until something can (0)
---@return boolean # is anything of `run` or `spawn` still under way?
function Transport:step(seconds)
  local loop, left = self.loop, seconds or 0
  local till = monotonic() + left
  while self.workers.active > 0 and not dispatch(self, loop:next(left)) do
    left = till - monotonic()
    if left <= 0 then return true end
  end
  -- with a look at the descriptors: or `fd` would stay readable
  dispatch(self, loop:next(0))
  while dispatch(self, loop:next()) do end
  return self.workers.active > 0
end

---A descriptor that is readable when `step` has something to do, the passing
---of time included. It stays the same until `close`.
---@return integer|nil # nil where the system has none: see `timeout`
function Transport:fd()
  return self.loop:fd()
end

---@return number|nil # seconds until `step` has something to do even if
---nothing comes; nil for never
function Transport:timeout()
  return self.loop:timeout()
end

-- ---- the world ----

---@param request table
---@param old table|nil a response that is over, to be written anew, without
---its `headers`: for who looks at the `fields` only
---@return table|nil, table|nil # {status, headers, body; replayed: it was sent
---before, too, on a connection that was then closed}, or nil and {name,
---message, sent}
function Transport:send(request, old)
  local identity, authority, headers = way_of(self, request)
  local status, fields, body, head, replayed = self.loop:send(identity,
    request.method, request.path, request.query or "",
    headers, request.body or "",
    request.connect_timeout, request.read_timeout, request.deadline,
    request.replay, authority, old ~= nil, request.is_unseen)
  if status == true then return respond(old, await(self, fields)) end
  return respond(old, status, fields, body, head, replayed)
end

---@return string # which connection the last request went over, for a log
function Transport:connection()
  local number, kept = self.loop:connection()
  return ("%s %d"):format(kept and "kept" or "new", number)
end

---@param seconds number
function Transport:sleep(seconds)
  local till = monotonic() + seconds
  local _, id = self.loop:pause(till)
  if id then return await(self, id) end
  repeat until curl.pause(till) -- it has waited, or there was no memory
end

Transport.now = core.now -- both take no argument, and ignore theirs

Transport.monotonic = monotonic

---Closes the connections, those in use once they are not.
function Transport:close()
  self.closing = true
  self.loop:clear()
  rest(self)
end

-- ---- side by side ----

local function make_room(self, concurrency)
  local spare = max(self.workers.spare, concurrency)
  self.runs = self.runs + 1
  self.workers:keep(spare)
  self.loop:resize(max(spare, self.size))
end

local function leave(self)
  self.runs = self.runs - 1
  if self.runs > 0 then return end
  self.workers:keep(SPARE)
  self.loop:resize(self.size)
  rest(self)
end

---Waits until something can go on. The usual is that one of the run's own
---functions has ended; then its worker runs the next one.
local function turn(self, run)
  local loop, its, functions = self.loop, self.workers, run.functions
  local by_thread, take = its.by_thread, loop.next
  local key, ok, what, a, b, c = take(loop, FOREVER)
  local worker = by_thread[key]
  while worker and worker.owner == run and what == ENDED and not c do
    its.active = its.active - 1
    local f = functions(worker.f, true, a, b)
    if not f then
      run:end_one()
      return its:park(worker)
    end
    worker.f = f
    its.active = its.active + 1
    if run.first <= run.last then -- has_news(), without a call
      return its:settle(worker, loop:resume(key, f))
    end
    key, ok, what, a, b, c = take(loop, FOREVER, key, f)
    worker = by_thread[key]
  end
  dispatch(self, key, ok, what, a, b, c)
end

---Runs functions side by side, each in a coroutine of its own, and waits for
---all of them. All else that is under way goes on as well.
---@param functions function is called for the next function to run, or nil
---where there is none; with the one that has ended, and what pcall would have
---given for it, whenever one has; always in the coroutine of `run`'s caller
---@param concurrency integer how many run at once, and keep a connection
function Transport:run(functions, concurrency)
  local run = side_by_side.new(functions, concurrency)
  make_room(self, concurrency)
  local loop = self.loop
  repeat
    local f = run:next()
    if f then self.workers:begin(run, f) end
    if run:has_news() then
      -- what ends at once is not to keep others from going on
      if f then dispatch(self, loop:next(0)) end
    elseif not f and run.count > 0 or run.count >= concurrency then
      turn(self, run)
    end
  until run:is_done()
  leave(self)
end

---Begins a function in a coroutine of its own.
---@param f function
---@return table # {done, ok, what it returned or raised}: see `join`
function Transport:spawn(f)
  local task = side_by_side.task()
  self.workers:begin(task, f)
  return task
end

---Goes on until a task of `spawn` is done.
---@param task table
---@param seconds number|nil at most
---@return boolean # is it?
function Transport:join(task, seconds)
  local left = seconds or FOREVER
  local till = monotonic() + left
  while not task.done do
    self:step(left)
    left = till - monotonic()
    if left <= 0 then break end
  end
  return task.done
end

---@param options table {max_idle_time, max_pool_connections; by_poll: without
---epoll}
---@return table # a transport
return function(options)
  local size = options.max_pool_connections
  local self = setmetatable({
    loop = curl.loop(options.max_idle_time, size, options.by_poll,
                     YIELDS_IN_C),
    size = size, waiting = {}, runs = 0, closing = false,
  }, Transport)
  self.workers = workers.new(self.loop, SPARE, function() rest(self) end)
  return self
end
