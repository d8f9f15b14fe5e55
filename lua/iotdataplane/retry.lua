-- retry.lua - (attempt, err) -> delay | nil; what repeating may cost
--
-- botocore's modes `legacy` (botocore/retryhandler.py, data/_retry.json),
-- `standard` and `adaptive` (botocore/retries/standard.py, adaptive.py), and
-- the rules that AWS_NEW_RETRIES_2026 turns on. No clock, and no sleep of its
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

-- A client's quota, and what is taken of it.
local QUOTA = 500
local COST, TIMEOUT_COST = 5, 10
local COST_2026, THROTTLING_COST_2026 = 14, 5
local REFUND = 1 -- for a call that needed no repeating

-- The rules of 2026: what the delays grow from, in seconds; and how much
-- longer a service may ask us to wait.
local SCALE_2026, THROTTLING_SCALE_2026 = 0.05, 1
local MAX_LONGER = 5

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

-- ---- which errors ----

local function standard_error(err)
  local status, code = status_and_code(err)
  if status then
    return transient_statuses[status] or transient_codes[code]
      or retry.is_throttling(err)
  end
  return err:is_a "ConnectionError" or err:is_a "HTTPClientError"
end

local function legacy_error(err)
  local status, code = status_and_code(err)
  if status then
    return legacy_statuses[status]
      or status == 400 and legacy_codes[code] or false
  end
  return err:is_a "ConnectionError" or err:is_a "ConnectionClosedError"
    or err:is_a "ReadTimeoutError"
end

-- ---- how long ----

local function standard_delay(policy, attempt)
  return policy.random() * math.min(2 ^ (attempt - 1), policy.max_backoff)
end

local function legacy_delay(policy, attempt)
  return policy.random() * 2 ^ (attempt - 1)
end

---What the service asks for, in seconds; it counts in milliseconds.
local function asked_delay(err)
  local fields = err.response and err.response.ResponseMetadata.HTTPHeaders
  local text = fields and fields["x-amz-retry-after"]
  local digits = text and text:match "^%s*%+?(%d+)%s*$"
  return digits and tonumber(digits) / 1000
end

local function delay_2026(policy, attempt, err)
  local scale = retry.is_throttling(err) and THROTTLING_SCALE_2026
    or SCALE_2026
  local delay = policy.random()
    * math.min(scale * 2 ^ (attempt - 1), policy.max_backoff)
  local asked = asked_delay(err)
  return asked and math.max(delay, math.min(asked, delay + MAX_LONGER))
    or delay
end

-- ---- what it costs ----

local function standard_cost(err)
  local late = err:is_a "ConnectTimeoutError" or err:is_a "ReadTimeoutError"
  return late and TIMEOUT_COST or COST
end

local function cost_2026(err)
  return retry.is_throttling(err) and THROTTLING_COST_2026 or COST_2026
end

local modes = {
  legacy = { attempts = 5, is_retryable = legacy_error,
             delay = legacy_delay },
  standard = { attempts = 3, is_retryable = standard_error,
               delay = standard_delay, cost = standard_cost },
}

modes.adaptive = modes.standard

local standard_2026 = { attempts = 3, is_retryable = standard_error,
                        delay = delay_2026, cost = cost_2026 }

---How many attempts a mode makes where nothing else is said, or nil where
---there is no such mode.
---@param name string
---@return integer|nil
function retry.attempts_of(name)
  return modes[name] and modes[name].attempts
end

---Are there things to be noted even of a first attempt that succeeds?
local function note_wanted(policy)
  policy.is_wary = policy.max_attempts == 1 or policy.limiter ~= nil
    or policy.quota < policy.capacity
end

---How one client repeats its calls.
---@param options table {mode, max_attempts, random, is_2026, quota, also =
---{[code] = true}: a service's own codes that are worth another attempt}
---@return table # a policy
function retry.policy(options)
  local mode = modes[options.mode]
  if options.is_2026 and mode == modes.standard then mode = standard_2026 end
  local capacity = options.quota or QUOTA
  local policy = {
    mode = mode, max_attempts = options.max_attempts,
    random = options.random, max_backoff = MAX_BACKOFF, also = options.also,
    quota = capacity, capacity = capacity,
    tells_max_at_first = mode == standard_2026,
    limiter = options.mode == "adaptive"
      and require "iotdataplane.rate".limiter() or nil,
  }
  note_wanted(policy)
  return policy
end

---Notes in the answer's metadata, if there is one, what boto3 would. Standard
---mode notes the last attempt whatever came of it, legacy a retryable error.
local function note(policy, attempt, outcome, is_retryable)
  local metadata = (outcome.response or outcome).ResponseMetadata
  if not metadata then return end
  metadata.RetryAttempts = attempt - 1
  if attempt >= policy.max_attempts
     and (is_retryable or policy.mode.cost) then
    metadata.MaxAttemptsReached = true
  end
end

---Takes what another attempt costs; nil where there is not enough left.
local function pay(policy, err)
  local cost = policy.mode.cost
  if not cost then return 0 end
  local price = cost(err)
  if price > policy.quota then
    if err.response then
      err.response.ResponseMetadata.RetryQuotaReached = true
    end
    return nil
  end
  policy.quota = policy.quota - price
  note_wanted(policy)
  return price
end

---@param policy table
---@param attempt integer the one that just ended, from 1
---@param err table its error
---@param is_last boolean|nil it is not to be repeated in any case
---@return number|nil, number|nil # seconds to wait before the next, and what
---was taken of the quota for it; or nil for no other
function retry.delay(policy, attempt, err, is_last)
  local _, code = status_and_code(err)
  local is_retryable = policy.also and policy.also[code]
    or policy.mode.is_retryable(err)
  note(policy, attempt, err, is_retryable)
  if is_last or not is_retryable or attempt >= policy.max_attempts then
    return nil
  end
  local price = pay(policy, err)
  return price and policy.mode.delay(policy, attempt, err), price
end

---The same for an attempt that succeeded. A first one is nothing to speak of
---unless the policy `is_wary`.
---@param price number|nil what the last repeating had cost: is given back
function retry.succeeded(policy, attempt, result, price)
  note(policy, attempt, result, false)
  if not policy.mode.cost then return end
  policy.quota = math.min(policy.capacity, policy.quota + (price or REFUND))
  note_wanted(policy)
end

return retry
