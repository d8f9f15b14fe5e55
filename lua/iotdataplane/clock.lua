-- clock.lua - learns from a service's refusal how wrong our own clock is
--
-- boto3 never does: a device whose clock is wrong gets 403 for ever. The
-- codes are those of the SDK for JavaScript.

local date = require "iotdataplane.date"

local clock = {}

local TOLERANCE = 240 -- seconds; AWS allows five minutes

local codes = {
  RequestTimeTooSkewed = true, RequestExpired = true,
  RequestInTheFuture = true, InvalidSignatureException = true,
  SignatureDoesNotMatch = true, AuthFailure = true,
}

---@param err table a service's error
---@param now number seconds since the epoch by our own clock
---@param offset number seconds that are added to it by now
---@return number|nil # the offset to add from now on; nil where the refusal
---has nothing to do with the time
function clock.offset_of(err, now, offset)
  local response = err.response
  if not response or not codes[response.Error.Code] then return nil end
  local metadata = response.ResponseMetadata
  if metadata.HTTPStatusCode ~= 403 then return nil end
  local theirs = date.from_http(metadata.HTTPHeaders.date)
  if not theirs then return nil end
  local error_now = theirs - (now + offset)
  if error_now >= -TOLERANCE and error_now <= TOLERANCE then return nil end
  return theirs - now
end

return clock
