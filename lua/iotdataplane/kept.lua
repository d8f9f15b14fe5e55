-- kept.lua - modules whose text is read at once, and compiled when one is used
--
-- Most of the time of a program of one message goes into compiling ours, much
-- of it for what only other messages need, or those that fail. That is read
-- all the same: later there may be no descriptor left, or another root.

require "cjson" -- which json.lua is to find loaded: it is a file, too

local loaded, preload = package.loaded, package.preload
local load = rawget(_G, "loadstring") or load -- Lua 5.1's takes no text

-- A module is a table, or one function.
local tables = { "clock", "date", "json", "python" }
local functions = { "number", "output", "validate" }

---The text of a module and its path, where nobody has added a searcher, so
---that it is in a file. Lua 5.1 does not say in which by itself.
local function read(name)
  local searchers = rawget(package, "searchers") or rawget(package, "loaders")
  local searchpath = rawget(package, "searchpath")
  if not searchpath or #searchers ~= 4 or preload[name] then return nil end
  local path = searchpath(name, package.path)
  local file = path and io.open(path, "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text, path
end

---What compiles a module; nil where only `require` can load it, which it does.
local function compiler(name)
  if loaded[name] then return nil end
  local text, path = read(name)
  if not text then
    require(name)
    return nil
  end
  return function() return assert(load(text, "@" .. path))(name, path) end
end

---A table that becomes the module as soon as anybody looks into it.
local function keep_table(name)
  local compile, module = compiler(name), nil
  if not compile then return end
  loaded[name] = setmetatable({}, { __index = function(self, key)
    -- once, whatever a finalizer does meanwhile, and where memory ends
    local new = not module and compile()
    module = module or new
    for k, v in next, module do self[k] = v end
    setmetatable(self, nil)
    return self[key]
  end })
end

local function keep_function(name)
  local compile, module = compiler(name), nil
  if not compile then return end
  loaded[name] = function(...)
    local new = not module and compile()
    if not module then module, loaded[name], compile = new, new, nil end
    return module(...)
  end
end

for _, name in ipairs(tables) do keep_table("iotdataplane." .. name) end
for _, name in ipairs(functions) do keep_function("iotdataplane." .. name) end

return true
