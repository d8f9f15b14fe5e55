-- model.lua - the service as data: operations, their members and errors
--
-- After botocore's iot-data/2015-05-28/service-2.json. A member is {name,
-- type, place, wire name}; `required` and `min` where the model has them;
-- `plain` where Lua's type alone tells whether a value is right, `least`
-- of integers.
-- Types: string, integer, boolean, blob, json (any JSON-serializable value).
-- Places: uri, query, header, payload.

local model = {}

---The service's exceptions; each is a ClientError.
model.exceptions = {
  "ConflictException", "ForbiddenException", "GatewayTimeoutException",
  "InternalFailureException", "InvalidRequestException",
  "MethodNotAllowedException", "RequestEntityTooLargeException",
  "ResourceNotFoundException", "ServiceUnavailableException",
  "ThrottlingException", "UnauthorizedException",
  "UnsupportedDocumentEncodingException",
}

---What SigV4 calls the service.
model.signing_name = "iotdata"

-- Types whose values are right where Lua's type is, and that need no more.
local plain = { string = "string", boolean = "boolean", blob = "string" }

local function member(name, type, place, wire, rules)
  rules = rules or {}
  return {
    name = name, type = type, place = place, wire = wire or name,
    required = rules.required, min = rules.min,
    plain = place ~= "header" and plain[type] or nil,
    least = type == "integer" and (rules.min or -math.huge) or nil,
  }
end

---Derives what validate and serialize look up from the list of members.
local function operation(o)
  o.by_name, o.names, o.at = {}, {}, { query = {}, header = {} }
  o.required = {}
  for i, m in ipairs(o.input) do
    o.by_name[m.name], o.names[i] = m, m.name
    if m.required then o.required[#o.required + 1] = m.name end
    local list = o.at[m.place]
    if list then list[#list + 1] = m else o.at[m.place] = m end
  end
  o.names = table.concat(o.names, ", ")
  return o
end

model.operations = {
  publish = operation {
    name = "Publish",
    method = "POST",
    path = "/topics/", -- and the uri member
    input = {
      member("topic", "string", "uri", nil, { required = true }),
      member("qos", "integer", "query", nil, { min = 0 }),
      member("retain", "boolean", "query"),
      member("payload", "blob", "payload"),
      member("userProperties", "json", "header",
             "x-amz-mqtt5-user-properties"),
      member("payloadFormatIndicator", "string", "header",
             "x-amz-mqtt5-payload-format-indicator"),
      member("contentType", "string", "query"),
      member("responseTopic", "string", "query"),
      member("correlationData", "string", "header",
             "x-amz-mqtt5-correlation-data"),
      member("messageExpiry", "integer", "query"),
    },
  },
}

return model
