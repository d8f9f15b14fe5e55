-- sso_spec.lua - a role's credentials through IAM Identity Center

local cjson = require "cjson"
local curl = require "iotdataplane.transport.curl"
local scripted = require "spec.support.scripted"
local sso = require "iotdataplane.credentials.sso"
local sso_home = require "spec.support.sso_home"
local stub = require "iotdataplane.transport.stub"

local URL = "https://x.example/start"
local FOREVER = "2999-01-01T00:00:00Z"

local home

local function merged(base, changes)
  local out = {}
  for key, value in next, base do out[key] = value end
  for key, value in next, changes or {} do
    out[key] = value
    if value == false then out[key] = nil end
  end
  return out
end

local legacy = {
  sso_start_url = URL, sso_region = "us-east-1", sso_account_id = "1",
  sso_role_name = "r",
}
local by_session = {
  sso_session = "s", sso_account_id = "1", sso_role_name = "r",
}
local sessions = { s = { sso_start_url = URL, sso_region = "us-east-1" } }

local function token_with(changes)
  return merged({ accessToken = "BEARER-TOKEN", expiresAt = FOREVER }, changes)
end

local renewable = token_with {
  expiresAt = "2015-08-30T12:00:00Z", refreshToken = "REFRESH-TOKEN",
  clientId = "client", clientSecret = "CLIENT-SECRET",
  registrationExpiresAt = FOREVER,
}

local function answer_with(changes)
  return { roleCredentials = merged({
    accessKeyId = "AKID", secretAccessKey = "SECRET-KEY",
    sessionToken = "SESSION-TOKEN", expiration = 4102444800123,
  }, changes) }
end

local secrets = {
  "BEARER-TOKEN", "NEW-TOKEN", "REFRESH-TOKEN", "CLIENT-SECRET",
  "SECRET-KEY", "SESSION-TOKEN",
}

local function new_transport()
  return curl { max_idle_time = 1, max_pool_connections = 1 }
end

local function assert_failed(name, message, credentials, err)
  assert.is_nil(credentials)
  assert.are.equal(name .. ": " .. message, tostring(err))
  local told = table.concat(home.logged, "\n") .. err.message
  for _, secret in ipairs(secrets) do
    assert.is_nil(told:find(secret, 1, true), told)
  end
end

-- What the provider gives, and a stub that was asked for it.
local function get(profile, answers, more)
  more = more or {}
  local transport = stub(answers or {
    { body = cjson.encode(answer_with {}) },
  })
  local world = home:world(transport, {
    name = more.name, profile = profile, sessions = more.sessions,
  }, more.env)
  local credentials, err = sso.get(world)
  return credentials, err, transport
end

before_each(function() home = sso_home.new() end)
after_each(function() home:remove() end)

local MISSING = 'The profile "p" is configured to use SSO but is missing '
  .. "required configuration: "

-- profile, sessions, the InvalidConfigError: nil where it is not one of SSO
local configurations = {
  { {}, {} },
  { { sso_start_url = URL, sso_region = "us-east-1" }, {} },
  { { sso_session = "s" }, { s = legacy } },
  { { sso_session = "nope" }, {} },
  { { sso_role_name = "r" }, {},
    MISSING .. "sso_account_id, sso_start_url, sso_region" },
  { { sso_account_id = "1", sso_region = "x" }, {},
    MISSING .. "sso_role_name, sso_start_url" },
  { merged(legacy, { sso_region = { a = "b" } }), {}, MISSING
    .. "sso_region" },
  { merged(by_session, { sso_session = "nope" }), {},
    'The specified sso-session does not exist: "nope"' },
  { by_session, { s = { sso_start_url = URL } }, MISSING .. "sso_region" },
  { merged(by_session, { sso_region = "us-west-2" }), sessions,
    "The value for sso_region is inconsistent between profile (us-west-2) "
    .. "and sso-session (us-east-1)." },
  { merged(by_session, { a = "1", b = "2" }), { s = { b = "3", a = "4" } },
    "The value for a is inconsistent between profile (1) and sso-session "
    .. "(4)." },
  { merged(legacy, { sso_session = "s" }), { s = {} },
    'The profile "p" is configured to use the SSO token provider but the '
    .. '"s" sso_session configuration does not exist.' },
}

