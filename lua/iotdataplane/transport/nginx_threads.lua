-- nginx_threads.lua - functions side by side in nginx's light threads
--
-- What nginx keeps of a light thread is freed with its request only: so there
-- are no more of them than run at once, each runs one function after the
-- other, and all are waited for at the end.

local core = require "iotdataplane.core"
local side_by_side = require "iotdataplane.transport.side_by_side"

-- luacheck: read globals ngx

local min, pcall = math.min, pcall

local LOOK = 1 -- seconds between looks at whether somebody was killed

local threads = {}

local function new_gate()
  return require "ngx.semaphore".new(0)
end

-- ---- workers ----

---Waits for the next function; false where none will come.
local function has_work(worker, run)
  while not worker.f and not run.is_left do
    worker.gate:wait(LOOK)
    if coroutine.status(run.parent) == "dead" then return false end
  end
  return worker.f ~= nil
end

local function work(worker, run)
  while has_work(worker, run) do
    local f = worker.f
    run:ended(f, pcall(f))
    worker.f = nil
    run.idle[#run.idle + 1] = worker
    run.gate:post(1)
  end
end

---Has a light thread run it, until it waits for something.
local function begin(run, f)
  local idle = run.idle
  local worker = idle[#idle]
  if worker then
    idle[#idle], worker.f = nil, f
    worker.gate:post(1)
  else
    worker = { gate = new_gate(), f = f }
    run.workers[#run.workers + 1] = worker
    worker.thread = ngx.thread.spawn(work, worker, run)
  end
end

local function leave(run)
  run.is_left = true
  for _, worker in ipairs(run.workers) do worker.gate:post(1) end
  for _, worker in ipairs(run.workers) do ngx.thread.wait(worker.thread) end
end

---See transport/multi.lua.
function threads.run(functions, concurrency)
  local run = side_by_side.new(functions, concurrency)
  run.workers, run.idle, run.gate = {}, {}, new_gate()
  run.parent = coroutine.running()
  repeat
    local f = run:next()
    if f then
      begin(run, f)
    elseif not run:has_news() and run.count > 0 then
      run.gate:wait(LOOK)
    end
  until run:is_done()
  leave(run)
end

-- ---- one by itself ----

---Begins a function in a light thread of its own.
---@return table # {done, ok, what it returned or raised}
function threads.spawn(f)
  local task = side_by_side.task()
  task.gate = new_gate()
  ngx.thread.spawn(function()
    task:ended(f, pcall(f))
    task.gate:post(1)
  end)
  return task
end

---Waits until a task of `spawn` is done; whoever else waits is woken too.
---@param seconds number|nil at most
---@return boolean # is it?
function threads.join(task, seconds)
  local now = core.monotonic()
  local till = now + (seconds or math.huge)
  while not task.done and now < till do
    task.gate:wait(min(LOOK, till - now))
    now = core.monotonic()
  end
  if task.done then task.gate:post(1) end
  return task.done
end

return threads
