-- many.lua - publishes many messages at once, and one beside what else runs
--
-- The messages' own way is that of `publish`; here is who asks for the next
-- one, and who hears what became of it: always the caller, in its coroutine.

local errors = require "iotdataplane.errors"
local side_by_side = require "iotdataplane.transport.side_by_side"

local pcall, type = pcall, type

local many = {}

local MAX_CONCURRENCY = 10000 -- a connection each; ports end at 65535
local MAX_ERRORS = 1000 -- that a summary has, unless it is told otherwise

-- ---- arguments ----

local function is_whole(value, least, most)
  return type(value) == "number" and value >= least and value <= most
    and (value % 1 == 0 or value == math.huge)
end

local checks = {
  concurrency = function(value)
    return is_whole(value, 1, MAX_CONCURRENCY),
      ("must be a whole number from 1 to %d"):format(MAX_CONCURRENCY)
  end,
  max_errors = function(value)
    return is_whole(value, 0, math.huge), "must be a whole number, or huge"
  end,
  on_result = function(value)
    return type(value) == "function", "must be a function"
  end,
}

local function complaint(options)
  for name, value in next, options do
    local check = checks[name]
    if not check then
      return ("unknown option '%s'"):format(tostring(name))
    end
    local ok, what = check(value)
    if not ok then
      return ("option '%s' %s, got %s"):format(name, what, tostring(value))
    end
  end
end

---Has a table other keys than 1 to n? One with a metatable may be anything.
local function is_no_list(source)
  if getmetatable(source) then return false end
  local count = 0
  for key in next, source do
    if type(key) ~= "number" then return true end
    count = count + 1
  end
  return count ~= #source or count > 0 and source[count] == nil
end

---@return string|nil # what is wrong with the arguments of publish_many, as a
---programmer's mistake
function many.misuse(source, options)
  local kind, number, what = type(source), 1, nil
  if kind ~= "table" and kind ~= "function" then
    what = "table or function expected, got "
      .. (source == nil and "no value" or kind)
  elseif kind == "table" and is_no_list(source) then
    what = "a list of messages expected, its keys 1 to n"
  elseif options ~= nil then
    number = 2
    what = type(options) ~= "table" and "table expected, got " .. type(options)
      or type(options) == "table" and complaint(options)
  end
  return what
    and ("bad argument #%d to 'publish_many' (%s)"):format(number, what)
    or nil
end

-- ---- the transport ----

---The client's transport, or for libcurl's blocking one that which runs many
---requests at once: from then on it is the client's, and its credentials'.
local function transport_of(client)
  local transport, world = client.transport, client.world
  if transport.run or type(world.options.transport) == "table" then
    return transport
  end
  local new = require "iotdataplane.transport.multi"(client.settings)
  client.transport, world.transport = new, new
  transport:close()
  return new
end

-- ---- a stream ----

---Hears of an error of the caller's own functions; the first is raised in the
---end, and no other message begun.
local function stop(stream, raised)
  if not stream.has_failed then stream.raised = raised end
  stream.has_failed, stream.is_over = true, true
end

---Counts what became of a message, and says so.
local function report(stream, index, response, err)
  local summary = stream.summary
  if response then
    summary.succeeded = summary.succeeded + 1
  else
    summary.failed = summary.failed + 1
    if stream.room > 0 then
      stream.room = stream.room - 1
      summary.errors[index] = err
    end
  end
  if not stream.on_result then return end
  local ok, raised = pcall(stream.on_result, index, response, err)
  if not ok then stop(stream, raised) end
end

local function wrong_type(params)
  return errors.new("ParamValidationError", {
    report = ("Invalid type for parameter , value: %s, type: %s, "
      .. "valid types: table"):format(tostring(params), type(params)),
  })
end

