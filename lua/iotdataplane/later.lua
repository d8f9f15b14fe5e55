-- later.lua - the methods of messages that are not published one by one: many
-- at once, beside what else runs, and in good time
--
-- The machinery is client.lua's, which hands it down.

local methods = {}

local Client
local parts -- {prepare, refuse, deliver, deliver_silently, misuse, check,
            -- raise, told} of client.lua

-- ---- many at once ----

---Publishes many messages at once; one's failure stops no other.
---@param source table|function an array of `publish` parameters, or a
---function that gives the next ones, and nil at the end: it is asked only
---when there is room
---@param options table|nil concurrency (from 1 to 10,000 connections;
---max_pool_connections), on_result (function(index, response, err)),
---max_errors (1000)
---@return table # {succeeded, failed, errors = {[index] = err}}; raises what
---source or on_result has raised, once nothing is in flight
function methods:publish_many(source, options)
  if getmetatable(self) ~= Client then parts.misuse(self, "publish_many") end
  local many = require "iotdataplane.many"
  local wrong = many.misuse(source, options)
  if wrong then error(wrong, 2) end
  return many.publish(self, parts, source, options)
end

---Begins to publish, and returns at once.
---@param params table as of publish; a file is read now
---@return table # a future: done(), wait([seconds]) -> boolean, result() as
---publish. It goes on while any future, publish_many or publish of this client
---waits, or an event loop calls client.transport:step()
function methods:publish_async(params)
  if getmetatable(self) ~= Client or type(params) ~= "table" then
    parts.misuse(self, "publish_async", params)
  end
  return require "iotdataplane.many".publish_async(self, parts, params)
end

-- ---- in good time ----

---Nobody is there to see what happens to them: without a logger nginx's own
---log does.
local function queue_log(self)
  local ngx = rawget(_G, "ngx")
  if self.settings.logger or not ngx then
    return function(level, message) self.world:log(level, message) end
  end
  return function(level, message)
    ngx.log(level == "error" and ngx.ERR or ngx.WARN, "iotdataplane: ",
            message)
  end
end

local function queue_of(self)
  local waiting = self.queue
  if waiting then return waiting end
  local settings, world = self.settings, self.world
  waiting = require "iotdataplane.queue".new {
    max_messages = settings.queue.max_messages,
    overflow = settings.queue.overflow,
    concurrency = settings.max_pool_connections,
    send = function(request) return parts.deliver_silently(self, request) end,
    log = queue_log(self),
    monotonic = function() return world:monotonic() end,
  }
  self.queue = waiting
  return waiting
end

---Publishes in good time: checks the message, queues it and returns at once.
---In nginx, where every phase may call it, a timer sends; elsewhere `flush`
---does.
---@param params table as of publish; a file is read now
---@return true # raises an error table where the message is not right, or the
---queue is full
function methods:publish_later(params)
  if getmetatable(self) ~= Client or type(params) ~= "table" then
    parts.misuse(self, "publish_later", params)
  end
  local request, err = parts.prepare(self, params)
  if not request then return parts.raise(nil, err) end
  return parts.raise(parts.told(self, queue_of(self):push(request)))
end

---Sends what publish_later has queued.
---@param seconds number|nil after which no further message is begun
---@return number, number # how many were accepted, and how many wait still;
---of those that failed the logger hears
function methods:flush(seconds)
  parts.check(self, "flush")
  if seconds ~= nil and (type(seconds) ~= "number" or seconds ~= seconds) then
    error(("bad argument #1 to 'flush' (number expected, got %s)")
      :format(tostring(seconds)), 2)
  end
  return queue_of(self):flush(seconds)
end

---@return table # {waiting, in_flight, sent, failed, dropped, refused,
---timer_failures}: messages of publish_later
function methods:queue_stats()
  parts.check(self, "queue_stats")
  return queue_of(self):stats()
end

---Gives a class the methods.
---@param class table of client.lua
---@param its table its parts
local function give(class, its)
  Client, parts = class, its
  if rawget(_G, "ngx") then require "iotdataplane.queue" end -- ere requests do
  for name, method in next, methods do class[name] = method end
end

return give
