-- protected.lua - pcall for functions that yield
--
-- PUC Lua 5.1 cannot yield across pcall, yet it can out of a coroutine that
-- runs within another.

local protected = {}

-- By coroutine, the one within which it runs.
local outer = setmetatable({}, { __mode = "k" })

local function nested(f, ...)
  local run = coroutine.create(f)
  outer[run] = coroutine.running()
  local function pass(ok, ...)
    if not ok or coroutine.status(run) == "dead" then return ok, ... end
    return pass(coroutine.resume(run, coroutine.yield(...)))
  end
  return pass(coroutine.resume(run, ...))
end

local IS_PUC_51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")

---As pcall.
protected.call = IS_PUC_51 and nested or pcall

---@param thread any a coroutine, or nil
---@return any # the one that yields when this one does
function protected.root(thread)
  while thread and outer[thread] do thread = outer[thread] end
  return thread
end

if not IS_PUC_51 then
  function protected.root(thread) return thread end
end

return protected
