-- server.lua - runs a server in Python for specs.
--
--   local server = require "spec.support.server".start("hostile.py")
--   ... server.http, and whatever else its line of JSON has ...
--   server:stop()
--
-- The script prints one line of JSON when it is ready, with its own `pid` in
-- it, and ends with its standard input or, --watch-parent, with its parent:
-- so it does not outlive this process, however that ends.

local cjson = require "cjson"

local PYTHON = os.getenv "PYTHON" or "/usr/bin/python3"
local HERE = debug.getinfo(1, "S").source:match "^@(.*)server%.lua$"

local function quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

-- os.execute answers a number in Lua 5.1, a boolean since.
local function run(shell_command)
  local result = os.execute(shell_command)
  return result == true or result == 0
end

-- A named pipe for that line: popen itself goes one way only, and that way is
-- the server's standard input.
local function make_fifo()
  local path = os.tmpname()
  os.remove(path)
  assert(run("mkfifo -m 600 " .. quote(path)), "cannot make a named pipe")
  return path
end

-- nil where the server ended without its line.
local function read_line(path)
  local pipe = assert(io.open(path, "r"))
  local line = pipe:read "*l"
  pipe:close()
  os.remove(path)
  return line
end

-- Debian's cjson makes floats of all numbers; a port is to print as one.
local function decode(line)
  local record = cjson.decode(line)
  for key, value in next, record do
    if type(value) == "number" then record[key] = math.floor(value) end
  end
  return record
end

local Server = {}
Server.__index = Server

-- Harmless twice. A pipe closed by us is no sure end of the program that
-- reads it: another process started meanwhile may hold it open as well.
function Server:stop()
  if not self.stdin then return end
  run(("kill -TERM %d 2>/dev/null"):format(self.pid))
  self.stdin:close()
  self.stdin = nil
end

local server = { quote = quote, run = run }

-- Starts a script that lies beside this file; `exec` makes this process its
-- parent.
function server.start(script)
  local fifo = make_fifo()
  local words = { "exec", quote(PYTHON), "-B", quote(HERE .. script),
                  "--watch-parent", ">", quote(fifo) }
  local stdin = assert(io.popen(table.concat(words, " "), "w"))
  local ready = read_line(fifo)
  if not ready then
    stdin:close()
    error(script .. " did not start; it says why on stderr", 2)
  end
  local started = decode(ready)
  started.stdin = stdin
  return setmetatable(started, Server)
end

return server
