-- sso_token_spec.lua - the token of `aws sso login`: found, judged, renewed

local cjson = require "cjson"
local core = require "iotdataplane.core"
local profile = require "iotdataplane.profile"
local sso_home = require "spec.support.sso_home"
local sso_token = require "iotdataplane.credentials.sso_token"
local stub = require "iotdataplane.transport.stub"

local NOW = 1440938160 -- 2015-08-30T12:36:00Z, which is a stub's
local URL = "https://x.example/start"
local LATER, PAST = "2015-08-30T20:00:00Z", "2015-08-30T12:35:59Z"

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

local function token_with(changes)
  return merged({
    accessToken = "OLD-TOKEN", expiresAt = "2015-08-30T12:40:00Z",
    refreshToken = "REFRESH-TOKEN", clientId = "client",
    clientSecret = "CLIENT-SECRET", registrationExpiresAt = LATER,
  }, changes)
end

local RENEWED = {
  accessToken = "NEW-TOKEN", expiresIn = 28800, refreshToken = "NEXT-REFRESH",
}

local section = { sso_region = "eu-west-1", sso_start_url = URL }

-- Asks for the token of session "s", whose answers are a stub's.
local function of_session(answers, env, changes)
  local transport = stub(answers)
  local world = home:world(transport, {
    profile = {}, sessions = { s = merged(section, changes) },
  }, env)
  local token, err = sso_token.of_session(world, "s")
  return token, err, transport
end

local function of_start_url()
  return sso_token.of_start_url(home:world(stub {}, { profile = {} }), URL)
end

local function with_body(status, body)
  return { { status = status, body = type(body) == "table"
    and cjson.encode(body) or body } }
end

local secrets = {
  "OLD-TOKEN", "NEW-TOKEN", "REFRESH-TOKEN", "NEXT-REFRESH", "CLIENT-SECRET",
}

local function assert_no_secret(err)
  local told = table.concat(home.logged, "\n") .. tostring(err)
  for _, secret in ipairs(secrets) do
    assert.is_nil(told:find(secret, 1, true), told)
  end
end

local function assert_failed(name, message, token, err)
  assert.is_nil(token)
  assert.are.equal(name .. ": " .. message, tostring(err))
  assert_no_secret(err)
end

local function lacks(message)
  return "Error loading SSO Token: " .. message
end

before_each(function() home = sso_home.new() end)
after_each(function() home:remove() end)

-- what is wrong, the file's content, what the error says: PATH is the file's
local unusable = {
  { "is missing", nil, "Token for NAME does not exist" },
  { "is empty", "", "PATH holds no JSON" },
  { "is malformed", '{"accessToken": "OLD-TOKEN"', "PATH holds no JSON" },
  { "is no UTF-8", '{"accessToken": "\255"}', "PATH holds no JSON" },
  { "is a list", "[]", "Token for " .. URL .. " is invalid" },
  { "has no token", token_with { accessToken = false },
    "Token for " .. URL .. " is invalid" },
  { "has no end", token_with { expiresAt = false },
    "Token for " .. URL .. " is invalid" },
  { "has an end that is no date", token_with { expiresAt = "tomorrow" },
    "Token for " .. URL .. " is invalid" },
  { "has a number for a token", token_with { accessToken = 1 },
    "Token for " .. URL .. " is invalid" },
  { "has an empty token", token_with { accessToken = "" },
    "Token for " .. URL .. " is invalid" },
  { "has null for a token", token_with { accessToken = cjson.null },
    "Token for " .. URL .. " is invalid" },
  { "has a token with a line break",
    token_with { accessToken = "OLD-TOKEN\r\nx: y" },
    "Token for " .. URL .. " is invalid" },
}

