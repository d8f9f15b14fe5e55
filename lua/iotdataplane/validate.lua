-- validate.lua - (operation, params) -> true | nil, err
--
-- Everything wrong with a call goes into one ParamValidationError, in
-- botocore's words (botocore/validate.py) and the model's order, with Lua's
-- names of types.

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local python = require "iotdataplane.python"

local floor, next, type = math.floor, next, type

local valid_types = {
  string = "string", integer = "integer", boolean = "boolean",
  blob = "string, file",
}

local function has_methods(value)
  return type(value.read) == "function" and type(value.seek) == "function"
end

---Anything with `read` and `seek`; what cannot even be asked is none.
local function is_file(value)
  if io.type(value) then return true end
  if type(value) ~= "table" and type(value) ~= "userdata" then
    return false
  end
  local ok, yes = pcall(has_methods, value)
  return ok and yes
end

local function is_integer(value)
  return type(value) == "number" and floor(value) == value
    and value - value == 0
end

local is_type = {
  string = function(v) return type(v) == "string" end,
  integer = is_integer,
  boolean = function(v) return type(v) == "boolean" end,
  blob = function(v) return type(v) == "string" or is_file(v) end,
}

local function wrong_type(member, value)
  -- no %s: Lua 5.1's ends at a NUL
  return "Invalid type for parameter " .. member.name .. ", value: "
    .. python.str(value) .. ", type: " .. type(value) .. ", valid types: "
    .. valid_types[member.type]
end

local function wrong_json(member, value)
  local ok, reason = json.encode(value)
  if ok then return nil end
  return ("Invalid parameter %s must be json serializable: %s")
    :format(member.name, reason)
end

---A string's length counts, of an integer the value.
local function too_small(member, value)
  local is_text = member.type == "string"
  local size = is_text and #value or value
  if not member.min or size >= member.min then return nil end
  local kind = is_text and "length" or "value"
  return ("Invalid %s for parameter %s, value: %s, valid min %s: %d")
    :format(kind, member.name, python.str(size), kind, member.min)
end

---What is wrong with a value; nil where nothing is.
local function complaint(member, value)
  if member.type == "json" then return wrong_json(member, value) end
  if not is_type[member.type](value) then return wrong_type(member, value) end
  local line = too_small(member, value)
  if line then return line end
  if member.place == "header" and not core.header_ok(member.wire, value) then
    return ("Invalid value for parameter %s: a header cannot carry CR, LF "
      .. "or NUL"):format(member.name)
  end
end

local function unknown_names(operation, params)
  local names = {}
  for name in next, params do
    if not operation.by_name[name] then names[#names + 1] = tostring(name) end
  end
  table.sort(names, json.before)
  return names
end

---Missing ones, then unknown ones, then wrong values.
local function report(operation, params, more)
  local lines = {}
  local function add(line) lines[#lines + 1] = line end
  for _, member in ipairs(operation.input) do
    if member.required and params[member.name] == nil then
      add(('Missing required parameter in input: "%s"'):format(member.name))
    end
  end
  for _, name in ipairs(unknown_names(operation, params)) do
    add('Unknown parameter in input: "' .. name .. '", must be one of: '
      .. operation.names)
  end
  for _, member in ipairs(operation.input) do
    local value = params[member.name]
    if value ~= nil then
      local line = complaint(member, value)
      if line then add(line) end
      if more and not line then more(operation, member, value, add) end
    end
  end
  return table.concat(lines, "\n")
end

local function is_valid(operation, params)
  local by_name = operation.by_name
  for name, value in next, params do
    local member = by_name[name]
    if not member then return false end
    local kind = type(value)
    if kind ~= member.plain then
      local least = member.least
      local right = least and kind == "number" and value >= least
        and value % 1 == 0
      if not right and complaint(member, value) then return false end
    end
  end
  local required = operation.required
  for i = 1, #required do
    if params[required[i]] == nil then return false end
  end
  return true
end

---@param operation table of model.operations
---@param params table
---@param more function|nil (operation, member, value, add): adds a line for
---each thing that is wrong, beyond botocore's rules, with what passes those
---@return true|nil, table|nil # or nil and a ParamValidationError
local function validate(operation, params, more)
  if not more and is_valid(operation, params) then return true end
  local lines = report(operation, params, more)
  if lines == "" then return true end
  return nil, errors.new("ParamValidationError", { report = lines })
end

return validate
