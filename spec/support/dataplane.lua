-- dataplane.lua - runs the local data plane for specs, and reads its broker.
--
--   local plane = dataplane.start{ region = "eu-west-1" }
--   local subscription = plane:subscribe("sensors/#", 1)
--   ... publish to plane.http or plane.https (CA: plane.ca) ...
--   local message = subscription:messages()[1]
--   plane:stop()
--
-- No process outlives this one: the plane's standard input is a pipe that
-- the system closes with us, the plane watches its parent as well, and a
-- subscription ends with the plane's broker.

local cjson = require "cjson"

local PYTHON = os.getenv "PYTHON" or "/usr/bin/python3"
local HERE = debug.getinfo(1, "S").source:match "^@(.*)dataplane%.lua$"

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

-- The words of a command that replaces the shell popen starts it with: the
-- program's parent is then this process. A preloaded sanitizer stays here.
local function command(script, options)
  local words = {
    "exec env -u LD_PRELOAD", quote(PYTHON), "-B", quote(HERE .. script) }
  for name, value in pairs(options or {}) do
    words[#words + 1] = quote("--" .. name:gsub("_", "-"))
    words[#words + 1] = quote(value)
  end
  return table.concat(words, " ")
end

-- os.execute answers a number in Lua 5.1, a boolean since.
local function run(shell_command)
  local result = os.execute(shell_command)
  return result == true or result == 0
end

-- A pipe closed by us is no sure end of the program that reads it: another
-- process started meanwhile may hold it open as well.
local function finish(pid, pipe)
  run(("kill -TERM %d 2>/dev/null"):format(pid))
  pipe:close()
end

-- Debian's cjson makes floats of all numbers; a port is to print as one.
local function decode(line)
  local record = cjson.decode(line)
  for key, value in pairs(record) do
    if type(value) == "number" then record[key] = math.floor(value) end
  end
  return record
end

local function unhex(text)
  return text and (text:gsub("%x%x", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

local Subscription = {}
Subscription.__index = Subscription

local function add(self, record)
  if record.error then
    self.failure = record.error
    return
  end
  record.payload = unhex(record.payload)
  record.correlation_data = unhex(record.correlation_data)
  self.list[#self.list + 1] = record
end

-- Waits for the messages that were asked for; fewer are an error. Each has
-- topic, qos, retain (as published), payload, user_properties ({{name,
-- value} ...}) and, where it has them, content_type, response_topic,
-- correlation_data, message_expiry and payload_format_indicator.
function Subscription:messages()
  if self.pipe then
    for line in self.pipe:lines() do
      add(self, decode(line))
    end
    self:close()
  end
  if #self.list < self.count then
    error(self.failure or "the subscription ended early", 2)
  end
  return self.list
end

-- Ends the subscription early; harmless after messages().
function Subscription:close()
  if not self.pipe then return end
  finish(self.pid, self.pipe)
  self.pipe = nil
end

local Plane = {}
Plane.__index = Plane

-- Subscribes to a topic filter, for so many messages, and returns when the
-- broker has confirmed it. options: timeout for all of it, in seconds (10);
-- client_id, by which the connection's operations know it; session_expiry,
-- in seconds (0); will_topic, will_payload.
function Plane:subscribe(topic, count, options)
  local words = { port = self.mqtt_port, topic = topic, count = count }
  for name, value in pairs(options or {}) do words[name] = value end
  local pipe = assert(io.popen(command("dataplane_sub.py", words), "r"))
  local answer = decode(pipe:read "*l" or "{}")
  if not answer.pid then
    pipe:close()
    error("cannot subscribe to " .. topic .. ": "
      .. (answer.error or "it says why on stderr"), 2)
  end
  local subscription = setmetatable(
    { pid = answer.pid, pipe = pipe, count = count, list = {} }, Subscription)
  self.subscriptions[#self.subscriptions + 1] = subscription
  return subscription
end

-- Stops the plane, its broker and its subscriptions, and removes its files;
-- harmless twice.
function Plane:stop()
  if not self.control then return end
  for _, subscription in ipairs(self.subscriptions) do
    subscription:close()
  end
  finish(self.pid, self.control)
  self.control = nil
end

-- A named pipe for the one line that says where the plane listens: popen
-- itself goes one way only, and that way is the plane's standard input.
local function make_fifo()
  local path = os.tmpname()
  os.remove(path)
  if not run("mkfifo -m 600 " .. quote(path)) then
    error("cannot make a named pipe at " .. path, 3)
  end
  return path
end

-- Reads that line; nil where the plane ended without one. The plane bounds
-- each step of its own start, so this waits no longer than a minute.
local function read_line(path)
  local pipe = assert(io.open(path, "r"))
  local line = pipe:read "*l"
  pipe:close()
  os.remove(path)
  return line
end

local dataplane = {}

-- Starts a plane. options: region, access_key_id, secret_access_key,
-- session_token. The result has what dataplane.py prints: http, https, ca,
-- mqtt_port, region, access_key_id, secret_access_key, session_token, dir,
-- and broker_port: past it, what a client does is seen by no operation.
function dataplane.start(options)
  local fifo = make_fifo()
  local line = command("dataplane.py", options)
  local control =
    assert(io.popen(line .. " --watch-parent > " .. quote(fifo), "w"))
  local ready = read_line(fifo)
  if not ready then
    control:close()
    error("the local data plane did not start; it says why on stderr", 2)
  end
  local plane = decode(ready)
  plane.control = control
  plane.subscriptions = {}
  return setmetatable(plane, Plane)
end

return dataplane
