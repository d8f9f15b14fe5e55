-- side_by_side.lua - which function runs next, and what became of the others:
-- what every transport's `run` is made with

local protected = require "iotdataplane.protected"

local Run = {}
Run.__index = Run

---Notes what has ended, for the caller of `run`, in whose coroutine it is
---told.
---@param f function
---@param ok boolean as pcall gives it, and up to two values after it
function Run:ended(f, ok, a, b)
  local news, last = self.news, self.last
  news[last + 1], news[last + 2], news[last + 3], news[last + 4] = f, ok, a, b
  self.last = last + 4
end

---Is there something that was not told yet?
function Run:has_news()
  return self.first <= self.last
end

---Notes that one has ended, was told, and none came after it.
function Run:end_one()
  self.count, self.is_over = self.count - 1, true
end

---The next function after the one that ended first.
local function tell(self)
  local news, first = self.news, self.first
  local f, ok, a, b = news[first], news[first + 1], news[first + 2],
    news[first + 3]
  news[first], news[first + 2], news[first + 3] = nil, nil, nil
  if first + 4 <= self.last then
    self.first = first + 4
  else
    self.first, self.last = 1, 0
  end
  local following = self.functions(f, ok, a, b)
  if not following then self:end_one() end
  return following
end

---@return function|nil # the next function to run; nil: none, for now at
---least. What has ended is told first
function Run:next()
  if self.first <= self.last then return tell(self) end
  if self.is_over or self.count >= self.concurrency then return nil end
  local f = self.functions()
  if f then self.count = self.count + 1 else self.is_over = true end
  return f
end

---Has all ended, and is nothing to come?
function Run:is_done()
  return self.count == 0 and self.is_over
end

local Task = {}
Task.__index = Task

---As Run's.
function Task:ended(_, ok, a, b)
  self.ok, self[1], self[2] = ok, a, b
  self.done = true
end

local side_by_side = {}

---@return table # {done, ok, and what the function returned or raised}: one
---that was begun, and is not waited for yet
function side_by_side.task()
  return setmetatable({ done = false }, Task)
end

---@return table # the task of a function that was run at once
function side_by_side.done(f)
  local task = side_by_side.task()
  task:ended(f, protected.call(f))
  return task
end

---@param functions function as of a transport's `run`
---@param concurrency integer
---@return table # of which `count` run, or have run and were not told
function side_by_side.new(functions, concurrency)
  return setmetatable({
    functions = functions, concurrency = concurrency, count = 0,
    first = 1, last = 0, is_over = false, news = {},
  }, Run)
end

---`run` where nothing runs beside anything.
function side_by_side.in_turn(functions)
  local f = functions()
  while f do f = functions(f, protected.call(f)) end
end

return side_by_side
