-- child.lua - the Lua that runs us, once more, in a process of its own that
-- finds the modules where we do
--
--   local child = require "spec.support.child"
--   child.words("script.lua", "argument")   its command, word by word
--   child.command("A=b exec timeout 9", "script.lua", "argument")
--                                           the same, for a shell
--   child.start(...)    runs that command: the pipe from all that it says
--   child.output(...)   the same, to its end: what it said

local server = require "spec.support.server"

local child = {}

-- The first word of the command that runs us, wherever its script stands.
local function interpreter()
  local at = -1
  while arg[at - 1] do at = at - 1 end
  return os.getenv "LUA_BIN" or arg[at] or "lua5.4"
end

---@param ... string what follows the interpreter's name
function child.words(...)
  local paths = ("package.path = %q package.cpath = %q")
    :format(package.path, package.cpath)
  return { interpreter(), "-e", paths, ... }
end

---@param before string what stands before it in the shell's line
function child.command(before, ...)
  local words = child.words(...)
  for i, word in ipairs(words) do words[i] = server.quote(word) end
  return before .. " " .. table.concat(words, " ")
end

function child.start(...)
  return assert(io.popen(child.command(...) .. " 2>&1"))
end

function child.output(...)
  local pipe = child.start(...)
  local text = pipe:read "*a"
  pipe:close()
  return text
end

return child
