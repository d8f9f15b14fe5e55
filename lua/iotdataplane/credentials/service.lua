-- service.lua - one call of an AWS service that gives credentials
--
-- Tried again by the rules of standard mode; its errors are a client's.

local errors = require "iotdataplane.errors"
local retry = require "iotdataplane.retry"

local service = {}

local MAX_ATTEMPTS = 3

---@param call table {operation = "AssumeRole", service = "sts", ask = as
---World:ask, parse_error = function(answer) -> code, message; retryable =
---{[code] = true}, beyond the usual ones}
---@param answer table
local function error_of(call, answer)
  local code, message = call.parse_error(answer)
  return errors.from_service(call.operation, {
    Error = { Code = code or ("%d"):format(answer.status),
              Message = message or "" },
    ResponseMetadata = {
      HTTPStatusCode = answer.status, HTTPHeaders = answer.fields,
      RequestId = answer.fields["x-amzn-requestid"], RetryAttempts = 0,
    },
  }, call.service)
end

---@param world table
---@param call table
---@return table|nil, table|nil # the answer, or nil and an error
function service.call(world, call)
  local policy = retry.policy {
    mode = "standard", max_attempts = MAX_ATTEMPTS, random = world.random,
    also = call.retryable,
  }
  local attempt = 0
  while true do
    attempt = attempt + 1
    local answer, err = world:ask(call.ask)
    if answer and answer.status < 300 then return answer end
    if answer then err = error_of(call, answer) end
    local delay = retry.delay(policy, attempt, err)
    local ok, late = true, nil
    if delay then ok, late = world:sleep(delay) end
    if not delay or not ok then
      err = late or err
      if err.response then errors.describe(err) end
      return nil, err
    end
  end
end

return service
