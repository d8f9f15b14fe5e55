-- rate.lua - how fast a client may send once it was told "not so fast"
--
-- botocore's adaptive mode (botocore/retries/adaptive.py, throttling.py,
-- bucket.py): a token bucket whose rate follows CUBIC. Times are seconds, of
-- whatever clock the caller has.

local rate = {}

local floor, max, min = math.floor, math.max, math.min

-- CubicCalculator
local SCALE, BETA = 0.4, 0.7
-- RateClocker
local SMOOTHING = 0.8
local BUCKETS_A_SECOND = 2
-- TokenBucket
local MIN_RATE = 0.5
local ROUNDING = 1e-6 -- of a token: less is no reason to wait
-- ClientRateLimiter
local MAX_ADJUST = 2

local Limiter = {}
Limiter.__index = Limiter

-- ---- the rate that is measured ----

local function measure(self, now)
  local at = floor(now * BUCKETS_A_SECOND) / BUCKETS_A_SECOND
  self.count = self.count + 1
  if at > self.bucket then
    local current = self.count / (at - self.bucket)
    self.measured = current * SMOOTHING + self.measured * (1 - SMOOTHING)
    self.count, self.bucket = 0, at
  end
  return self.measured
end

-- ---- the rate that is allowed ----

local function zero_point(w_max)
  return (w_max * (1 - BETA) / SCALE) ^ (1 / 3)
end

local function after_success(self, now)
  local since = now - self.last_fail
  return SCALE * (since - self.k) ^ 3 + self.w_max
end

local function after_failure(self, current, now)
  self.w_max, self.k, self.last_fail = current, zero_point(current), now
  return current * BETA
end

-- ---- the tokens ----

local function refill(self, now)
  if self.filled then
    self.tokens = min(self.capacity,
                      self.tokens + (now - self.filled) * self.rate)
  end
  self.filled = now
end

local function set_rate(self, value, now)
  refill(self, now)
  self.rate = max(value, MIN_RATE)
  self.capacity = max(value, 1)
  self.tokens = min(self.tokens, self.capacity)
end

local function start(self, now)
  self.bucket, self.last_fail = floor(now), now
  self.k = zero_point(self.w_max)
  set_rate(self, 1, now)
end

---Takes a token, or tells how long to wait before asking again.
---@param now number
---@return number # 0: send
function Limiter:take(now)
  if not self.bucket then start(self, now) end
  if not self.is_enabled then return 0 end
  refill(self, now)
  if self.tokens >= 1 - ROUNDING then
    self.tokens = max(self.tokens - 1, 0)
    return 0
  end
  return (1 - self.tokens) / self.rate
end

---What came of an attempt, for which a token was taken.
---@param now number
---@param is_throttled boolean
function Limiter:received(now, is_throttled)
  local measured = measure(self, now)
  local new
  if is_throttled then
    local current = self.is_enabled and min(measured, self.rate) or measured
    new = after_failure(self, current, now)
    self.is_enabled = true
  else
    new = after_success(self, now)
  end
  set_rate(self, min(new, MAX_ADJUST * measured), now)
end

---@return table # a limiter that lets everything pass until it is told else
function rate.limiter()
  return setmetatable({
    count = 0, measured = 0, w_max = 0, rate = 1, capacity = 1, tokens = 0,
  }, Limiter)
end

return rate
