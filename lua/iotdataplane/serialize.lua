-- serialize.lua - (operation, params, target, headers) -> request | nil, err
--
-- Path and query are encoded here, once: what is signed is what is sent. Of
-- most calls the core makes both at once, and sees that nothing is wrong with
-- them; it declines where a value is for a header, a file, or not right.

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"

local format, type = string.format, type
local math_type = rawget(math, "type") -- Lua 5.3 and later
local uri_encode = core.uri_encode

local EXACT = 2 ^ 53

local function refuse(member, reason)
  return nil, errors.new("ParamValidationError", {
    report = "Invalid value for parameter " .. member.name .. ": " .. reason,
  })
end

local digits = {}
for i = 0, 9 do digits[i] = format("%d", i) end

---A query value as text: whole numbers without a point or exponent.
local function text_of(value)
  local kind = type(value)
  if kind == "string" then return uri_encode(value) end
  if kind == "number" and value % 1 == 0 then
    local small = value < EXACT and value > -EXACT
    local exact = small or math_type and math_type(value) == "integer"
    return format(exact and "%d" or "%.0f", value)
  end
  return uri_encode(tostring(value))
end

local function query_of(members, params, out)
  for i = 1, #members do
    local m = members[i]
    local value = params[m.name]
    if value ~= nil then
      value = digits[value] or text_of(value)
      out = out == "" and m.wire .. "=" .. value
        or out .. "&" .. m.wire .. "=" .. value
    end
  end
  return out
end

---A json value goes out in base64; cjson's null as a whole not at all.
local function header_value(member, value)
  if member.type ~= "json" then
    local text = tostring(value)
    if core.header_ok(member.wire, text) then return text end
    return refuse(member, "a header cannot carry CR, LF or NUL")
  end
  if value == json.null then return nil end
  local text, reason = json.encode(value)
  if not text then return refuse(member, reason) end
  return core.base64_encode(text)
end

local function add_headers(members, params, headers)
  for i = 1, #members do
    local m = members[i]
    local value = params[m.name]
    if value ~= nil then
      local text, err = header_value(m, value)
      if err then return nil, err end
      if text then headers[#headers + 1] = { m.wire, text } end
    end
  end
  return true
end

---A file is read once, from where it stands to its end: every attempt sends
---those bytes.
local function read_file(member, file)
  local ok, body, reason = pcall(file.read, file, "*a")
  if ok and type(body) == "string" then return body end
  reason = not ok and body or reason or "it gave " .. type(body)
  return refuse(member, "the file cannot be read: " .. tostring(reason))
end

local function body_of(member, value)
  if type(value) ~= "table" and type(value) ~= "userdata" then
    return refuse(member, "it must be a string or a file")
  end
  return read_file(member, value)
end

---The path; not every operation has a name in it.
local function path_of(operation, params)
  local member = operation.at.uri
  if not member then return operation.path .. operation.suffix end
  local name = params[member.name]
  if type(name) ~= "string" then
    return refuse(member, "it must be a string")
  end
  return operation.path .. uri_encode(name) .. operation.suffix
end

---What the core declines.
---@return string|nil, string|table, string|nil # path, query and body
local function by_parts(operation, params, target, headers)
  local at = operation.at
  local path, err = path_of(operation, params)
  if not path then return nil, err end
  local ok
  ok, err = add_headers(at.header, params, headers)
  if not ok then return nil, err end
  local body = at.payload and params[at.payload.name]
  if body == nil then body = "" end
  if type(body) ~= "string" then
    body, err = body_of(at.payload, body)
    if err then return nil, err end
  end
  return target.path .. path, query_of(at.query, params, target.query), body
end

local function composer_of(operation)
  local compose = core.composer(operation.path, operation.suffix,
                                operation.input)
  operation.compose = compose
  return compose
end

---@param operation table of model.operations
---@param params table
---@param target table {scheme, host, port, path} and what the transport is
---told: {connect_timeout, read_timeout, replay, tls, tcp_keepalive, proxy}
---@param headers table {{name, value}}, `host` among them, which is added to
---@param check function|nil (operation, params) -> true | nil, err: asked of
---those that may be wrong
---@param old table|nil a request to the same target, to be written anew
---@return table|nil, table|nil # a request, or nil and an error
local function serialize(operation, params, target, headers, check, old)
  local compose = operation.compose or composer_of(operation)
  local path, query, body = compose(params, target.path, target.query)
  if not path then
    if check then
      local ok, err = check(operation, params)
      if not ok then return nil, err end
    end
    path, query, body = by_parts(operation, params, target, headers)
    if not path then return nil, query end
  end
  if old then
    old.method, old.path, old.query = operation.method, path, query
    old.headers, old.body, old.deadline = headers, body, nil
    return old
  end
  return {
    method = operation.method, scheme = target.scheme, host = target.host,
    port = target.port, path = path, query = query, headers = headers,
    body = body, connect_timeout = target.connect_timeout,
    read_timeout = target.read_timeout, replay = target.replay,
    tls = target.tls, tcp_keepalive = target.tcp_keepalive,
    proxy = target.proxy, target = target.itself,
  }
end

return serialize
