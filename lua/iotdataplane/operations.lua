-- operations.lua - the methods of the ten operations beside publish, and of
-- paginators
--
-- The machinery is client.lua's, which hands it down. A method's one line is
-- in parentheses lest it be a tail call, which some Luas leave no trace of:
-- misuse is told of at the line of the method's caller.

local errors = require "iotdataplane.errors"
local model = require "iotdataplane.model"

local methods = {}

local invoke -- (client, name, params) -> response; raises
local check -- (self, name, arguments): raises where it is no client's method

-- ---- shadows ----

---A thing's shadow: boto3's IoTDataPlane.Client.get_thing_shadow.
---@param params table thingName (string, required), shadowName (string; the
---classic shadow without it)
---@return table # {payload = the document (JSON), ResponseMetadata}; raises
---an error table (ResourceNotFoundException where there is none)
function methods:get_thing_shadow(params)
  return (invoke(self, "get_thing_shadow", params))
end

---Merges a document into a thing's shadow.
---@param params table thingName (string, required), shadowName (string),
---payload (JSON such as {"state": {"desired": {...}}, "version": 3}, as a
---string or a file, required)
---@return table # {payload = what was accepted (JSON), ResponseMetadata};
---raises an error table (ConflictException where the document's version is
---not the shadow's)
function methods:update_thing_shadow(params)
  return (invoke(self, "update_thing_shadow", params))
end

---Deletes a thing's shadow.
---@param params table thingName (string, required), shadowName (string)
---@return table # {payload = version and timestamp (JSON),
---ResponseMetadata}; raises an error table
function methods:delete_thing_shadow(params)
  return (invoke(self, "delete_thing_shadow", params))
end

---The names of a thing's named shadows.
---@param params table thingName (string, required), nextToken (string),
---pageSize (integer, 1 to 100)
---@return table # {results = {name ...}, nextToken (string), timestamp
---(seconds since the epoch), ResponseMetadata}; raises an error table
function methods:list_named_shadows_for_thing(params)
  return (invoke(self, "list_named_shadows_for_thing", params))
end

-- ---- retained messages ----

---The message that is retained of a topic.
---@param params table topic (string, required)
---@return table # {topic, payload (string), qos, lastModifiedTime
---(milliseconds since the epoch), userProperties (JSON, as a string),
---ResponseMetadata}; raises an error table (ResourceNotFoundException where
---there is none)
function methods:get_retained_message(params)
  return (invoke(self, "get_retained_message", params))
end

---The topics that have a retained message.
---@param params table nextToken (string), maxResults (integer, 1 to 200)
---@return table # {retainedTopics = {{topic, payloadSize (bytes), qos,
---lastModifiedTime (milliseconds since the epoch)} ...}, nextToken (string),
---ResponseMetadata}; raises an error table
function methods:list_retained_messages(params)
  return (invoke(self, "list_retained_messages", params))
end

-- ---- connections ----

---What is known of an MQTT client's connection.
---@param params table clientId (string, required), includeSocketInformation
---(boolean)
---@return table # {connected (boolean), clientId, thingName, cleanSession
---(boolean), sessionExpiry and keepAliveDuration (seconds), connectedSince,
---disconnectedSince (milliseconds since the epoch), disconnectReason,
---sourceIp, sourcePort, targetIp, targetPort, vpcEndpointId,
---ResponseMetadata}; raises an error table
function methods:get_connection(params)
  return (invoke(self, "get_connection", params))
end

---Disconnects an MQTT client.
---@param params table clientId (string, required), cleanSession (boolean: its
---session ends as well), preventWillMessage (boolean)
---@return table # {ResponseMetadata}; raises an error table
function methods:delete_connection(params)
  return (invoke(self, "delete_connection", params))
end

---What an MQTT client is subscribed to.
---@param params table clientId (string, required), nextToken (string),
---maxResults (integer, 1 to 200)
---@return table # {subscriptions = {{topicFilter, qos} ...}, nextToken
---(string), ResponseMetadata}; raises an error table
function methods:list_subscriptions(params)
  return (invoke(self, "list_subscriptions", params))
end

---Sends a message to one MQTT client, subscribed or not. With `confirmation`
---the service waits for the client's: so does this call, whatever its
---read_timeout. A 504 says that the client kept silent, and is not repeated,
---as it may have the message, unless config.retries.resend_unknown is true.
---@param params table clientId, topic (string, required), contentType,
---responseTopic (string), confirmation (boolean), timeout (seconds, 1 to 15;
---5 without it), payload (string or file), userProperties (any
---JSON-serializable value), payloadFormatIndicator, correlationData (string)
---@return table # {message, traceId (string), ResponseMetadata}; raises an
---error table (ResourceNotFoundException where the client is not connected,
---GatewayTimeoutException where it did not confirm)
function methods:send_direct_message(params)
  return (invoke(self, "send_direct_message", params))
end

-- ---- pages ----

---Does an operation list by pages?
---@param name string "list_retained_messages"
---@return boolean
function methods:can_paginate(name)
  check(self, "can_paginate", "name")
  local operation = model.operations[name]
  return operation ~= nil and operation.pages ~= nil
end

---@param name string "list_retained_messages", "list_subscriptions" or
---"list_named_shadows_for_thing"
---@return table # a paginator: `for page in paginator:paginate(params) do`;
---raises OperationNotPageableError for the other operations
function methods:get_paginator(name)
  check(self, "get_paginator", "name")
  local operation = model.operations[name]
  if not operation then
    error(("bad argument #1 to 'get_paginator' (no operation '%s')")
      :format(tostring(name)), 2)
  elseif not operation.pages then
    local err =
      errors.new("OperationNotPageableError", { operation_name = name })
    self.world:log("error", tostring(err))
    error(err, 0)
  end
  return require "iotdataplane.pages"(self, name, operation, invoke)
end

---Gives a class the methods.
---@param class table of client.lua
---@param call function (client, name, params) -> response; raises
---@param is_method function (self, name, arguments): raises where it is none
local function give(class, call, is_method)
  invoke, check = call, is_method
  for name, method in next, methods do class[name] = method end
end

return give
