-- profile.lua - the AWS config and credentials files, as botocore reads them

local profile = {}

local function copy(from, into)
  for key, value in next, from do into[key] = value end
  return into
end

-- ---- what the sections are ----

-- How the config file's sections of a kind begin.
local kinds = {
  profile = "profiles", ["sso-session"] = "sso_sessions",
  services = "services",
}

local function kind_of(section)
  for prefix, kind in next, kinds do
    if section:sub(1, #prefix) == prefix then return kind end
  end
end

---The config file's sections by kind and name; one of the same name that
---comes later counts.
local function map_sections(sections, order)
  local map = { profiles = {}, sso_sessions = {}, services = {} }
  for _, section in ipairs(order) do
    local kind = kind_of(section)
    local words = kind
      and require "iotdataplane.shell_words".split(section)
    if words and #words == 2 then
      map[kind][words[2]] = sections[section]
    elseif section == "default" then
      map.profiles.default = sections.default
    end
  end
  return map
end

---The credentials file's values over the config file's.
local function merge(config, shared)
  local profiles = {}
  for name, values in next, config do profiles[name] = copy(values, {}) end
  for name, values in next, shared do
    profiles[name] = copy(values, profiles[name] or {})
  end
  return profiles
end

-- ---- the files ----

---As os.path.expandvars; what is not set stays as it is.
local function expand_variables(path, getenv)
  local out, at = {}, 1
  while true do
    local first, last, name = path:find("%$([%w_]+)", at)
    local from, to, braced = path:find("%${([^}]*)}", at)
    if from and (not first or from < first) then
      first, last, name = from, to, braced
    end
    if not first then break end
    out[#out + 1] = path:sub(at, first - 1)
    out[#out + 1] = getenv(name) or path:sub(first, last)
    at = last + 1
  end
  return table.concat(out) .. path:sub(at)
end

---As os.path.expanduser, but that other users' homes are not known.
local function expand_home(path, getenv)
  local home = getenv "HOME"
  if not home or not path:find("^~/") and path ~= "~" then return path end
  local expanded = home:match("^(.-)/*$") .. path:sub(2)
  return expanded ~= "" and expanded or "/"
end

local function read_file(open, path)
  local file, reason = open(path, "rb")
  if not file then return nil, reason end
  local text, failure = file:read("*a") -- as where it is a directory
  file:close()
  return text, failure
end

---In place, as Lua can say nothing of a new file's mode: the old one keeps
---its own, and so stays as private as it was. It is never emptied first, and
---gets all in one write; spaces follow where it was longer.
local function write_file(open, path, text)
  local file, reason = open(path, "r+b")
  if not file then return nil, reason end
  file:setvbuf "no"
  text = text .. (" "):rep((file:seek "end" or 0) - #text)
  file:seek "set"
  local ok
  ok, reason = file:write(text)
  file:close()
  return ok and true or nil, reason
end

---A file that is missing, or cannot be read, is an empty one; so is one whose
---variable is empty.
---@return table # {path, text}
local function read_setting(files, path)
  path = files.expand(path)
  return { path = path, text = files.read(path) or "" }
end

---Most devices have none of these files.
local function parse(file)
  if file.text == "" then return {}, {} end
  return require "iotdataplane.ini".parse_file(file.text, file.path)
end

local function load(config, shared)
  local sections, order = parse(config)
  if not sections then return nil, order end
  local map = map_sections(sections, order)
  sections, order = parse(shared)
  if not sections then return nil, order end
  return {
    profiles = merge(map.profiles, sections), config = map.profiles,
    shared = sections, sso_sessions = map.sso_sessions,
    services = map.services,
  }
end

---The files of one environment; the AWS files are read and parsed once.
---@param getenv function as os.getenv
---@param open function|nil as io.open
---@return table # functions: expand, read, write, load, texts
function profile.files(getenv, open)
  local files, config, shared, outcome = {}, nil, nil, nil

  local function read_once()
    if config then return end
    config = read_setting(files, getenv "AWS_CONFIG_FILE" or "~/.aws/config")
    shared = read_setting(files,
      getenv "AWS_SHARED_CREDENTIALS_FILE" or "~/.aws/credentials")
  end

  ---@param path string with "$NAME", "${NAME}", and a "~" in front
  ---@return string
  function files.expand(path)
    return expand_home(expand_variables(path, getenv), getenv)
  end

  ---@return string|nil, string|nil # the bytes, or nil and the reason
  function files.read(path)
    return read_file(open or io.open, path)
  end

  ---A new text, such as JSON, to which spaces may be added, for a file that
  ---is there.
  ---@return true|nil, string|nil # or nil and the reason
  function files.write(path, text)
    return write_file(open or io.open, path, text)
  end

  ---@return table|nil, table|nil # {profiles, config (those of the config
  ---file alone), shared (the credentials file's sections), sso_sessions,
  ---services}, each by name; or nil and a ConfigParseError
  function files.load()
    read_once()
    outcome = outcome or { load(config, shared) }
    return outcome[1], outcome[2]
  end

  ---@return string # both AWS files as `load` sees them: to tell
  ---configurations apart, and as secret as they are
  function files.texts()
    read_once()
    return ("%d\n"):format(#config.text) .. config.text .. shared.text
  end

  return files
end

return profile
