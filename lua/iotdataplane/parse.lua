-- parse.lua - (operation, response) -> result | nil, err
--
-- After botocore's RestJSONParser (botocore/parsers.py), whose oddities are
-- what boto3 shows its users.

local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local output = require "iotdataplane.output"
local python = require "iotdataplane.python"

local MAX_KNOWN = 256 -- header names, of which some server may send many

-- Python's http.client.responses, from 500 on.
local phrases = {
  [500] = "Internal Server Error", [501] = "Not Implemented",
  [502] = "Bad Gateway", [503] = "Service Unavailable",
  [504] = "Gateway Timeout", [505] = "HTTP Version Not Supported",
  [506] = "Variant Also Negotiates", [507] = "Insufficient Storage",
  [508] = "Loop Detected", [510] = "Not Extended",
  [511] = "Network Authentication Required",
}

local lowered, known = {}, 0

---In lower case. A server's names are ever the same ones.
local function lower(name)
  local text = lowered[name]
  if text then return text end
  if known == MAX_KNOWN then lowered, known = {}, 0 end
  text = name:lower()
  lowered[name], known = text, known + 1
  return text
end

---By lower-case name; several of a name are joined by ", ".
local function fields_of(headers)
  local fields = {}
  for i = 1, #headers do
    local h = headers[i]
    local name, value = lower(h[1]), h[2]
    local before = fields[name]
    fields[name] = before and before .. ", " .. value or value
  end
  return fields
end

---A 5xx without a body, or with a proxy's page for one.
local function is_generic(status, body)
  if status < 500 then return false end
  body = body:match("^%s*(.-)%s*$")
  return body == "" or body:sub(1, 6) == "<html>"
end

---The error's body: an object, or any text as its message.
local function object_of(body)
  if body == "" then return {} end
  local value = body:find("^%s*{") and json.decode(body)
  return type(value) == "table" and value or { message = body }
end

---A user's transport may count in floats.
local function status_text(status)
  return ("%d"):format(status)
end

local function first_of(value, other, fallback)
  if value ~= nil then return value end
  if other ~= nil then return other end
  return fallback
end

---"ns#Code:http://..." is "Code".
local function short_code(code)
  return (code:gsub(":.*$", ""):gsub("^.*#", ""))
end

local function code_of_type(object, status)
  local code = first_of(object.__type, nil, status_text(status))
  if code == json.null then return "" end
  return short_code(python.str(code))
end

---What a header or the body's "code" says, before its "__type"; numbers are
---turned into strings, and what can be no code counts for nothing.
local function explicit_code(object, fields)
  local code = first_of(fields["x-amzn-errortype"], object.code, object.Code)
  if code == json.null or type(code) == "table" then return nil end
  if type(code) == "number" then return python.str(code) end
  return type(code) == "string" and short_code(code) or code
end

---AWS's header for services that once spoke its query protocol.
local function query_error(fields)
  local header = fields["x-amzn-query-error"]
  if not header then return nil end
  local code, fault = header:match("^([^;]+);([^;]*)$")
  return code, fault
end

local function error_of(object, status, fields)
  local typed = code_of_type(object, status)
  local code, fault = query_error(fields)
  local result = {
    Code = first_of(explicit_code(object, fields), code, typed),
    Message = first_of(object.message, object.Message, ""),
  }
  if code then result.QueryErrorCode, result.Type = typed, fault end
  return result
end

---The members of a modelled exception: each has `message`, and no other.
local function add_members(response, object)
  if errors.modelled(response.Error.Code) and object.message ~= json.null then
    response.message = object.message
  end
end

local function failed(operation, status, fields, body)
  local request_id, object = fields["x-amzn-requestid"], {}
  local e
  if status == 300 then -- an error to botocore's client, none to its parser
    e = {}
  elseif is_generic(status, body) then
    e = { Code = status_text(status), Message = phrases[status] or "" }
    request_id = nil
  else
    object = object_of(body)
    e = error_of(object, status, fields)
  end
  local response = {
    Error = e,
    ResponseMetadata = {
      RequestId = request_id, HTTPStatusCode = status, HTTPHeaders = fields,
      RetryAttempts = 0,
    },
  }
  add_members(response, object)
  return nil, errors.from_service(operation.name, response)
end

---The answer to an operation that has an output, and one that bears its name
---as S3's do.
local function full(operation, response, fields)
  local result = {}
  if operation.output then
    local reason
    result, reason = output(operation.output, response.body or "", object_of)
    if not result then
      return nil, errors.new("ResponseParserError", { error_msg = reason })
    end
  end
  local id = fields["x-amzn-requestid"]
  local other = not id and fields["x-amz-request-id"] or nil
  result.ResponseMetadata = {
    RequestId = id or other,
    HostId = other and (fields["x-amz-id-2"] or "") or nil,
    HTTPStatusCode = response.status, HTTPHeaders = fields,
    RetryAttempts = 0,
  }
  return result
end

---@param operation table of model.operations
---@param response table {status, headers, body}; instead of headers also
---{fields}, by lower-case name, from a transport that has them so
---@return table|nil, table|nil # the result, or nil and a service's error, or
---one that has no `response`: of an answer that is not understood
local function parse(operation, response)
  local status = response.status
  local fields = response.fields or fields_of(response.headers)
  if status >= 300 then
    return failed(operation, status, fields, response.body)
  end
  local id = fields["x-amzn-requestid"]
  if not id or operation.output then
    return full(operation, response, fields)
  end
  return {
    ResponseMetadata = {
      RequestId = id, HTTPStatusCode = status, HTTPHeaders = fields,
      RetryAttempts = 0,
    },
  }
end

return parse
