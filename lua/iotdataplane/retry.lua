-- retry.lua - (attempt, err) -> delay | nil
--
-- botocore's modes `legacy` (botocore/retryhandler.py, data/_retry.json) and
-- `standard` (botocore/retries/standard.py). No clock, and no sleep of its
-- own.

local retry = {}

local function set(list)
  local out = {}
  for _, item in ipairs(list) do out[item] = true end
  return out
end

local throttling = set {
  "Throttling", "ThrottlingException", "ThrottledException",
  "RequestThrottledException", "TooManyRequestsException",
  "ProvisionedThroughputExceededException", "TransactionInProgressException",
  "RequestLimitExceeded", "BandwidthLimitExceeded", "LimitExceededException",
  "RequestThrottled", "SlowDown", "PriorRequestNotComplete",
  "EC2ThrottledException",
}

local transient_codes = set {
  "RequestTimeout", "RequestTimeoutException", "PriorRequestNotComplete",
}

local transient_statuses = set { 500, 502, 503, 504 }

local legacy_statuses = set { 429, 500, 502, 503, 504, 509 }

-- With a status of 400.
local legacy_codes = set {
  "Throttling", "ThrottlingException", "ThrottledException",
  "RequestThrottledException", "ProvisionedThroughputExceededException",
}

local MAX_BACKOFF = 20 -- seconds, of standard mode

local function status_and_code(err)
  local response = err.response
  if not response then return nil end
  return response.ResponseMetadata.HTTPStatusCode, response.Error.Code
end

---Is it a service's way to say "not so fast"? A bare 429 is, beyond botocore.
function retry.is_throttling(err)
  local status, code = status_and_code(err)
  return status == 429 or throttling[code] or false
end

local modes = {}

modes.standard = {
  ---@return boolean
  is_retryable = function(err)
    local status, code = status_and_code(err)
    if status then
      return transient_statuses[status] or transient_codes[code]
        or retry.is_throttling(err)
    end
    return err:is_a("ConnectionError") or err:is_a("HTTPClientError")
  end,
  delay = function(attempt, random)
    return random() * math.min(2 ^ (attempt - 1), MAX_BACKOFF)
  end,
  -- Standard mode notes it for any last attempt, legacy for a retryable one.
  notes_any = true,
}

modes.legacy = {
  is_retryable = function(err)
    local status, code = status_and_code(err)
    if status then
      return legacy_statuses[status]
        or status == 400 and legacy_codes[code] or false
    end
    return err:is_a("ConnectionError") or err:is_a("ConnectionClosedError")
      or err:is_a("ReadTimeoutError")
  end,
  delay = function(attempt, random)
    return random() * 2 ^ (attempt - 1)
  end,
}

retry.modes = modes

---Notes in the answer's metadata, if there is one, what boto3 would.
local function note(policy, attempt, outcome, is_retryable)
  local answer = outcome.response or outcome
  local metadata = answer.ResponseMetadata
  if not metadata then return end
  metadata.RetryAttempts = attempt - 1
  if attempt >= policy.max_attempts
     and (is_retryable or modes[policy.mode].notes_any) then
    metadata.MaxAttemptsReached = true
  end
end

---@param policy table {mode, max_attempts, random}
---@param attempt integer the one that just ended, from 1
---@param err table its error
---@return number|nil # seconds to wait before the next, or nil for no other
function retry.delay(policy, attempt, err)
  local mode = modes[policy.mode]
  local is_retryable = mode.is_retryable(err)
  note(policy, attempt, err, is_retryable)
  if is_retryable and attempt < policy.max_attempts then
    return mode.delay(attempt, policy.random)
  end
end

---The same for an attempt that succeeded. A first one of several is nothing
---to speak of.
function retry.succeeded(policy, attempt, result)
  note(policy, attempt, result, false)
end

return retry
