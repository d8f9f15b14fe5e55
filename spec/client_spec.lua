local cjson = require "cjson"
local iotdataplane = require "iotdataplane"
local clients = require "spec.support.client"
local stub = require "iotdataplane.transport.stub"

-- ---- what the specs are written with ----

local KEYS = {
  aws_access_key_id = "AKIDEXAMPLE", aws_secret_access_key = "hush",
}

-- What a table holds, all the way down.
local function copy(value)
  if type(value) ~= "table" then return value end
  local new = {}
  for key, item in next, value do new[key] = copy(item) end
  return setmetatable(new, getmetatable(value))
end

-- Options that make a client, but for what is said otherwise.
local function options_of(transport, config, changes)
  local options = { region_name = "eu-west-1", transport = transport,
                    config = config }
  for name, value in next, KEYS do options[name] = value end
  for name, value in next, changes or {} do options[name] = value end
  return options
end

-- Options that are resolved in a given environment.
local function resolve(options, environment)
  return clients.resolve(clients.world(environment, options))
end

-- A client in a given environment, and the stub that it sends through.
local function client_in(environment, options)
  environment = copy(environment)
  environment.AWS_EC2_METADATA_DISABLED = "true"
  local transport = options.transport or stub()
  options.transport = transport
  return assert(clients.new(environment, options)), transport
end

-- The same in an empty one.
local function client_of(answers, config, changes)
  return client_in({}, options_of(stub(answers), config, changes))
end

-- Raises what is wrong with the resolving, as a client would.
local function refuse(name, message, options, environment)
  local resolved, err = resolve(options, environment)
  assert.is_nil(resolved)
  assert.equal(name, err.name)
  assert.equal(message, err.message)
end

local function publish(client, changes)
  local params = { topic = "a/b" }
  for name, value in next, changes or {} do params[name] = value end
  return client:try("publish", params)
end

-- Has it fail, and gives the error.
local function fail(name, client, changes)
  local result, err = publish(client, changes)
  assert.is_nil(result)
  assert.equal(name, err.name)
  return err
end

