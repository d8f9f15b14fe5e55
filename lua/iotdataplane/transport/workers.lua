-- workers.lua - coroutines that run one function after the other, and wait for
-- a loop of transport/multi.lua meanwhile

-- Lua's own: in nginx there are others in their place, of its scheduler's.
local create = rawget(coroutine, "_create") or coroutine.create
local yield = rawget(coroutine, "_yield") or coroutine.yield
local remove = table.remove

local Workers = {}
Workers.__index = Workers

local workers = {}

-- What a worker yields: its function has ended; or it waits, and the loop does
-- not know for what.
local ENDED, WAITS = {}, {}

workers.ENDED = ENDED

local function work(f)
  repeat f = yield(ENDED, f()) until false
end

---Has the worker that is running wait.
---@return any # what it is resumed with
function workers.wait()
  return yield(WAITS)
end

local function new_worker(self)
  local thread = create(work)
  local worker = { thread = thread }
  self.by_thread[thread] = worker
  return worker
end

---Keeps a worker that is done for the next function.
function Workers:park(worker)
  local idle = self.idle
  worker.owner, worker.f = nil, nil
  if #idle < self.spare then
    idle[#idle + 1] = worker
  else
    self.by_thread[worker.thread] = nil
  end
end

---Keeps so many from now on.
---@param spare integer
function Workers:keep(spare)
  self.spare = spare
  for _ = spare + 1, #self.idle do
    self.by_thread[remove(self.idle).thread] = nil
  end
end

---Hears what a worker has come to, as loop:resume has it. One that raised is
---of no use any more.
function Workers:settle(worker, ok, what, a, b)
  if ok == nil or what == WAITS then return end
  local owner, f = worker.owner, worker.f
  self.active = self.active - 1
  if ok and what == ENDED then
    self:park(worker)
  else
    self.by_thread[worker.thread] = nil
    a, b = ok and "what runs beside others has yielded to somebody else"
      or what, nil
    ok = false
  end
  owner:ended(f, ok, a, b)
  if self.active == 0 then self.on_idle() end
end

---Has a worker run a function until that waits for something.
---@param owner table whose method `ended` hears how it ended
---@param f function
function Workers:begin(owner, f)
  local worker = remove(self.idle) or new_worker(self)
  worker.owner, worker.f, worker.id = owner, f, nil
  self.active = self.active + 1
  self:settle(worker, self.loop:resume(worker.thread, f))
end

---@param loop userdata of curl.loop
---@param spare integer how many are kept
---@param on_idle function is called when none runs anything any more
---@return table # workers; `active` of them run something
function workers.new(loop, spare, on_idle)
  return setmetatable({
    loop = loop, by_thread = {}, idle = {}, spare = spare, active = 0,
    on_idle = on_idle,
  }, Workers)
end

return workers
