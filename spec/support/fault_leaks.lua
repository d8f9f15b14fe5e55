-- fault_leaks.lua - what a process holds: descriptors, memory

local leaks = {}

local MOST_LUA = 64 -- KB
local MOST_RESIDENT = 2048 -- KB
local MOST_HEAP = 16 -- KB
local TRIES = 6 -- OpenSSL's memory in nginx grows for some hundred connections

-- Valgrind keeps freed memory for a while, and is slow.
leaks.in_valgrind =
  (os.getenv "LD_PRELOAD" or ""):find("vgpreload", 1, true) ~= nil

local HIGHEST = 1023 -- descriptor that is looked for

-- KB of a process that are in memory; of ours where no pid is given.
function leaks.resident(pid)
  local file = assert(io.open(("/proc/%s/status"):format(pid or "self")))
  local text = file:read "*a"
  file:close()
  return tonumber(text:match "VmRSS:%s*(%d+)")
end

-- The one that looks is counted as well. Another process would see pipes to
-- itself come and go.
function leaks.descriptors()
  local count = 0
  for i = 0, HIGHEST do
    local file = io.open("/proc/self/fdinfo/" .. i)
    if file then
      count = count + 1
      file:close()
    end
  end
  return count
end

-- As few as several looks show: garbage may survive a collection where the
-- stack still has an old reference to it.
function leaks.fewest_descriptors()
  local fewest = math.huge
  for _ = 1, 4 do
    collectgarbage()
    collectgarbage()
    fewest = math.min(fewest, leaks.descriptors())
  end
  return fewest
end

-- KB that C has allocated, where LuaJIT can ask glibc; it does not allocate
-- there itself.
local function heap()
  local has_ffi, ffi = pcall(require, "ffi")
  if not has_ffi then return 0 end
  pcall(ffi.cdef, [[
    struct iot_mallinfo2 {
      size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks,
             uordblks, fordblks, keepcost;
    };
    struct iot_mallinfo2 mallinfo2(void);
  ]])
  local ok, info = pcall(function() return ffi.C.mallinfo2() end)
  return ok and tonumber(info.uordblks + info.hblkhd) / 1024 or 0
end

-- Garbage may survive a collection where the stack still has an old
-- reference to it.
function leaks.held()
  for _ = 1, 3 do collectgarbage() end
  return {
    lua = collectgarbage "count", resident = leaks.resident(),
    heap = heap(), descriptors = leaks.descriptors(),
  }
end

-- What is wrong with what is held after something, if anything.
local function between(before, after)
  if after.descriptors > before.descriptors then
    return ("%d descriptors are left"):format(
      after.descriptors - before.descriptors)
  end
  local lua, c = after.lua - before.lua, after.heap - before.heap
  local more = after.resident - before.resident
  if lua > MOST_LUA then
    return ("%d KB of Lua are left"):format(lua)
  elseif c > MOST_HEAP then
    return ("%d KB of C are left"):format(c)
  elseif more > MOST_RESIDENT and not leaks.in_valgrind then
    return ("%d KB are left"):format(more)
  end
end

-- What runs leave behind each time, if anything: a table of Lua's own that
-- grows by a half does so once.
---@param held function|nil as leaks.held, of another process
function leaks.of(run, held)
  held = held or leaks.held
  local before, wrong = held(), nil
  for _ = 1, TRIES do
    run()
    local after = held()
    wrong = between(before, after)
    if not wrong then return nil end
    before = after
  end
  return wrong
end

return leaks
