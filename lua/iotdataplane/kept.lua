-- kept.lua - modules whose text is read at once, and compiled when one is used
--
-- Most of the time of a program of one message goes into compiling ours, much
-- of it for what only other messages need, or those that fail. That is read
-- all the same: later there may be no descriptor left, or another root.

require "cjson" -- which json.lua is to find loaded: it is a file, too

local loaded, preload = package.loaded, package.preload
local load = rawget(_G, "loadstring") or load -- Lua 5.1's takes no text

local names = {
  "clock", "date", "json", "number", "output", "python", "validate",
}

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

---Puts in a module's place what compiles it once it is called, where it is a
---function, or becomes it once it is looked into.
local function keep(name)
  if loaded[name] then return end
  local text, path = read(name)
  if not text then return require(name) end
  local module
  -- once, whatever a finalizer does meanwhile, and where memory ends
  local function get()
    local new = not module and assert(load(text, "@" .. path))(name, path)
    module = module or new
    return module
  end
  loaded[name] = setmetatable({}, {
    __call = function(_, ...) return get()(...) end,
    __index = function(self, key)
      for k, v in next, get() do self[k] = v end
      setmetatable(self, nil)
      return self[key]
    end,
  })
end

for _, name in ipairs(names) do keep("iotdataplane." .. name) end

return true