describe("a profile", function()
  for i, case in ipairs(configurations) do
    it("is judged as botocore does: " .. i, function()
      local credentials, err, transport = get(case[1], nil,
        { name = "p", sessions = case[2] })
      assert.are.equal(0, #transport.requests)
      if case[3] then
        return assert_failed("InvalidConfigError", case[3], credentials, err)
      end
      assert.is_nil(credentials)
      assert.is_nil(err)
    end)
  end

  it("may have an account of its session", function()
    home:keep("s", token_with {})
    local credentials, err, transport = get({
      sso_session = "s", sso_role_name = "r",
    }, nil, { sessions = { s = merged(sessions.s, {
      sso_account_id = "42",
    }) } })
    assert.are.equal("AKID", (credentials or {}).access_key, tostring(err))
    assert.are.equal("role_name=r&account_id=42",
      transport.requests[1].query)
  end)

  it("without a token is an error", function()
    assert_failed("SSOTokenLoadError", "Error loading SSO Token: Token for "
      .. URL .. " does not exist", get(legacy))
  end)
end)

local FIPS, DUAL = { AWS_USE_FIPS_ENDPOINT = "true" },
  { AWS_USE_DUALSTACK_ENDPOINT = "TRUE" }

-- region, environment, the profile's changes, host
local hosts = {
  { "us-east-1", {}, {}, "portal.sso.us-east-1.amazonaws.com" },
  { "cn-north-1", {}, {}, "portal.sso.cn-north-1.amazonaws.com.cn" },
  { "us-east-1", FIPS, {}, "portal.sso-fips.us-east-1.amazonaws.com" },
  { "us-east-1", {}, { use_fips_endpoint = "true" },
    "portal.sso-fips.us-east-1.amazonaws.com" },
  { "us-east-1", { AWS_USE_FIPS_ENDPOINT = "no" },
    { use_fips_endpoint = "true" }, "portal.sso.us-east-1.amazonaws.com" },
  { "us-gov-west-1", FIPS, {}, "portal.sso.us-gov-west-1.amazonaws.com" },
  { "us-gov-west-1", FIPS, { use_dualstack_endpoint = "true" },
    "portal.sso-fips.us-gov-west-1.api.aws" },
  { "us-east-1", DUAL, {}, "portal.sso.us-east-1.api.aws" },
  { "us-east-1", merged(FIPS, DUAL), {},
    "portal.sso-fips.us-east-1.api.aws" },
  { "us-east-1", { AWS_ENDPOINT_URL_SSO = "https://sso.example/" }, {},
    "sso.example" },
  { "us-east-1", { AWS_ENDPOINT_URL = "https://all.example" }, {},
    "all.example" },
}

-- region, error: before the token, which is not there
local not_regions = {
  { "", "ValueError: Invalid endpoint: https://portal.sso..amazonaws.com" },
}
for _, region in ipairs { "bad region", "123", "a.b", "-a", "a-",
                          ("a"):rep(64), "x/y?" } do
  not_regions[#not_regions + 1] = { region,
    "InvalidRegionError: Provided region_name '" .. region
    .. "' doesn't match a supported format." }
end

describe("the endpoint", function()
  for i, case in ipairs(hosts) do
    it("is botocore's: " .. i, function()
      home:keep(URL, token_with {})
      local _, err, transport = get(merged(merged(legacy, case[3]),
        { sso_region = case[1] }), nil, { env = case[2] })
      assert.is_nil(err, tostring(err))
      assert.are.equal(case[4], transport.requests[1].host)
      assert.are.equal("/federation/credentials", transport.requests[1].path)
    end)
  end

  it("is of a region", function()
    for _, case in ipairs(not_regions) do
      local credentials, err = get(merged(legacy, { sso_region = case[1] }))
      assert.is_nil(credentials)
      assert.are.equal(case[2], tostring(err))
    end
  end)
end)

local USELESS = "Error when retrieving credentials from sso: the answer of "
  .. "GetRoleCredentials has no usable "

-- body, what of it cannot be used
local useless = {
  { "<html>SECRET-KEY</html>", "roleCredentials" },
  { "", "roleCredentials" }, { "[]", "roleCredentials" },
  { "null", "roleCredentials" }, { "{}", "roleCredentials" },
  { { roleCredentials = "SECRET-KEY" }, "roleCredentials" },
  { answer_with { expiration = false }, "expiration" },
  { answer_with { expiration = "4102444800123" }, "expiration" },
  { '{"roleCredentials": {"accessKeyId": "a", "secretAccessKey": "b", '
    .. '"sessionToken": "c", "expiration": 1e999}}', "expiration" },
}
for _, name in ipairs { "accessKeyId", "secretAccessKey", "sessionToken" } do
  for _, value in ipairs { false, 1, cjson.null, "", "SECRET-KEY\r\nx: y",
                           "SECRET-KEY\0", "\127" } do
    useless[#useless + 1] = { answer_with { [name] = value }, name }
  end
end

describe("an answer", function()
  it("without credentials is an error", function()
    home:keep(URL, token_with {})
    for _, case in ipairs(useless) do
      local body = case[1]
      if type(body) == "table" then body = cjson.encode(body) end
      assert_failed("CredentialRetrievalError", USELESS .. case[2],
        get(legacy, { { body = body } }))
    end
  end)

  it("that has expired is passed on", function()
    home:keep(URL, token_with {})
    local credentials = get(legacy, { { body = cjson.encode(
      answer_with { expiration = 999 }) } })
    assert.are.equal(0, credentials.expiry_time)
  end)
end)

local UNAUTHORIZED = "The SSO session associated with this profile has "
  .. "expired or is otherwise invalid. To refresh this SSO session run aws "
  .. "sso login with the corresponding profile."
local FAILED = "An error occurred (%s) when calling the GetRoleCredentials "
  .. "operation%s: %s"
local TIRED = " (reached max retries: 2)"

local function refusal(status, code, message)
  return {
    status = status, body = { message = message },
    headers = { ["x-amzn-ErrorType"] = code },
  }
end

local unavailable = { status = 503, body = "<b>BEARER-TOKEN</b>" }

-- answers, error, how many requests
local failures = {
  { { refusal(401, "UnauthorizedException:http://x", "no BEARER-TOKEN") },
    "UnauthorizedSSOTokenError", UNAUTHORIZED, 1 },
  { { refusal(403, "UnauthorizedException", "no") },
    "UnauthorizedSSOTokenError", UNAUTHORIZED, 1 },
  { { { status = 401 } }, "ClientError", FAILED:format("401", "", ""), 1 },
  { { refusal(404, "ResourceNotFoundException", "no BEARER-TOKEN") },
    "ClientError", FAILED:format("ResourceNotFoundException", "", "no ***"),
    1 },
  { { refusal(400, "InvalidRequestException", { "BEARER-TOKEN" }) },
    "ClientError", FAILED:format("InvalidRequestException", "", ""), 1 },
  { { refusal(400, "BEARER-TOKEN", "x") }, "ClientError",
    FAILED:format("***", "", "x"), 1 },
  { { { status = 403, body = "BEARER-TOKEN SECRET-KEY" } }, "ClientError",
    FAILED:format("403", "", ""), 1 },
  { { unavailable, unavailable, unavailable }, "ClientError",
    FAILED:format("503", TIRED, ""), 3 },
}

describe("over HTTP", function()
  local service, asked

  setup(function() service = scripted.start(new_transport()) end)
  teardown(function() service:stop() end)

  -- A real transport, which does not wait between attempts.
  local function transport()
    local real = new_transport()
    return {
      send = function(_, request) return real:send(request) end,
      now = function() return real:now() end,
      monotonic = function() return real:monotonic() end,
      sleep = function() end,
    }
  end

  local function get_over(profile, answers, port, limit)
    local url = "http://127.0.0.1:" .. (port or service.http)
    service:script(answers)
    local world = home:world(transport(), {
      profile = profile, sessions = sessions,
    }, { AWS_ENDPOINT_URL_SSO = url, AWS_ENDPOINT_URL_SSO_OIDC = url })
    world.read_timeout = limit or world.read_timeout
    local credentials, err = sso.get(world)
    asked = service:requests()
    return credentials, err
  end

  local function header(request, name)
    for _, pair in ipairs(request.headers) do
      if pair[1] == name then return pair[2] end
    end
  end

  local good = { body = answer_with {} }

  for _, case in ipairs { { "a start URL", URL, legacy },
                          { "a session", "s", by_session } } do
    it("gets credentials by the token of " .. case[1], function()
      home:keep(case[2], token_with {})
      local credentials, err = get_over(merged(case[3], {
        sso_role_name = "r+\195\169", sso_account_id = "1/2 3",
      }), { good })
      assert.is_nil(err, tostring(err))
      assert.are.same({
        access_key = "AKID", secret_key = "SECRET-KEY", method = "sso",
        token = "SESSION-TOKEN", expiry_time = 4102444800,
      }, credentials)
      assert.are.equal(1, #asked)
      assert.are.equal("GET", asked[1].method)
      assert.are.equal("/federation/credentials?role_name=r%2B%C3%A9"
        .. "&account_id=1%2F2%203", asked[1].target)
      assert.are.equal("BEARER-TOKEN",
        header(asked[1], "x-amz-sso_bearer_token"))
      assert.is_nil(header(asked[1], "authorization"))
    end)
  end

  it("renews the token, and asks with the new one", function()
    home:keep("s", renewable)
    local credentials, err = get_over(by_session, {
      { body = { accessToken = "NEW-TOKEN", expiresIn = 28800 } }, good,
    })
    assert.are.equal("AKID", (credentials or {}).access_key, tostring(err))
    assert.are.equal(2, #asked)
    assert.are.equal("POST /token", asked[1].method .. " " .. asked[1].target)
    assert.are.equal("application/json", header(asked[1], "content-type"))
    assert.are.equal("CLIENT-SECRET", cjson.decode(asked[1].body).clientSecret)
    assert.are.equal("NEW-TOKEN", header(asked[2], "x-amz-sso_bearer_token"))
    assert.are.equal("NEW-TOKEN", cjson.decode(home:kept "s").accessToken)
  end)

  it("goes on with a good token that is not renewed", function()
    local soon = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 300)
    home:keep("s", merged(renewable, { expiresAt = soon }))
    local credentials, err = get_over(by_session, {
      refusal(400, "InvalidGrantException", "no"), good,
    })
    assert.are.equal("AKID", (credentials or {}).access_key, tostring(err))
    assert.are.equal("BEARER-TOKEN",
      header(asked[2], "x-amz-sso_bearer_token"))
    assert.are.equal(1, #home.logged)
  end)

  it("asks nobody with an expired or broken token", function()
    home:keep(URL, merged(renewable, { refreshToken = false }))
    home:keep("s", merged(renewable, { refreshToken = false }))
    assert_failed("UnauthorizedSSOTokenError", UNAUTHORIZED,
      get_over(legacy, { good }))
    assert_failed("TokenRetrievalError", "Error when retrieving token from "
      .. "sso: Token has expired and refresh failed",
      get_over(by_session, { good }))
    home:keep(URL, token_with { accessToken = "BEARER-TOKEN\r\nx-evil: 1" })
    assert_failed("SSOTokenLoadError", "Error loading SSO Token: Token for "
      .. URL .. " is invalid", get_over(legacy, { good }))
    assert.are.equal(0, #asked)
  end)

  for i, case in ipairs(failures) do
    it("fails as botocore does: " .. i, function()
      home:keep(URL, token_with {})
      assert_failed(case[2], case[3], get_over(legacy, case[1]))
      assert.are.equal(case[4], #asked)
    end)
  end

  for _, answer in ipairs { unavailable, { fail = "close" },
      refusal(429, "TooManyRequestsException", "slow down") } do
    it("asks again after " .. (answer.status or answer.fail), function()
      home:keep(URL, token_with {})
      local credentials, err = get_over(legacy, { answer, good })
      assert.are.equal("AKID", (credentials or {}).access_key, tostring(err))
      assert.are.equal(2, #asked)
    end)
  end

  it("fails where nobody listens", function()
    home:keep(URL, token_with {})
    assert_failed("EndpointConnectionError", 'Could not connect to the '
      .. ('endpoint URL: "http://127.0.0.1:%d/federation/credentials"')
      :format(service.closed), get_over(legacy, {}, service.closed))
  end)

  it("fails where the answer does not come", function()
    home:keep(URL, token_with {})
    local hang = { fail = "hang" }
    assert_failed("ReadTimeoutError", 'Read timeout on endpoint URL: '
      .. ('"http://127.0.0.1:%d/federation/credentials"')
      :format(service.http),
      get_over(legacy, { hang, hang, hang }, nil, 0.1))
    assert.are.equal(3, #asked)
  end)
end)
