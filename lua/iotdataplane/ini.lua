-- ini.lua - the text of an AWS file -> its sections
--
-- The syntax is Python's configparser's, and botocore's nested settings
-- within it. White space is ASCII's (Python strips Unicode's too), and so is
-- the lower case of keys.

local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"

local ini = {}

local function copy(from, into)
  for key, value in next, from do into[key] = value end
  return into
end

local NO_SPACE = "[^\t-\r\28- ]"
local LAST_NO_SPACE = ".*" .. NO_SPACE
local NESTED_LINE = "[^\v\f\28-\30]+" -- as str.splitlines() parts them

local function strip(text)
  local first = text:find(NO_SPACE)
  return first and text:match(LAST_NO_SPACE, first) or ""
end

---A section takes the lines that follow. The values of DEFAULT, which may
---stand more than once, are every section's.
---@return string|nil # the reason why it cannot
local function open_section(state, name)
  state.option = nil
  if name == "DEFAULT" then
    state.section = state.defaults
  elseif state.sections[name] then
    return "a section stands twice"
  else
    state.section = {}
    state.sections[name] = state.section
    state.order[#state.order + 1] = name
  end
end

---@return string|nil # the reason why it is no option
local function add_option(state, text)
  local name, value = text:match("^(.-)[=:](.*)$")
  if not name then return "neither a section nor an option" end
  name = strip(name):lower()
  if name == "" then return "an option without a name" end
  if state.section[name] then return "an option stands twice" end
  -- the value's lines, and which lines of the file they are, but the first
  state.option = { strip(value), numbers = {} }
  state.section[name] = state.option
end

local function continue_option(state, text)
  local option = state.option
  option[#option + 1] = text
  option.numbers[#option] = state.number
end

---@return string|nil # the reason why it is malformed
local function take_text(state, text, indent)
  if state.option and indent > state.indent then
    return continue_option(state, text)
  end
  state.indent = indent
  local name = text:match("^%[(.+)%]")
  if name then return open_section(state, name) end
  if not state.section then return "text before the first section" end
  return add_option(state, text)
end

---@return string|nil # the reason why it is malformed
local function take_line(state, line)
  if not json.is_utf8(line) then return "not UTF-8" end
  local first = line:find(NO_SPACE)
  if not first then
    if state.option then continue_option(state, "") end
  elseif not line:find("^[#;]", first) then
    return take_text(state, line:match(LAST_NO_SPACE, first), first)
  end
end

---@return table|nil, number|nil # or nil and the line that is no setting
local function nested_values(option)
  local values = {}
  for i, text in ipairs(option) do
    for line in text:gmatch(NESTED_LINE) do
      local key, value = line:match("^(.-)=(.*)$")
      if key then
        values[strip(key)] = strip(value)
      elseif line:find(NO_SPACE) then
        return nil, option.numbers[i]
      end
    end
  end
  return values
end

---A value that begins on the line after its key is settings of its own.
local function value_of(option)
  local text = table.concat(option, "\n")
  text = text:match(LAST_NO_SPACE) or ""
  if text:sub(1, 1) ~= "\n" then return text end
  return nested_values(option)
end

---@return table|nil, number|nil # {key = value}, or nil and the bad line
local function values_of(section, defaults)
  local values = {}
  for name, option in next, copy(section, copy(defaults, {})) do
    local value, number = value_of(option)
    if not value then return nil, number end
    values[name] = value
  end
  return values
end

---@return table|nil, number|nil, string|nil
local function scan(text)
  local state = { sections = {}, order = {}, defaults = {}, number = 0 }
  for line in (text:gsub("\r\n?", "\n") .. "\n"):gmatch("([^\n]*)\n") do
    state.number = state.number + 1
    local reason = take_line(state, line)
    if reason then return nil, state.number, reason end
  end
  return state
end

---The sections of an INI file.
---@param text string
---@return table|nil, table|number, string|nil # {section = {key = text, or
---{key = text} where it is nested}} and the sections' names in their order;
---or nil, the bad line's number and the reason, which quotes nothing
function ini.parse(text)
  local state, line, reason = scan(text)
  if not state then return nil, line, reason end
  local sections = {}
  for _, name in ipairs(state.order) do
    sections[name], line = values_of(state.sections[name], state.defaults)
    if line then return nil, line, "a nested line without \"=\"" end
  end
  return sections, state.order
end

---The same of a file's text.
---@param text string
---@param path string for the error
---@return table|nil, table # sections and names, or nil and a
---ConfigParseError that has also `path`, `line` and `reason`
function ini.parse_file(text, path)
  local sections, order, reason = ini.parse(text)
  if sections then return sections, order end
  local err = errors.new("ConfigParseError", { path = path })
  err.path, err.line, err.reason = path, order, reason
  return nil, err
end

return ini