---Asks the source for the next message, if it has another, and puts its
---request, or what is wrong with it, in place of the one before.
local function ask(stream, slot)
  local params, jobs = stream.source(), stream.jobs
  if params == nil then return nil end
  local index = stream.index + 1
  stream.index, slot.index = index, index
  if type(params) == "table" then
    local request, err = jobs.prepare(stream.client, params, slot.request)
    slot.request, slot.err = request, err
    if request then request.is_unseen = stream.is_unseen end
  else
    slot.request, slot.err = jobs.refuse(stream.client, wrong_type(params))
  end
  return slot.send
end

---A place in flight, whose function sends one message after the other.
local function new_slot(stream)
  local slot, client, deliver = {}, stream.client, stream.jobs.deliver
  function slot.send()
    local request = slot.request
    if not request then return nil, slot.err end
    return deliver(client, request)
  end
  stream.slots[slot.send] = slot
  return slot
end

---What is to run next; nil where nothing is.
local function begin(stream, slot)
  if stream.is_over then return nil end
  local ok, send = pcall(ask, stream, slot or new_slot(stream))
  if ok and send then return send end
  if not ok then stop(stream, send) end
  stream.is_over = true
  return nil
end

---What was raised, where failures are returned, is a mistake: of ours, of a
---transport's, or it is Ctrl-C.
local function broken(stream, raised)
  stop(stream, raised)
  local err = errors.new("RuntimeError", { error_msg = tostring(raised) })
  err.operation_name, err.delivery = "Publish", "unknown"
  return err
end

---As `run` of a transport calls it.
local function functions_of(stream)
  return function(send, ok, response, err)
    if not send then return begin(stream) end
    local slot = stream.slots[send]
    if not ok then response, err = nil, broken(stream, response) end
    report(stream, slot.index, response, err)
    return begin(stream, slot)
  end
end

local function iterator(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

---@param client table
---@param jobs table {prepare(client, params, old), refuse(client, err),
---deliver(client, request)}: the parts of a publish; `old` is a request that
---is over, if there is one
---@param source table|function
---@param options table|nil
---@return table # {succeeded, failed, errors}
function many.publish(client, jobs, source, options)
  options = options or {}
  local concurrency = options.concurrency
    or math.min(client.settings.max_pool_connections, MAX_CONCURRENCY)
  local stream = {
    client = client, jobs = jobs, index = 0, slots = {},
    source = type(source) == "table" and iterator(source) or source,
    on_result = options.on_result,
    is_unseen = not options.on_result and not client.is_noted
      and not client.is_foreign,
    room = options.max_errors or MAX_ERRORS,
    summary = { succeeded = 0, failed = 0, errors = {} },
  }
  local transport, functions = transport_of(client), functions_of(stream)
  if transport.run then
    transport:run(functions, concurrency)
  else
    side_by_side.in_turn(functions)
  end
  if stream.has_failed then error(stream.raised, 0) end
  return stream.summary
end

-- ---- a future ----

local Future = { __name = "iotdataplane.future" }
Future.__index = Future

---@return boolean # has it ended? Never waits
function Future:done()
  return self.task.done
end

---Waits until it has ended; what else is under way goes on meanwhile.
---@param seconds number|nil at most
---@return boolean # has it?
function Future:wait(seconds)
  if seconds ~= nil and type(seconds) ~= "number" then
    error(("bad argument #1 to 'wait' (number expected, got %s)")
      :format(type(seconds)), 2)
  end
  local task = self.task
  return task.done or self.transport:join(task, seconds)
end

---Waits for it, if need be.
---@return table # as publish; raises an error table as publish does
function Future:result()
  self:wait()
  local task = self.task
  if not task.ok then error(task[1], 0) end
  if task[1] then return task[1] end
  error(task[2], 0)
end

---@param client table
---@param jobs table as of many.publish
---@param params table
---@return table # a future
function many.publish_async(client, jobs, params)
  local transport = transport_of(client)
  local request, err = jobs.prepare(client, params)
  local function send()
    if not request then return nil, err end
    return jobs.deliver(client, request)
  end
  local spawn = transport.spawn and request
  return setmetatable({
    transport = transport,
    task = spawn and transport:spawn(send) or side_by_side.done(send),
  }, Future)
end

return many