describe("the cached token", function()
  for _, case in ipairs(unusable) do
    it("cannot be used where it " .. case[1], function()
      for name, ask in next, { [URL] = of_start_url, s = of_session } do
        if case[2] then home:keep(name, case[2]) end
        local message = case[3]:gsub("NAME", name)
          :gsub("PATH", (home:path(name):gsub("%%", "%%%%")))
        assert_failed("SSOTokenLoadError", lacks(message), ask())
      end
    end)
  end

  it("is said to be unreadable where it is", function()
    local world = home:world(stub {}, { profile = {} })
    function world.files.read(path)
      return nil, path .. ": Permission denied"
    end
    local path = home:path(URL)
    assert_failed("SSOTokenLoadError", lacks("Token for " .. URL
      .. " cannot be read: " .. path .. ": Permission denied"),
      sso_token.of_start_url(world, URL))
  end)
end)

describe("a start URL's token", function()
  -- expiresAt, is it still good?
  local ends = {
    { LATER, true }, { "2015-08-30T12:36:01Z", true },
    { "2015-08-30T12:36:01UTC", true }, { "2015-08-30T14:36:01+02:00", true },
    { "2015-08-30T12:36:00Z", false }, { PAST, false },
    { "2015-08-30T13:36:00+02:00", false },
  }

  for _, case in ipairs(ends) do
    it(("is %s until %s"):format(case[2] and "good" or "over", case[1]),
      function()
        home:keep(URL, token_with { expiresAt = case[1] })
        local token, err = of_start_url()
        if case[2] then return assert.are.equal("OLD-TOKEN", token) end
        assert.is_nil(token)
        assert.are.equal("UnauthorizedSSOTokenError", err.name)
        assert.is_truthy(err.message:find("^The SSO session associated"))
      end)
  end

  it("is never renewed", function()
    home:keep(URL, token_with {})
    assert.are.equal("OLD-TOKEN", (of_start_url()))
  end)
end)

