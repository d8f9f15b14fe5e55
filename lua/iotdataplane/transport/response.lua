-- response.lua - an answer, whose list of headers is made when it is wanted
--
-- Most of what an answer's headers are asked for is in `fields`, by lower-case
-- name; `head` is what the list is made of (core.headers).

local core = require "iotdataplane.core"

local Response = { __name = "iotdataplane.transport.response" }

function Response.__index(response, key)
  if key ~= "headers" then return nil end
  local headers = core.headers(response.head)
  response.headers = headers
  return headers
end

return Response