-- Runs a function that stands on one line; what it says after that line.
local function misuse(run)
  local ok, err = pcall(run)
  assert.is_false(ok)
  assert.is_string(err)
  local info = debug.getinfo(run, "S")
  local place = ("%s:%d: "):format(info.short_src, info.linedefined)
  assert.equal(place, err:sub(1, #place))
  return err:sub(#place + 1)
end

local function header(request, name)
  local found
  for _, h in ipairs(request.headers) do
    if h[1]:lower() == name then
      assert.is_nil(found, name .. " is there twice")
      found = h[2]
    end
  end
  return found
end

local function all(requests, name)
  local values = {}
  for i, request in ipairs(requests) do
    values[i] = header(request, name) or "none"
  end
  return values
end

-- A service's error, as AWS IoT says it.
local function service(status, code)
  return { status = status, headers = { { "x-amzn-ErrorType", code or "" } },
           body = '{"message": "why"}' }
end

local UNSENT = { name = "EndpointConnectionError", sent = false }
local LOST = { name = "ReadTimeoutError", sent = true }

-- ---- arguments ----

describe("arguments of a method", function()
  local client, transport

  before_each(function() client, transport = client_of() end)
  after_each(function() assert.equal(0, #transport.requests) end)

  it("must be a table", function()
    local text = "bad argument #1 to 'publish' (table expected, got %s)"
    assert.equal(text:format "no value",
      misuse(function() client:publish() end))
    assert.equal(text:format "string",
      misuse(function() client:publish "a/b" end))
    assert.equal(text:format "no value",
      misuse(function() client:try "publish" end))
    assert.equal(text:format "boolean",
      misuse(function() client:try("publish", true) end))
  end)

  it("come after a colon", function()
    local text = "bad self (use client:publish{...}, with a colon)"
    assert.equal(text, misuse(function() client.publish { topic = "a" } end))
    assert.equal(text, misuse(function() client.publish() end))
    assert.equal(text, misuse(function() client.publish "a" end))
    assert.equal("bad self (use client:try(name, params), with a colon)",
      misuse(function() client.try("publish", { topic = "a" }) end))
  end)

  it("name an operation that there is", function()
    assert.equal("bad argument #1 to 'try' (no operation 'Publish')",
      misuse(function() client:try("Publish", { topic = "a" }) end))
    assert.equal("bad argument #1 to 'try' (no operation 'nil')",
      misuse(function() client:try() end))
  end)
end)

-- ---- options ----

-- Options, and what is said of them.
local mistaken = {
  { { region = "eu-west-1" }, "unknown option 'region'" },
  { { [1] = "eu-west-1" }, "unknown option '1'" },
  { { region_name = 1 }, "option 'region_name' must be a string, got number" },
  { { endpoint_url = true },
    "option 'endpoint_url' must be a string, got boolean" },
  { { use_ssl = "no" }, "option 'use_ssl' must be a boolean, got string" },
  { { verify = 1 },
    "option 'verify' must be a boolean or a string, got number" },
  { { aws_access_key_id = 1 },
    "option 'aws_access_key_id' must be a string, got number" },
  { { aws_secret_access_key = {} },
    "option 'aws_secret_access_key' must be a string, got table" },
  { { aws_session_token = false },
    "option 'aws_session_token' must be a string, got boolean" },
  { { config = "legacy" }, "option 'config' must be a table, got string" },
  { { transport = 1 },
    "option 'transport' must be a string or a table, got number" },
  { { transport = "smtp" },
    "option 'transport' must be 'curl', 'multi', 'nginx' or a table" },
  { { transport = {} }, "option 'transport' lacks the method 'send'" },
  { { transport = { send = print, sleep = print } },
    "option 'transport' lacks the method 'now'" },
}

-- The same of config.
local NO_PROTOCOLS = "option 'config.alpn' must be a list of protocols' "
  .. "names"

local misconfigured = {
  { { timeout = 1 }, "unknown option 'config.timeout'" },
  { { connect_timeout = "1" },
    "option 'config.connect_timeout' must be a number, got string" },
  { { read_timeout = true },
    "option 'config.read_timeout' must be a number, got boolean" },
  { { connect_timeout = 0 },
    "option 'config.connect_timeout' must be positive" },
  { { read_timeout = -1 }, "option 'config.read_timeout' must be positive" },
  { { read_timeout = 0 / 0 },
    "option 'config.read_timeout' must be positive" },
  { { api_call_timeout = 0 },
    "option 'config.api_call_timeout' must be positive" },
  { { max_pool_connections = 0 },
    "option 'config.max_pool_connections' must be a whole number" },
  { { headers = { Host = "a" } },
    "option 'config.headers' cannot have 'Host'" },
  { { headers = { ["content-length"] = "1" } },
    "option 'config.headers' cannot have 'content-length'" },
  { { max_pool_connections = 1.5 },
    "option 'config.max_pool_connections' must be a whole number" },
  { { retries = 3 }, "option 'config.retries' must be a table, got number" },
  { { retries = { attempts = 3 } },
    "unknown option 'config.retries.attempts'" },
  { { retries = { mode = 1 } },
    "option 'config.retries.mode' must be a string, got number" },
  { { retries = { total_max_attempts = "3" } },
    "option 'config.retries.total_max_attempts' must be a number, "
    .. "got string" },
  { { retries = { resend_unknown = "no" } },
    "option 'config.retries.resend_unknown' must be a boolean, got string" },
  { { queue = { size = 5 } }, "unknown option 'config.queue.size'" },
  { { queue = { max_messages = 0 } },
    "option 'config.queue.max_messages' must be a whole number" },
  { { queue = { overflow = "drop" } },
    "option 'config.queue.overflow' must be 'error' or 'drop_oldest'" },
  { { proxies = { "http://p" } },
    "option 'config.proxies' must map schemes to URLs" },
  { { client_cert = true },
    "option 'config.client_cert' must be a string or a table, got boolean" },
  { { client_cert = { "cert.pem" } },
    "option 'config.client_cert' must be a path, or {cert, key}" },
  { { alpn = "x" }, "option 'config.alpn' must be a table, got string" },
  { { alpn = {} }, NO_PROTOCOLS }, { { alpn = { 1 } }, NO_PROTOCOLS },
  { { alpn = { "" } }, NO_PROTOCOLS },
  { { alpn = { ("x"):rep(256) } }, NO_PROTOCOLS },
  { { alpn = { "a\0b" } }, NO_PROTOCOLS },
  { { alpn = { "a", x = "b" } }, NO_PROTOCOLS },
  { { alpn = { "a", [3] = "b" } }, NO_PROTOCOLS },
  { { headers = { 1 } },
    "option 'config.headers' must map strings to strings" },
  { { headers = { a = 1 } },
    "option 'config.headers' must map strings to strings" },
  { { strict = 1 },
    "option 'config.strict' must be a boolean, got number" },
  { { parameter_validation = "no" },
    "option 'config.parameter_validation' must be a boolean, got string" },
  { { user_agent_extra = 1 },
    "option 'config.user_agent_extra' must be a string, got number" },
}

local function refused(options)
  return misuse(function() iotdataplane.client(options) end)
end

describe("options", function()
  local text = "bad argument #1 to 'client' (%s)"

  for _, case in ipairs(mistaken) do
    it("are refused: " .. case[2], function()
      assert.equal(text:format(case[2]), refused(case[1]))
    end)
  end

  for _, case in ipairs(misconfigured) do
    it("are refused: " .. case[2], function()
      assert.equal(text:format(case[2]), refused { config = case[1] })
    end)
  end

  it("are a table", function()
    assert.equal(text:format "table expected, got string",
      refused "eu-west-1")
  end)

  it("are not changed, nor is a client by their change", function()
    local config = { headers = { a = "b" }, retries = { mode = "legacy" },
                     user_agent_extra = "x", alpn = { "c" } }
    local answer = service(503, "ServiceUnavailableException")
    local options = options_of(stub { answer }, config)
    local before = copy(options)
    local client = iotdataplane.client(options)
    options.transport, before.transport = nil, nil
    assert.same(before, options)
    options.aws_access_key_id, config.user_agent_extra = nil, "y"
    config.alpn[1] = "d"
    fail("ServiceUnavailableException", client)
    assert.same({ "c" }, client.transport.requests[1].tls.alpn)
    assert.equal("x", client.meta.config.user_agent_extra)
  end)
end)

describe("what a client says of itself", function()
  it("is its region, its endpoint and its config", function()
    local client = client_of(nil, { read_timeout = 5 })
    assert.same({
      region_name = "eu-west-1",
      endpoint_url = "https://data-ats.iot.eu-west-1.amazonaws.com",
      config = { read_timeout = 5 },
    }, client.meta)
  end)

  it("is its endpoint with port and path", function()
    local client = client_of(nil, nil,
      { endpoint_url = "http://localhost:8000/base" })
    assert.equal("http://localhost:8000/base", client.meta.endpoint_url)
  end)

  it("is every exception", function()
    local client = client_of()
    assert.equal(iotdataplane.exceptions, client.exceptions)
    assert.equal("ThrottlingException",
      client.exceptions.ThrottlingException.name)
  end)
end)

-- ---- region and endpoint ----

describe("the region", function()
  local function region(options, environment)
    return assert(resolve(options, environment)).region_name
  end

  local url = "https://abc-ats.iot.ap-south-1.amazonaws.com"

  it("comes from the option, the environment, the URL", function()
    local environment = { AWS_DEFAULT_REGION = "us-west-2" }
    assert.equal("us-west-2", region({}, environment))
    environment.AWS_REGION = "us-east-1"
    assert.equal("us-east-1", region({}, environment))
    assert.equal("us-east-1", region({ endpoint_url = url }, environment))
    assert.equal("eu-west-1", region(
      { region_name = "eu-west-1", endpoint_url = url }, environment))
    assert.equal("ap-south-1", region { endpoint_url = url })
    assert.equal("ap-south-1", region({}, { AWS_ENDPOINT_URL = url }))
  end)

  it("must come from somewhere", function()
    refuse("NoRegionError", "You must specify a region.", {})
    refuse("NoRegionError", "You must specify a region.",
      { endpoint_url = "https://localhost" })
    refuse("NoRegionError", "You must specify a region.",
      { config = { signature_version = "unsigned" } })
  end)

  it("is not needed where nothing is signed, and the URL known", function()
    assert.is_nil(region {
      endpoint_url = "https://localhost",
      config = { signature_version = "unsigned" },
    })
  end)

  for _, name in ipairs { "eu west-1", "-eu", "eu-", "eu.west", "123",
                          ("x"):rep(64), "eu/../", "a\0b", "e\n" } do
    it(("is refused: %q"):format(name), function()
      local text = "Provided region_name '" .. name
        .. "' doesn't match a supported format."
      refuse("InvalidRegionError", text, { region_name = name })
      refuse("InvalidRegionError", text, {}, { AWS_REGION = name })
    end)
  end
end)

describe("the endpoint", function()
  local function origin(options, environment)
    options.region_name = "eu-west-1"
    return assert(resolve(options, environment)).endpoint.origin
  end

  it("comes from the option, the environment, the region", function()
    local environment = { AWS_ENDPOINT_URL = "http://c" }
    assert.equal("http://c", origin({}, environment))
    environment.AWS_ENDPOINT_URL_IOT_DATA_PLANE = "http://b"
    assert.equal("http://b", origin({}, environment))
    assert.equal("http://a", origin({ endpoint_url = "http://a" },
      environment))
    assert.equal("https://data-ats.iot.eu-west-1.amazonaws.com", origin {})
    assert.equal("http://data-ats.iot.eu-west-1.amazonaws.com",
      origin { use_ssl = false })
  end)

  it("is not the environment's where that is to be ignored", function()
    local environment = { AWS_ENDPOINT_URL = "http://c" }
    local ours = "https://data-ats.iot.eu-west-1.amazonaws.com"
    assert.equal(ours, origin({
      config = { ignore_configured_endpoint_urls = true },
    }, environment))
    environment.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "TRUE"
    assert.equal(ours, origin({}, environment))
    assert.equal("http://c", origin({
      config = { ignore_configured_endpoint_urls = false },
    }, environment))
  end)

  for _, url in ipairs { "localhost:8000", "localhost", "", "https://",
                         "https://a_b.com", "https://a b.com",
                         "https://-a.com", "https://a..com",
                         "https://host/\r\nx: y" } do
    it(("is refused: %q"):format(url), function()
      refuse("ValueError", "Invalid endpoint: " .. url,
        { region_name = "eu-west-1", endpoint_url = url })
    end)
  end
end)

-- ---- retries, as they are configured ----

describe("config.retries", function()
  local function retries(options, environment)
    local resolved = assert(resolve({
      region_name = "eu-west-1", config = { retries = options },
    }, environment))
    return { resolved.retry_mode, resolved.max_attempts }
  end

  it("has botocore's defaults", function()
    assert.same({ "standard", 3 }, retries())
    assert.same({ "standard", 3 }, retries {})
    assert.same({ "legacy", 5 }, retries { mode = "legacy" })
  end)

  it("counts the first attempt in one of its numbers", function()
    assert.same({ "standard", 2 }, retries { total_max_attempts = 2 })
    assert.same({ "standard", 3 }, retries { max_attempts = 2 })
    assert.same({ "standard", 1 }, retries { max_attempts = 0 })
    assert.same({ "standard", 2 },
      retries { total_max_attempts = 2, max_attempts = 9 })
  end)

  it("comes from the environment after that", function()
    local environment = { AWS_RETRY_MODE = "legacy", AWS_MAX_ATTEMPTS = "7" }
    assert.same({ "legacy", 7 }, retries(nil, environment))
    assert.same({ "standard", 2 },
      retries({ mode = "standard", max_attempts = 1 }, environment))
  end)

  it("refuses a mode that there is not", function()
    local r = { mode = "eager" }
    local text = 'Invalid value provided to "mode": "eager" must be one of: '
    local _, err = resolve { region_name = "x", config = { retries = r } }
    assert.equal("InvalidRetryModeError", err.name)
    assert.equal(text, err.message:sub(1, #text))
    _, err = resolve({ region_name = "x" }, { AWS_RETRY_MODE = "eager" })
    assert.equal("InvalidRetryModeError", err.name)
  end)

  it("refuses numbers that count nothing", function()
    for _, r in ipairs { { max_attempts = -1 }, { max_attempts = 1.5 },
                         { total_max_attempts = 0 },
                         { total_max_attempts = 1 / 0 } } do
      local _, err = resolve { region_name = "x", config = { retries = r } }
      assert.equal("InvalidMaxRetryAttemptsError", err.name)
    end
  end)
end)

-- ---- credentials ----

describe("credentials", function()
  local env = {
    AWS_ACCESS_KEY_ID = "ENVKEY", AWS_SECRET_ACCESS_KEY = "s",
    AWS_SESSION_TOKEN = "envtoken", AWS_SECURITY_TOKEN = "oldtoken",
  }

  -- Whose key signs, and the token that goes along.
  local function used(environment, options)
    options = options or {}
    options.region_name = "eu-west-1"
    local client, transport = client_in(environment, options)
    assert(publish(client))
    local request = transport.requests[1]
    return { header(request, "authorization"):match "Credential=(%w+)/",
             header(request, "x-amz-security-token") }
  end

  it("come from the options, then from the environment", function()
    assert.same({ "ENVKEY", "oldtoken" }, used(env))
    assert.same({ "AKIDEXAMPLE" }, used(env, copy(KEYS)))
    local options = copy(KEYS)
    options.aws_session_token = "own"
    assert.same({ "AKIDEXAMPLE", "own" }, used(env, options))
  end)

  it("have their token from an older variable first", function()
    local environment = copy(env)
    environment.AWS_SECURITY_TOKEN = nil
    assert.same({ "ENVKEY", "envtoken" }, used(environment))
    environment.AWS_SESSION_TOKEN = nil
    assert.same({ "ENVKEY" }, used(environment))
  end)

  -- Fails to find them, when the client is made or when it is used.
  local function lacking(name, message, environment, options)
    options.region_name = "eu-west-1"
    local client, transport = client_in(environment, options)
    local err = fail(name, client)
    assert.equal(message, err.message)
    assert.equal("not_sent", err.delivery)
    assert.equal(0, #transport.requests)
    assert.equal(0, #transport.sleeps)
  end

  it("must come from somewhere", function()
    local text = "Unable to locate credentials"
    lacking("NoCredentialsError", text, {}, {})
    lacking("NoCredentialsError", text, { AWS_SESSION_TOKEN = "t" }, {})
    lacking("NoCredentialsError", text, { AWS_SECRET_ACCESS_KEY = "s" }, {})
    lacking("NoCredentialsError", text, { AWS_ACCESS_KEY_ID = "" }, {})
  end)

  it("come in pairs", function()
    local text = "Partial credentials found in %s, missing: %s"
    -- boto3 says so when the client is made
    refuse("PartialCredentialsError",
      text:format("explicit", "aws_secret_access_key"),
      { region_name = "eu-west-1", aws_access_key_id = "AKID" }, env)
    refuse("PartialCredentialsError",
      text:format("explicit", "aws_access_key_id"),
      { region_name = "eu-west-1", aws_secret_access_key = "s" }, env)
    lacking("PartialCredentialsError",
      text:format("env", "AWS_SECRET_ACCESS_KEY"),
      { AWS_ACCESS_KEY_ID = "AKID" }, {})
  end)

  for _, name in ipairs { "aws_access_key_id", "aws_secret_access_key",
                          "aws_session_token" } do
    for what, byte in pairs { CR = "\r", LF = "\n", NUL = "\0" } do
      it(("are refused with %s in %s"):format(what, name), function()
        local value = "hidden" .. byte .. "treasure"
        local client, transport = client_of(nil, nil, { [name] = value })
        local err = fail("ParamValidationError", client)
        assert.is_truthy(err.message:find(name, 1, true))
        assert.is_nil(err.message:find "hidden")
        assert.is_nil(err.message:find "treasure")
        assert.equal("not_sent", err.delivery)
        assert.equal(0, #transport.requests)
      end)
    end
  end

  it("are never in an error's text", function()
    local client = client_of({ LOST }, nil, { aws_session_token = "tok" })
    local err = fail("ReadTimeoutError", client)
    for _, secret in ipairs { "hush", "tok", "AKIDEXAMPLE", "Signature" } do
      assert.is_nil(tostring(err):find(secret, 1, true))
    end
  end)
end)

-- ---- results and errors ----

describe("a publish", function()
  it("gives boto3's response", function()
    local client = client_of { {
      status = 200, body = '{"message":"OK"}',
      headers = { { "Date", "today" }, { "x-amzn-RequestId", "id" } },
    } }
    assert.same({ ResponseMetadata = {
      RequestId = "id", HTTPStatusCode = 200, RetryAttempts = 0,
      HTTPHeaders = { date = "today", ["x-amzn-requestid"] = "id" },
    } }, client:publish { topic = "a/b", payload = "hi", qos = 1 })
  end)

  it("says how often it was tried again", function()
    local client = client_of { service(503), UNSENT, {} }
    assert.equal(2, publish(client).ResponseMetadata.RetryAttempts)
  end)

  it("raises what try returns", function()
    for _, answer in ipairs { service(400, "InvalidRequestException"),
                              LOST, service(418, "Teapot") } do
      local returned = select(2, publish((client_of { answer })))
      local client = client_of { answer }
      local ok, raised = pcall(client.publish, client, { topic = "a/b" })
      assert.is_false(ok)
      assert.same(returned, raised)
      assert.equal(getmetatable(returned), getmetatable(raised))
    end
  end)

  it("does not change its parameters", function()
    local client, transport = client_of()
    local params = {
      topic = "a/b", qos = 1, payload = "x", userProperties = { { a = "b" } },
      messageExpiry = 2.0,
    }
    local before = copy(params)
    client:publish(params)
    assert.same(before, params)
    assert.equal(1, #transport.requests)
  end)

  it("is validated first", function()
    local client, transport = client_of()
    local err = fail("ParamValidationError", client, { qos = "1", foo = 1 })
    assert.is_truthy(err.message:find('input: "foo"', 1, true))
    assert.equal("not_sent", err.delivery)
    assert.equal("Publish", err.operation_name)
    assert.equal(0, #transport.requests)
  end)

  it("sends no header for cjson's null", function()
    local client, transport = client_of()
    publish(client, { userProperties = cjson.null })
    publish(client, { userProperties = iotdataplane.null })
    assert.same({ "none", "none" },
      all(transport.requests, "x-amz-mqtt5-user-properties"))
  end)
end)

describe("an error", function()
  it("of the service has its class and response", function()
    local client =
      client_of { service(429, "ThrottlingException:http://internal/") }
    local err = fail("ThrottlingException", client)
    assert.equal("Publish", err.operation_name)
    assert.same({ Code = "ThrottlingException", Message = "why" },
      err.response.Error)
    assert.equal(429, err.response.ResponseMetadata.HTTPStatusCode)
    assert.equal("ThrottlingException: An error occurred "
      .. "(ThrottlingException) when calling the Publish operation "
      .. "(reached max retries: 2): why", tostring(err))
  end)

  it("with a code of nobody's is a ClientError", function()
    local err = fail("ClientError",
      (client_of { service(400, "Unheard") }))
    assert.equal("Unheard", err.response.Error.Code)
    assert.equal("An error occurred (Unheard) when calling the Publish "
      .. "operation: why", err.message)
  end)

  it("says how often a failure without a body was tried", function()
    local err = fail("ClientError", (client_of { { status = 503 } }))
    assert.equal("An error occurred (503) when calling the Publish operation "
      .. "(reached max retries: 2): Service Unavailable", err.message)
    assert.equal(2, err.response.ResponseMetadata.RetryAttempts)
    assert.is_true(err.response.ResponseMetadata.MaxAttemptsReached)
  end)

  it("of the connection names the URL", function()
    local client = client_of { UNSENT }
    local err = fail("EndpointConnectionError", client, { qos = 1 })
    assert.equal('Could not connect to the endpoint URL: "https://data-ats.'
      .. 'iot.eu-west-1.amazonaws.com/topics/a%2Fb?qos=1"', err.message)
    assert.equal("Publish", err.operation_name)
    assert.is_nil(err.response)
  end)

  it("is of its class and of those above", function()
    local classes = iotdataplane.exceptions
    local client = client_of { service(429, "ThrottlingException") }
    local err = fail("ThrottlingException", client)
    for _, class in ipairs { "ThrottlingException", "ClientError" } do
      assert.is_true(err:is_a(class))
      assert.is_true(err:is_a(classes[class]))
    end
    for _, class in ipairs { "BotoCoreError", "InvalidRequestException" } do
      assert.is_false(err:is_a(class))
      assert.is_false(err:is_a(classes[class]))
    end
    assert.is_false(err:is_a "Nobody")
    assert.is_false(err:is_a(nil))
  end)

  it("has botocore's ancestors", function()
    for name, ancestors in pairs {
      ConnectTimeoutError = { "ConnectionError", "BotoCoreError" },
      SSLError = { "ConnectionError", "BotoCoreError" },
      ReadTimeoutError = { "HTTPClientError", "BotoCoreError" },
      ConnectionClosedError = { "HTTPClientError", "BotoCoreError" },
      ApiCallTimeoutError = { "BotoCoreError" },
    } do
      local err = fail(name, (client_of { { name = name } }))
      for _, ancestor in ipairs(ancestors) do
        assert.is_true(err:is_a(ancestor))
      end
      assert.is_false(err:is_a "ClientError")
    end
  end)
end)

-- What became of the message, by the answers to its attempts.
local deliveries = {
  { "not_sent", { UNSENT } },
  { "unknown", { LOST } },
  { "unknown", { UNSENT, LOST, UNSENT } },
  { "rejected", { service(400, "InvalidRequestException") } },
  { "rejected", { service(403, "ForbiddenException") } },
  { "rejected", { { status = 301 } } },
  { "rejected", { { status = 429 } } },
  { "rejected", { service(503, "ThrottlingException") } },
  { "rejected", { service(500, "SlowDown") } },
  { "unknown", { { status = 500 } } },
  { "unknown", { service(501, "Unheard") } },
  { "unknown", { service(503, "ServiceUnavailableException") } },
  { "rejected", { UNSENT, service(400, "InvalidRequestException") } },
  { "unknown", { LOST, service(400, "InvalidRequestException") } },
  { "unknown", { { status = 500 }, { status = 429 }, UNSENT } },
  { "rejected", { { status = 429 }, UNSENT } },
}

describe("an error's delivery", function()
  for i, case in ipairs(deliveries) do
    it(("is %s: %d"):format(case[1], i), function()
      local _, err = publish((client_of(case[2])))
      assert.equal(case[1], err.delivery)
    end)
  end
end)

-- ---- attempts ----

-- How often each is tried, in standard and in legacy mode.
local attempts = {
  { { status = 500 }, 3, 5 }, { { status = 501 }, 1, 1 },
  { { status = 502 }, 3, 5 }, { { status = 503 }, 3, 5 },
  { { status = 504 }, 3, 5 }, { { status = 505 }, 1, 1 },
  { { status = 509 }, 1, 5 }, { { status = 429 }, 3, 5 },
  { { status = 200 }, 1, 1 }, { { status = 301 }, 1, 1 },
  { service(400, "ThrottlingException"), 3, 5 },
  { service(403, "ThrottlingException"), 3, 1 },
  { service(400, "SlowDown"), 3, 1 },
  { service(408, "RequestTimeout"), 3, 1 },
  { service(400, "InvalidRequestException"), 1, 1 },
  { service(403, "ForbiddenException"), 1, 1 },
  { UNSENT, 3, 5 }, { LOST, 3, 5 },
  { { name = "ConnectTimeoutError", sent = false }, 3, 5 },
  { { name = "ConnectionClosedError" }, 3, 5 },
  { { name = "SSLError", sent = false }, 3, 5 },
  { { name = "HTTPClientError" }, 3, 1 },
  { { name = "ApiCallTimeoutError" }, 1, 1 },
}

describe("attempts", function()
  for i, case in ipairs(attempts) do
    local what = case[1].name or case[1].status
    for n, mode in ipairs { "standard", "legacy" } do
      it(("are counted: %s, %s, %d"):format(mode, what, i), function()
        local client, transport =
          client_of({ case[1] }, { retries = { mode = mode } })
        publish(client)
        assert.equal(case[n + 1], #transport.requests)
        assert.equal(case[n + 1] - 1, #transport.sleeps)
      end)
    end
  end

  it("are as many as they may be", function()
    for total, retries in pairs { { total_max_attempts = 1 },
                                  { max_attempts = 1 },
                                  { total_max_attempts = 3 },
                                  { mode = "legacy", max_attempts = 3 } } do
      local client, transport =
        client_of({ { status = 503 } }, { retries = retries })
      publish(client)
      assert.equal(total, #transport.requests)
    end
  end)

  it("end with success", function()
    local client, transport = client_of { LOST, { status = 200 }, LOST }
    assert.is_truthy(publish(client))
    assert.equal(2, #transport.requests)
  end)

  it("wait longer and longer", function()
    local client, transport =
      client_of({ { status = 503 } }, { retries = { total_max_attempts = 9 } })
    publish(client)
    for i, seconds in ipairs(transport.sleeps) do
      assert.is_true(seconds >= 0)
      assert.is_true(seconds <= math.min(2 ^ (i - 1), 20))
    end
    assert.equal(8, #transport.sleeps)
  end)

  it("are numbered, and have one name", function()
    local client, transport =
      client_of({ { status = 503 } }, { retries = { total_max_attempts = 4 } })
    publish(client)
    assert.same({ "attempt=1", "attempt=2; max=4", "attempt=3; max=4",
                  "attempt=4; max=4" },
      all(transport.requests, "amz-sdk-request"))
    local ids = all(transport.requests, "amz-sdk-invocation-id")
    assert.is_truthy(ids[1]:find("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$"))
    assert.same({ ids[1], ids[1], ids[1], ids[1] }, ids)
    publish(client)
    local other = header(transport.requests[5], "amz-sdk-invocation-id")
    assert.not_equal(ids[1], other)
  end)

  it("are signed anew", function()
    local client, transport
    client, transport = client_of { function()
      transport.time = transport.time + 60
      return { status = 503 }
    end }
    transport.sleep = function(self) self.time = self.time + 1 end
    publish(client)
    assert.same({ "20150830T123600Z", "20150830T123701Z",
                  "20150830T123802Z" },
      all(transport.requests, "x-amz-date"))
    local signatures = all(transport.requests, "authorization")
    assert.not_equal(signatures[1], signatures[2])
    assert.not_equal(signatures[2], signatures[3])
  end)

  it("send the same message", function()
    local client, transport = client_of { { status = 503 } }
    publish(client, { payload = "p", qos = 1, userProperties = { "a" } })
    local first = transport.requests[1]
    for i = 2, 3 do
      local request = transport.requests[i]
      assert.not_equal(first, request)
      for _, name in ipairs { "method", "scheme", "host", "port", "path",
                              "query", "body" } do
        assert.equal(first[name], request[name])
      end
      assert.equal(#first.headers, #request.headers)
    end
  end)

  it("end where they could deliver twice, if told so", function()
    local config = { retries = { resend_unknown = false } }
    for count, answer in pairs { LOST, [3] = UNSENT } do
      local client, transport = client_of({ answer }, config)
      publish(client)
      assert.equal(count, #transport.requests)
      assert.is_false(transport.requests[1].replay)
    end
    local client, transport =
      client_of({ UNSENT, { status = 429 }, { status = 500 } }, config)
    assert.equal("unknown", select(2, publish(client)).delivery)
    assert.equal(3, #transport.requests)
    client, transport = client_of({ { status = 500 } }, config)
    publish(client)
    assert.equal(1, #transport.requests)
  end)
end)

describe("api_call_timeout", function()
  -- Each attempt takes so long.
  local function slow(seconds, config)
    local client, transport
    client, transport = client_of({ function()
      transport.time = transport.time + seconds
      return { status = 503 }
    end }, config)
    return client, transport
  end

  it("is one deadline for all attempts", function()
    local client, transport = slow(1, { api_call_timeout = 30 })
    local till = transport.time + 30
    publish(client)
    for i = 1, 3 do assert.equal(till, transport.requests[i].deadline) end
  end)

  it("ends the waiting", function()
    local client, transport = slow(3, { api_call_timeout = 5 })
    local err = fail("ApiCallTimeoutError", client)
    assert.equal(2, #transport.requests)
    assert.equal(1, #transport.sleeps)
    assert.equal("unknown", err.delivery)
    assert.equal("Publish", err.operation_name)
  end)

  it("does not wait only to be too late", function()
    local client, transport = slow(4, { api_call_timeout = 4 })
    fail("ApiCallTimeoutError", client)
    assert.equal(0, #transport.sleeps)
  end)

  it("is none unless it is set", function()
    local client, transport = client_of()
    publish(client)
    assert.is_nil(transport.requests[1].deadline)
  end)

  it("is measured by the clock that never steps", function()
    local client, transport = client_of(nil, { api_call_timeout = 5 })
    transport.monotonic = function() return 100 end
    publish(client)
    assert.equal(105, transport.requests[1].deadline)
  end)

  it("is measured by the other one where there is no such", function()
    local requests, own = {}, {}
    function own:send(request) -- luacheck: no self
      requests[#requests + 1] = request
      return { status = 200, headers = {}, body = "" }
    end
    function own:sleep() end -- luacheck: no self
    function own:now() return 200 end -- luacheck: no self
    local client = iotdataplane.client(
      options_of(own, { api_call_timeout = 5 }))
    publish(client)
    assert.equal(205, requests[1].deadline)
  end)
end)

-- ---- what a request carries ----

describe("a request", function()
  local function sent(config, changes, params)
    local client, transport = client_of(nil, config, changes)
    assert(publish(client, params))
    return transport.requests[1]
  end

  it("has botocore's time-outs, or one's own", function()
    local request = sent()
    assert.same({ 60, 60, true },
      { request.connect_timeout, request.read_timeout, request.replay })
    request = sent { connect_timeout = 1, read_timeout = 2 }
    assert.same({ 1, 2 }, { request.connect_timeout, request.read_timeout })
  end)

  it("goes where the endpoint is", function()
    local request = sent(nil, { endpoint_url = "http://localhost:8000/base/" })
    assert.same({ "http", "localhost", 8000, "/base/topics/a%2Fb" },
      { request.scheme, request.host, request.port, request.path })
    assert.equal("localhost:8000", header(request, "host"))
  end)

  it("says how TLS is to be", function()
    assert.same({ verify = true }, sent().tls)
    assert.same({ verify = false }, sent(nil, { verify = false }).tls)
    assert.same({ verify = "/ca.pem" }, sent(nil, { verify = "/ca.pem" }).tls)
    assert.same({ verify = true, alpn = { "a", "b" } },
      sent({ alpn = { "a", "b" } }).tls)
  end)

  it("takes the environment's certificates", function()
    local function verify(options, environment)
      options.region_name = "eu-west-1"
      return assert(resolve(options, environment)).target.tls.verify
    end
    local environment = { REQUESTS_CA_BUNDLE = "/r.pem" }
    assert.equal("/r.pem", verify({}, environment))
    environment.AWS_CA_BUNDLE = "/a.pem"
    assert.equal("/a.pem", verify({}, environment))
    assert.equal("/o.pem", verify({ verify = "/o.pem" }, environment))
    assert.is_false(verify({ verify = false }, environment))
  end)

  it("names this library, and what one adds", function()
    local plain = header(sent(), "user-agent")
    assert.equal("iotdataplane/0 lang/lua#" .. _VERSION:match "[%d.]+"
      .. " cfg/retry-mode#standard", plain)
    assert.equal(plain .. " app/mine and more", header(sent {
      user_agent_appid = "mine", user_agent_extra = "and more",
    }, "user-agent"))
  end)

  it("carries config.headers, and signs them", function()
    local request = sent { headers = { ["X-Own"] = "1", another = "2" } }
    assert.equal("1", header(request, "x-own"))
    assert.equal("2", header(request, "another"))
    assert.is_truthy(header(request, "authorization"):find(
      "SignedHeaders=another;host;x-amz-date;x-own", 1, true))
  end)

  it("is not signed where it shall not be", function()
    local client, transport = client_in({}, {
      endpoint_url = "https://localhost",
      config = { signature_version = "unsigned",
                 headers = { ["x-own"] = "1" } },
    })
    transport.answers = { { status = 503 }, {} }
    publish(client)
    for _, name in ipairs { "authorization", "x-amz-date",
                            "x-amz-security-token" } do
      assert.same({ "none", "none" }, all(transport.requests, name))
    end
    assert.same({ "1", "1" }, all(transport.requests, "x-own"))
    assert.same({ "attempt=1", "attempt=2; max=3" },
      all(transport.requests, "amz-sdk-request"))
    assert.is_nil(client.meta.region_name)
  end)

  for what, config in pairs {
    ["a header's value"] = { headers = { x = "a\r\ny: z" } },
    ["a header's name"] = { headers = { ["x: y\r\nz"] = "a" } },
    ["user_agent_extra"] = { user_agent_extra = "a\r\ny: z" },
    ["user_agent_appid"] = { user_agent_appid = "a\0" },
  } do
    for _, version in ipairs { "v4", "unsigned" } do
      it(("cannot be added to in %s, %s"):format(what, version), function()
        local transport = stub()
        config.signature_version = version
        local ok, err = pcall(function()
          local options = options_of(transport, config)
          return iotdataplane.client(options):publish { topic = "a" }
        end)
        assert.is_false(ok)
        assert.is_truthy(type(err) == "string" and err:find "bad argument"
          or err.name == "ParamValidationError")
        assert.equal(0, #transport.requests)
      end)
    end
  end

  it("is signed in one way only", function()
    local _, err = resolve {
      region_name = "x", config = { signature_version = "s3" },
    }
    assert.equal("UnsupportedSignatureVersionError", err.name)
  end)
end)

-- ---- parameter_validation = false ----

describe("a client that does not validate", function()
  local config = { parameter_validation = false }

  it("sends what it does not know", function()
    local client, transport = client_of(nil, config)
    assert(publish(client, { foo = 1, qos = -1 }))
    assert.equal("qos=-1", transport.requests[1].query)
  end)

  it("still refuses what cannot be sent", function()
    for _, params in ipairs { { topic = 5 }, { payload = 5 },
                              { correlationData = "a\r\nx: y" },
                              { correlationData = "a\0" } } do
      local client, transport = client_of(nil, config)
      local err = fail("ParamValidationError", client, params)
      assert.equal("not_sent", err.delivery)
      assert.equal(0, #transport.requests)
    end
    local client = client_of(nil, config)
    local _, err = client:try("publish", {})
    assert.equal("ParamValidationError", err.name)
  end)
end)

-- ---- payloads that are files ----

describe("a payload that is a file", function()
  local function file_of(text, at)
    local file = assert(io.tmpfile())
    file:write(text)
    file:seek("set", at)
    return file
  end

  it("is read from where it stands", function()
    local file = file_of("head|\0tail\r\n\255", 5)
    local client, transport = client_of()
    assert(publish(client, { payload = file }))
    assert.equal("\0tail\r\n\255", transport.requests[1].body)
    file:close()
  end)

  it("is the same for each attempt", function()
    local file = file_of("head|tail", 5)
    local client, transport = client_of { { status = 503 } }
    publish(client, { payload = file })
    for i = 1, 3 do assert.equal("tail", transport.requests[i].body) end
    file:close()
  end)

  it("may be at its end", function()
    local file = file_of("all", 3)
    local client, transport = client_of()
    assert(publish(client, { payload = file }))
    assert.equal("", transport.requests[1].body)
    file:close()
  end)

  it("may be anything that reads and seeks", function()
    local asked
    local own = {
      read = function(_, how)
        asked = how
        return "text"
      end,
      seek = function() return 0 end,
    }
    local client, transport = client_of()
    assert(publish(client, { payload = own }))
    assert.equal("text", transport.requests[1].body)
    assert.equal("*a", asked)
  end)

  local function closed()
    local file = file_of("x", 0)
    file:close()
    return file
  end

  local failing = {
    ["gives an error"] = { function() return nil, "no disk" end, "no disk" },
    ["raises"] = { function() error("no luck", 0) end, "no luck" },
    ["raises a table"] = { function() error {} end, "payload" },
    ["gives nothing"] = { function() end, "payload" },
    ["gives a number"] = { function() return 5 end, "number" },
  }

  local function refuses(payload, word)
    local client, transport = client_of()
    local err = fail("ParamValidationError", client, { payload = payload })
    assert.is_truthy(err.message:find(word, 1, true), err.message)
    assert.equal("not_sent", err.delivery)
    assert.equal("Publish", err.operation_name)
    assert.equal(0, #transport.requests)
  end

  for what, case in pairs(failing) do
    it("is refused where its read " .. what, function()
      refuses({ read = case[1], seek = case[1] }, case[2])
    end)
  end

  it("is refused once it is closed", function()
    refuses(closed(), "closed file")
  end)
end)

-- ---- the end ----

describe("a client's end", function()
  it("closes its transport", function()
    local client, transport = client_of()
    client:close()
    assert.is_true(transport.closed)
    client:close()
    assert.is_truthy(publish(client))
  end)

  it("needs no transport that can be closed", function()
    local client, transport = client_of()
    transport.close = false
    client:close()
  end)

  if _VERSION == "Lua 5.4" then
    it("comes with its scope", function()
      local client, transport = client_of()
      assert(load [[
        local outer = ...
        do local client <close> = outer end
      ]])(client)
      assert.is_true(transport.closed)
    end)
  end
end)

describe("a request", function()
  it("names no way to a transport of the user's own", function()
    local client, transport = client_of()
    client:publish { topic = "t" }
    assert.equal(1, #transport.requests)
    assert.is_nil(transport.requests[1].target)
  end)
end)