describe("a session's token", function()
  it("is used as it is for all but its last 15 minutes", function()
    for _, case in ipairs { { "2015-08-30T12:51:00Z", 0 },
                            { "2015-08-30T12:50:59Z", 1 } } do
      home:keep("s", token_with { expiresAt = case[1] })
      local token, _, transport = of_session(with_body(200, RENEWED))
      assert.are.equal(case[2], #transport.requests)
      assert.are.equal(case[2] == 0 and "OLD-TOKEN" or "NEW-TOKEN", token)
    end
  end)

  it("is renewed as botocore does", function()
    home:keep("s", token_with { expiresAt = PAST })
    local token, err, transport = of_session(with_body(200, RENEWED))
    assert.are.equal("NEW-TOKEN", token, tostring(err))
    local request = transport.requests[1]
    assert.are.equal("POST", request.method)
    assert.are.equal("https", request.scheme)
    assert.are.equal("oidc.eu-west-1.amazonaws.com", request.host)
    assert.are.equal("/token", request.path)
    assert.are.equal("", request.query)
    assert.are.same({
      { "host", "oidc.eu-west-1.amazonaws.com" },
      { "content-type", "application/json" },
    }, request.headers)
    assert.are.same({
      grantType = "refresh_token", clientId = "client",
      clientSecret = "CLIENT-SECRET", refreshToken = "REFRESH-TOKEN",
    }, cjson.decode(request.body))
    assert.are.same({}, home.logged)
  end)

  it("is kept renewed, for others and the next time", function()
    home:keep("s", token_with { note = ("x"):rep(2000) })
    local before = #home:kept "s"
    of_session(with_body(200, RENEWED))
    assert.are.same({
      startUrl = URL, region = "eu-west-1", accessToken = "NEW-TOKEN",
      expiresAt = "2015-08-30T20:36:00Z", clientId = "client",
      clientSecret = "CLIENT-SECRET", registrationExpiresAt = LATER,
      refreshToken = "NEXT-REFRESH",
    }, cjson.decode(home:kept "s"))
    assert.are.equal(before, #home:kept "s") -- never truncated
    local token, _, transport = of_session {}
    assert.are.equal("NEW-TOKEN", token)
    assert.are.equal(0, #transport.requests)
  end)

  it("is kept where it is longer than the old one", function()
    home:keep("s", token_with {})
    local long = ("x"):rep(20000)
    of_session(with_body(200, merged(RENEWED, { accessToken = long })))
    assert.are.equal(long, cjson.decode(home:kept "s").accessToken)
  end)

  it("is kept without a refresh token where none came", function()
    home:keep("s", token_with {})
    of_session(with_body(200, merged(RENEWED, { refreshToken = false })))
    assert.is_nil(cjson.decode(home:kept "s").refreshToken)
  end)

  it("is used renewed where it cannot be kept, and makes no file", function()
    home:keep("s", token_with {})
    local token, err = of_session { function()
      os.remove(home:path "s")
      return with_body(200, RENEWED)[1]
    end }
    assert.are.equal("NEW-TOKEN", token, tostring(err))
    assert.is_nil(home:kept "s")
    assert.are.equal(1, #home.logged)
    assert.is_truthy(home.logged[1]:find(
      "^warning: The renewed SSO token could not be kept: /.*No such file"))
    assert_no_secret()
  end)
end)

local EXPIRED = "Error when retrieving token from sso: Token has expired and "
  .. "refresh failed"
local USELESS = "Error when retrieving token from sso: the answer of "
  .. "CreateToken has no token"

-- why not, the token's changes, the answers, what is logged, how many
-- requests; and once it has expired: the error, if not the usual one
local not_renewed = {
  { "a refresh token is missing", { refreshToken = false }, {},
    "info: Unable to refresh SSO token: missing keys: ['refreshToken']", 0 },
  { "all is missing", { refreshToken = false, clientId = "",
    clientSecret = 1, registrationExpiresAt = false }, {},
    "info: Unable to refresh SSO token: missing keys: ['refreshToken', "
    .. "'clientId', 'clientSecret', 'registrationExpiresAt']", 0 },
  { "the registration is over", { registrationExpiresAt =
    "2015-08-30T12:36:00Z" }, {}, "info: SSO token registration expired", 0 },
  { "the registration ends at no date", { registrationExpiresAt = "x" }, {},
    "info: SSO token registration expired", 0 },
  { "the service refuses", {}, { { status = 400, headers = {
      { "x-amzn-ErrorType", "InvalidGrantException" } },
      body = '{"message": "no REFRESH-TOKEN, CLIENT-SECRET"}' } },
    "warning: SSO token refresh attempt failed: An error occurred "
    .. "(InvalidGrantException) when calling the CreateToken operation: "
    .. "no ***, ***", 1 },
  { "a proxy refuses", {}, with_body(403, "REFRESH-TOKEN is forbidden"),
    "warning: SSO token refresh attempt failed: An error occurred (403) "
    .. "when calling the CreateToken operation: ", 1 },
  { "the service cannot be reached", {}, { { name =
    "EndpointConnectionError" } },
    "warning: SSO token refresh attempt failed: Could not connect to the "
    .. 'endpoint URL: "https://oidc.eu-west-1.amazonaws.com/token"', 3,
    "EndpointConnectionError", "Could not connect to the endpoint URL: "
    .. '"https://oidc.eu-west-1.amazonaws.com/token"' },
}

local useless = {
  { "HTML", "<html>NEW-TOKEN</html>" }, { "a list", "[]" }, { "null", "null" },
  { "no token", merged(RENEWED, { accessToken = false }) },
  { "a token with a line break", merged(RENEWED,
    { accessToken = "NEW-TOKEN\nx: y" }) },
  { "no end", merged(RENEWED, { expiresIn = false }) },
  { "a text for an end", merged(RENEWED, { expiresIn = "28800" }) },
  { "an endless token", merged(RENEWED, { expiresIn = 1e300 }) },
}
for _, case in ipairs(useless) do
  not_renewed[#not_renewed + 1] = {
    "the answer is " .. case[1], {}, with_body(200, case[2]),
    "warning: SSO token refresh attempt failed: " .. USELESS, 1,
    "TokenRetrievalError", USELESS,
  }
end

describe("a session's token that is not renewed", function()
  for _, case in ipairs(not_renewed) do
    it("as " .. case[1] .. " is used until its end", function()
      home:keep("s", token_with(case[2]))
      local before = home:kept "s"
      local token, err, transport = of_session(case[3])
      assert.are.equal("OLD-TOKEN", token, tostring(err))
      assert.are.same({ case[4] }, home.logged)
      assert.are.equal(case[5], #transport.requests)
      assert.are.equal(before, home:kept "s")
      assert_no_secret()
      home:keep("s", token_with(merged(case[2], {
        expiresAt = "2015-08-30T12:36:00Z",
      })))
      assert_failed(case[6] or "TokenRetrievalError", case[7] or EXPIRED,
        of_session(case[3]))
    end)
  end

  it("is over where the new one is too", function()
    home:keep("s", token_with {})
    assert_failed("TokenRetrievalError", EXPIRED,
      of_session(with_body(200, merged(RENEWED, { expiresIn = 0 }))))
  end)
end)

describe("a session's section", function()
  local INVALID = 'The profile "default" is configured to use the SSO token '
    .. "provider but "
  local sections = {
    { { sso_region = false, sso_start_url = false },
      'the "s" sso_session configuration does not exist.' },
    { { sso_start_url = false },
      "is missing the following configuration: ['sso_start_url']." },
    { { sso_region = false, sso_start_url = false, other = "x" },
      "is missing the following configuration: ['sso_start_url', "
      .. "'sso_region']." },
  }

  it("must be complete", function()
    for _, case in ipairs(sections) do
      assert_failed("InvalidConfigError", INVALID .. case[2],
        of_session({}, nil, case[1]))
    end
  end)

  it("has a region whose name is one", function()
    home:keep("s", token_with { expiresAt = PAST })
    assert_failed("InvalidRegionError", "Provided region_name 'a.b/' doesn't "
      .. "match a supported format.", of_session({}, nil, {
        sso_region = "a.b/",
      }))
  end)
end)

describe("renewal", function()
  it("goes to the endpoint that is configured", function()
    home:keep("s", token_with {})
    local _, _, transport = of_session(with_body(200, RENEWED),
      { AWS_ENDPOINT_URL_SSO_OIDC = "http://127.0.0.1:8/base/",
        AWS_ENDPOINT_URL_SSO = "http://127.0.0.1:9" })
    local request = transport.requests[1]
    assert.are.equal("127.0.0.1", request.host)
    assert.are.equal(8, request.port)
    assert.are.equal("/base/token", request.path)
  end)

  it("is tried again after a 5xx", function()
    home:keep("s", token_with {})
    local token, _, transport = of_session { { status = 503 },
      with_body(200, RENEWED)[1] }
    assert.are.equal("NEW-TOKEN", token)
    assert.are.equal(2, #transport.requests)
    assert.is_true(transport.time > NOW)
  end)
end)

describe("profile.files' write", function()
  it("changes a file in place, and makes none", function()
    local files = profile.files(os.getenv)
    local path = home.directory .. "/" .. core.uuid()
    local ok, reason = files.write(path, "text")
    assert.is_nil(ok)
    assert.is_truthy(reason:find("No such file", 1, true))
    assert.is_nil(io.open(path, "rb"))
    assert(io.open(path, "wb")):close()
    for _, case in ipairs { { "four", "four" }, { "longer", "longer" },
                            { "s\0", "s\0    " }, { "", "      " } } do
      assert.is_true(files.write(path, case[1]))
      assert.are.equal(case[2], (files.read(path)))
    end
  end)
end)
