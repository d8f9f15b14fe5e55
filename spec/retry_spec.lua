-- What real boto3 does when attempts fail: how often it tries, how long it
-- waits, what is left of its quota.

local clients = require "spec.support.client"
local rate = require "iotdataplane.rate"
local retry = require "iotdataplane.retry"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

-- Cases that are not run, each with its reason.
local exceptions = {}

local function except(reason, names)
  for name in names:gmatch "%S+" do exceptions[name] = reason end
end

except("a body that is cut short is an error here", [[io-short-body-then-ok
  io-short-body-always legacy-io-short-body legacy-io-short-body-always]])
except("a bare 429 counts as throttling", "status-429-without-known-code")
except("a payload file is read again from where it stood",
  "file-body-offset-rewound-to-0")

-- What a transport says of each; garbage is a closed connection to urllib3.
local failures = {
  refused = "EndpointConnectionError", dns = "EndpointConnectionError",
  ["connect-timeout"] = "ConnectTimeoutError", ssl = "SSLError",
  ["read-timeout"] = "ReadTimeoutError", reset = "ConnectionClosedError",
  closed = "ConnectionClosedError", garbage = "ConnectionClosedError",
}

local function answer_of(response)
  if response.fail then
    return { name = assert(failures[response.fail], response.fail),
             message = "certificate verify failed",
             sent = not response.fail:find "^[rcds][^el]" }
  end
  local headers = {}
  for name, value in pairs(response.headers or {}) do
    headers[#headers + 1] = { name, value }
  end
  if response.code then
    headers[#headers + 1] = { "x-amzn-ErrorType", response.code }
  end
  local body = response.body or (response.status >= 300
    and '{"message": "m"}' or "")
  return { status = response.status, headers = headers, body = body }
end

local function client_of(case)
  local config = { retries = {} }
  for name, value in pairs(case.retries_config or {}) do
    config.retries[name] = value
  end
  config.retries.mode = config.retries.mode or case.mode
  local client = assert(clients.new({
    AWS_NEW_RETRIES_2026 = case.is_2026 and "true" or nil,
  }, {
    region_name = "us-east-1", transport = stub(), config = config,
    aws_access_key_id = "AK", aws_secret_access_key = "SK",
  }))
  local settings = client.settings
  client.policy = retry.policy {
    mode = settings.retry_mode, max_attempts = settings.max_attempts,
    random = function() return case.random end, quota = case.initial_quota,
    is_2026 = settings.is_2026,
  }
  return client
end

local function header_of(request, name)
  for _, header in ipairs(request.headers) do
    if header[1]:lower() == name then return header[2] end
  end
  return nil
end

local function column(requests, name)
  local list = {}
  for i, request in ipairs(requests) do
    list[i] = header_of(request, name)
  end
  return list
end

local function same_numbers(expected, got)
  assert.equal(#expected, #got)
  for i, number in ipairs(expected) do
    assert.is_true(math.abs(number - got[i]) < 1e-9,
                   ("wait %d is %s, not %s"):format(i, got[i], number))
  end
end

local function check_outcome(expected, result, err)
  if expected.outcome == "success" then
    assert(result, tostring(err))
  else
    assert.is_nil(result)
    assert.equal(expected.error.class .. ": " .. expected.error.text,
                 tostring(err))
  end
  local answer = result or err.response
  local metadata = answer and answer.ResponseMetadata or {}
  assert.equal(expected.RetryAttempts, metadata.RetryAttempts)
  assert.equal(expected.MaxAttemptsReached, metadata.MaxAttemptsReached)
  assert.equal(expected.RetryQuotaReached, metadata.RetryQuotaReached)
end

local function check_requests(expected, requests)
  assert.equal(expected.attempts, #requests)
  if expected.amz_sdk_request[1] ~= "(no connection)" then
    assert.same(expected.amz_sdk_request,
                column(requests, "amz-sdk-request"))
  end
  local ids = column(requests, "amz-sdk-invocation-id")
  for _, id in ipairs(ids) do assert.equal(ids[1], id) end
  assert.equal(#requests, #ids)
end

local function run_call(client, call, expected, payload)
  local transport = client.transport
  transport.requests, transport.sleeps, transport.answers = {}, {}, {}
  for i, response in ipairs(call.responses) do
    transport.answers[i] = answer_of(response)
  end
  local result, err = client:try("publish", { topic = "t",
                                              payload = payload })
  check_outcome(expected, result, err)
  check_requests(expected, transport.requests)
  same_numbers(expected.sleeps, transport.sleeps)
  if expected.quota_after then
    assert.equal(expected.quota_after, client.policy.quota)
  end
end

local function check(case)
  if exceptions[case.name] then return end
  local client = client_of(case)
  local params = vectors.params { params = { payload = case.payload } }
  for i, call in ipairs(case.calls) do
    run_call(client, call, case.expected[i], params.payload)
  end
end

describe("retries as boto3's:", function()
  vectors.each(it, pending, "retries/standard.json", check)
end)

describe("retries by the rules of 2026:", function()
  vectors.each(it, pending, "retries/gated-2026.json", function(case)
    case.is_2026 = true
    check(case)
  end)
end)

-- ---- the SDKs' common cases ----

-- Theirs has a random number of their own choice.
local function spec_client(given, is_2026)
  local client = client_of {
    mode = "standard", random = given.exponential_base or 1,
    initial_quota = given.initial_retry_tokens, is_2026 = is_2026,
    retries_config = { total_max_attempts = given.max_attempts },
  }
  client.policy.max_backoff = given.max_backoff_time
    or client.policy.max_backoff
  return client
end

local function answer_of_step(step)
  local response = step.response
  return answer_of { status = response.status_code,
    code = response.error_code, headers = response.headers }
end

local function check_end(step, policy, result, err)
  local metadata = (result or err.response).ResponseMetadata
  assert.equal(step.expected.retry_quota, policy.quota)
  assert.equal(step.expected.outcome == "success", result ~= nil)
  assert.equal(step.expected.outcome == "retry_quota_exceeded",
               metadata.RetryQuotaReached == true)
end

-- The steps are those of one call after the other.
local function run_spec_case(case, is_2026)
  local client = spec_client(case.given, is_2026)
  local policy, transport, seen = client.policy, client.transport, {}
  transport.answers = { function()
    return answer_of_step(case.responses[#transport.requests])
  end }
  function transport:sleep(seconds)
    seen[#self.requests] = { seconds, policy.quota }
  end
  while #transport.requests < #case.responses do
    local result, err = client:try("publish", { topic = "t" })
    check_end(case.responses[#transport.requests], policy, result, err)
  end
  for i, step in ipairs(case.responses) do
    if step.expected.outcome == "retry_request" then
      same_numbers({ step.expected.delay, step.expected.retry_quota },
                   seen[i])
    else
      assert.is_nil(seen[i])
    end
  end
end

-- Each thread is a call; their waits let the others go on.
local function run_threads(case, is_2026)
  local client = spec_client(case.given, is_2026)
  local transport, current = client.transport, nil
  transport.sleep = function() coroutine.yield() end
  transport.answers = { function()
    current.at = current.at + 1
    return answer_of_step(current.steps[current.at])
  end }
  local threads = {}
  for i, steps in ipairs(case.threads) do
    threads[i] = { steps = steps, at = 0, run = coroutine.create(function()
      return client:try("publish", { topic = "t" })
    end) }
  end
  for _ = 1, 10 do
    for _, thread in ipairs(threads) do
      current = thread
      if coroutine.status(thread.run) == "suspended" then
        assert(coroutine.resume(thread.run))
      end
    end
  end
  for _, thread in ipairs(threads) do
    assert.equal(#thread.steps, thread.at)
  end
  assert.equal(case.expected_final_quota, client.policy.quota)
end

describe("retries of the SDKs' common cases:", function()
  local document = vectors.document "retries/spec-cases.json"
  if not document then pending "no retries/spec-cases.json" end
  for name, is_2026 in pairs { standard = false, standard_2026 = true } do
    for i, case in ipairs(document and document[name] or {}) do
      -- no operation of this service is a long poll
      if not case.given.long_polling then
        it(("%s %d: %s"):format(name, i, case.name), function()
          (case.threads and run_threads or run_spec_case)(case, is_2026)
        end)
      end
    end
  end
end)

-- ---- adaptive ----

describe("adaptive mode", function()
  local function client_with(answers, seconds)
    local client = assert(clients.new({}, {
      region_name = "us-east-1", transport = stub(answers),
      aws_access_key_id = "AK", aws_secret_access_key = "SK",
      config = { retries = { mode = "adaptive" }, api_call_timeout = seconds },
    }))
    return client, client.transport
  end

  it("lets everything pass until it is throttled", function()
    local client, transport = client_with {}
    for _ = 1, 100 do client:publish { topic = "t" } end
    assert.same({}, transport.sleeps)
  end)

  it("waits for its turn after that", function()
    local throttled = { status = 429, headers = {
      { "x-amzn-ErrorType", "ThrottlingException" } } }
    local client, transport = client_with { throttled, {} }
    client.policy.random = function() return 0 end
    client:publish { topic = "t" }
    for _ = 1, 5 do client:publish { topic = "t" } end
    local waited = 0
    for _, seconds in ipairs(transport.sleeps) do waited = waited + seconds end
    assert.is_true(waited > 2, "waited only " .. waited)
  end)

  it("keeps a call's time", function()
    local client = client_with({ { status = 429 }, {} }, 0.5)
    client.policy.random = function() return 0 end
    client:try("publish", { topic = "t" })
    local _, err = client:try("publish", { topic = "t" })
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal("not_sent", err.delivery)
  end)

  -- From botocore's own classes, with a clock of the test's.
  it("follows botocore's rate", function()
    local limiter, now = rate.limiter(), 1000
    limiter:take(now)
    local rates = {}
    for i = 1, 12 do
      now = now + 0.25
      local delay = limiter:take(now)
      while delay > 0 do
        now = now + delay
        delay = limiter:take(now)
      end
      limiter:received(now, i % 5 == 0)
      rates[i] = ("%.6f"):format(limiter.rate)
    end
    assert.same({
      "0.500000", "0.500000", "0.500000", "0.500000", "2.688000", "3.194815",
      "3.525716", "3.718203", "3.809777", "2.666844", "3.354568", "3.643754",
    }, rates)
  end)
end)

-- ---- what is configured ----

describe("a policy", function()
  local function wrong(environment, config)
    local client, err = clients.new(environment, {
      region_name = "us-east-1", transport = stub(), config = config })
    assert.is_nil(client)
    return tostring(err)
  end

  it("refuses what botocore refuses", function()
    assert.equal("InvalidRetryModeError: Invalid value provided to \"mode\": "
      .. "\"fast\" must be one of: ('legacy', 'standard', 'adaptive')",
      wrong({ AWS_RETRY_MODE = "fast" }))
    assert.equal("ValueError: invalid literal for int() with base 10: 'x'",
      wrong { AWS_MAX_ATTEMPTS = "x" })
    assert.equal("InvalidMaxRetryAttemptsError: Value provided to "
      .. "\"max_attempts\": 0 must be an integer greater than or equal to 1.",
      wrong { AWS_MAX_ATTEMPTS = "0" })
    assert.equal("InvalidMaxRetryAttemptsError: Value provided to "
      .. "\"max_attempts\": -1 must be an integer greater than or equal to "
      .. "0.", wrong({}, { retries = { max_attempts = -1 } }))
  end)

  it("takes the options before the environment", function()
    local client = assert(clients.new({
      AWS_MAX_ATTEMPTS = "x", AWS_RETRY_MODE = "fast",
    }, { region_name = "us-east-1", transport = stub(), config = {
      retries = { mode = "legacy", max_attempts = 1 } } }))
    assert.equal(2, client.policy.max_attempts)
  end)
end)
