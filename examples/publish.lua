-- publish.lua - publishes one message with all that MQTT 5 can add to it.
-- Endpoint, region and credentials come from the environment, as for boto3.

local iotdataplane = require "iotdataplane"

local ok, result = pcall(function()
  local client = iotdataplane.client{}
  return client:publish{
    topic = "sensors/roof/temperature",
    qos = 1,
    retain = true,
    payload = "21.5",
    userProperties = { { unit = "C" }, { site = "roof" } },
    payloadFormatIndicator = "UTF8_DATA",
    contentType = "text/plain",
    responseTopic = "sensors/roof/answers",
    correlationData = "cmVhZGluZy00Mg==", -- "reading-42" in base64
    messageExpiry = 3600, -- seconds
  }
end)

if not ok then
  local err = result -- err.name is the class, as in boto3
  io.stderr:write(tostring(err), "\n")
  if err.name == "NoCredentialsError" then
    io.stderr:write("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n")
  end
  io.stderr:write("Delivery: ", tostring(err.delivery), "\n")
  os.exit(1)
end
print("Published, RequestId " .. result.ResponseMetadata.RequestId)
