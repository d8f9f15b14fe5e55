-- model.lua - the service as data: operations, their members and errors
--
-- After botocore's iot-data/2015-05-28/service-2.json. A member is {name,
-- type, place, wire name}; `required`, `min`, `max`, `enum` and `regex` where
-- the model has them, `pattern` being Lua's for the whole of such a value;
-- `plain` where Lua's type alone tells whether a value is right, `least`
-- of integers.
-- Types: string, integer, boolean, blob, json (any JSON-serializable value).
-- Places: uri, query, header, payload.
-- A member of an output is {name, type, of = that of a list's items, members
-- = those of a structure}; `is_body` where it is the whole body.

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
  local is_plain = place ~= "header" and not (type == "string" and rules.min)
  return {
    name = name, type = type, place = place, wire = wire or name,
    required = rules.required, min = rules.min, max = rules.max,
    enum = rules.enum, regex = rules.regex, pattern = rules.pattern,
    plain = is_plain and plain[type] or nil,
    least = type == "integer" and (rules.min or -math.huge) or nil,
  }
end

local function out(name, type, rules)
  rules = rules or {}
  return {
    name = name, type = type, of = rules.of, members = rules.members,
    required = rules.required, is_body = rules.is_body,
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

---The names of exceptions; "Exception" is left out.
local function exceptions(words)
  local list = {}
  for word in words:gmatch "%S+" do list[#list + 1] = word .. "Exception" end
  return list
end

-- ---- members of several operations ----

local required = { required = true }

local thing_name = member("thingName", "string", "uri", nil, {
  required = true, min = 1, max = 128,
  regex = "[a-zA-Z0-9:_-]+", pattern = "^[a-zA-Z0-9:_%-]+$",
})

local shadow_name = member("shadowName", "string", "query", "name", {
  min = 1, max = 64,
  regex = "[$a-zA-Z0-9:_-]+", pattern = "^[$a-zA-Z0-9:_%-]+$",
})

local client_id = member("clientId", "string", "uri", nil, {
  required = true, min = 1, max = 128, regex = "^[^$].*", pattern = "^[^$]",
})

local next_token = member("nextToken", "string", "query")

local max_results = member("maxResults", "integer", "query", nil, {
  min = 1, max = 200,
})

local user_properties = member("userProperties", "json", "header",
  "x-amz-mqtt5-user-properties")

local format_indicator = member("payloadFormatIndicator", "string", "header",
  "x-amz-mqtt5-payload-format-indicator", {
    enum = { "UNSPECIFIED_BYTES", "UTF8_DATA" },
  })

local correlation_data = member("correlationData", "string", "header",
  "x-amz-mqtt5-correlation-data")

local document = out("payload", "blob", { is_body = true })

local common_errors = "InvalidRequest Throttling Unauthorized "
  .. "ServiceUnavailable InternalFailure MethodNotAllowed "

local shadow_errors = common_errors
  .. "ResourceNotFound UnsupportedDocumentEncoding"

local connection_errors =
  "ResourceNotFound InvalidRequest Forbidden Throttling InternalFailure"

-- ---- the operations ----

-- The path is `path`, the uri member and `suffix`. `pages` names an operation
-- that comes in pages: its token, its limit and its result.
model.operations = {
  publish = operation {
    name = "Publish", method = "POST", path = "/topics/", suffix = "",
    input = {
      member("topic", "string", "uri", nil, required),
      member("qos", "integer", "query", nil, { min = 0, max = 1 }),
      member("retain", "boolean", "query"),
      member("payload", "blob", "payload"),
      user_properties, format_indicator,
      member("contentType", "string", "query"),
      member("responseTopic", "string", "query"),
      correlation_data,
      member("messageExpiry", "integer", "query"),
    },
    errors = exceptions [[InternalFailure InvalidRequest Unauthorized
      MethodNotAllowed Throttling]],
  },

  get_thing_shadow = operation {
    name = "GetThingShadow", method = "GET",
    path = "/things/", suffix = "/shadow",
    input = { thing_name, shadow_name },
    output = { document },
    errors = exceptions(shadow_errors),
  },

  update_thing_shadow = operation {
    name = "UpdateThingShadow", method = "POST",
    path = "/things/", suffix = "/shadow",
    input = {
      thing_name, shadow_name,
      member("payload", "blob", "payload", nil, required),
    },
    output = { document },
    errors = exceptions(common_errors
      .. "Conflict RequestEntityTooLarge UnsupportedDocumentEncoding"),
  },

  delete_thing_shadow = operation {
    name = "DeleteThingShadow", method = "DELETE",
    path = "/things/", suffix = "/shadow",
    input = { thing_name, shadow_name },
    output = {
      out("payload", "blob", { is_body = true, required = true }),
    },
    errors = exceptions(shadow_errors),
  },

  list_named_shadows_for_thing = operation {
    name = "ListNamedShadowsForThing", method = "GET",
    path = "/api/things/shadow/ListNamedShadowsForThing/", suffix = "",
    input = {
      thing_name, next_token,
      member("pageSize", "integer", "query", nil, { min = 1, max = 100 }),
    },
    output = {
      out("results", "list", { of = { type = "string" } }),
      out("nextToken", "string"), out("timestamp", "integer"),
    },
    errors = exceptions(common_errors .. "ResourceNotFound"),
    pages = { token = "nextToken", limit = "pageSize", result = "results" },
  },

  get_retained_message = operation {
    name = "GetRetainedMessage", method = "GET",
    path = "/retainedMessage/", suffix = "",
    input = { member("topic", "string", "uri", nil, required) },
    output = {
      out("topic", "string"), out("payload", "blob"), out("qos", "integer"),
      out("lastModifiedTime", "integer"), out("userProperties", "blob"),
    },
    errors = exceptions(common_errors .. "ResourceNotFound"),
  },

  list_retained_messages = operation {
    name = "ListRetainedMessages", method = "GET",
    path = "/retainedMessage", suffix = "",
    input = { next_token, max_results },
    output = {
      out("retainedTopics", "list", { of = { type = "structure", members = {
        out("topic", "string"), out("payloadSize", "integer"),
        out("qos", "integer"), out("lastModifiedTime", "integer"),
      } } }),
      out("nextToken", "string"),
    },
    errors = exceptions(common_errors),
    pages = {
      token = "nextToken", limit = "maxResults", result = "retainedTopics",
    },
  },

  delete_connection = operation {
    name = "DeleteConnection", method = "DELETE",
    path = "/connections/", suffix = "",
    input = {
      client_id, member("cleanSession", "boolean", "query"),
      member("preventWillMessage", "boolean", "query"),
    },
    errors = exceptions(connection_errors),
  },

  get_connection = operation {
    name = "GetConnection", method = "GET",
    path = "/connections/", suffix = "",
    input = {
      client_id, member("includeSocketInformation", "boolean", "query"),
    },
    output = {
      out("connected", "boolean"), out("thingName", "string"),
      out("cleanSession", "boolean"), out("sourceIp", "string"),
      out("sourcePort", "integer"), out("targetIp", "string"),
      out("targetPort", "integer"), out("keepAliveDuration", "integer"),
      out("connectedSince", "integer"), out("disconnectedSince", "integer"),
      out("disconnectReason", "string"), out("sessionExpiry", "integer"),
      out("clientId", "string"), out("vpcEndpointId", "string"),
    },
    errors = exceptions(connection_errors),
  },

  list_subscriptions = operation {
    name = "ListSubscriptions", method = "GET",
    path = "/connections/", suffix = "/subscriptions",
    input = { client_id, next_token, max_results },
    output = {
      out("subscriptions", "list", { of = { type = "structure", members = {
        out("topicFilter", "string", required),
        out("qos", "integer", required),
      } } }),
      out("nextToken", "string"),
    },
    errors = exceptions(connection_errors),
    pages = {
      token = "nextToken", limit = "maxResults", result = "subscriptions",
    },
  },

  send_direct_message = operation {
    name = "SendDirectMessage", method = "POST",
    path = "/connections/", suffix = "/messages",
    input = {
      client_id,
      member("topic", "string", "query", nil, required),
      member("contentType", "string", "query"),
      member("responseTopic", "string", "query"),
      member("confirmation", "boolean", "query"),
      member("timeout", "integer", "query"),
      member("payload", "blob", "payload"),
      user_properties, format_indicator, correlation_data,
    },
    output = { out("message", "string"), out("traceId", "string") },
    errors = exceptions [[InternalFailure InvalidRequest ResourceNotFound
      Unauthorized Forbidden Throttling RequestEntityTooLarge
      GatewayTimeout]],
    -- Where `asks` is true the service waits for a device: so many seconds
    -- as `member` says, or `default`. A 504 says that the device kept silent.
    waits = { asks = "confirmation", member = "timeout", default = 5 },
    repeats_504 = false,
  },
}

return model
