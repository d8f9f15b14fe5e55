local sts = require "iotdataplane.credentials.sts"
local support = require "spec.support.sts"
local vectors = require "spec.support.vectors"

local ROLE = "arn:aws:iam::123456789012:role/r"
local LEGACY = { AWS_STS_REGIONAL_ENDPOINTS = "legacy" }

-- ---- where it is ----

-- Rules that botocore's client never comes to.
local exceptions = {
  ["Missing region"] = "the client takes the global endpoint",
  ["For custom endpoint with fips enabled and dualstack disabled"] =
    "the client ignores FIPS where a URL is given",
  ["For custom endpoint with fips disabled and dualstack enabled"] =
    "the client ignores dual-stack where a URL is given",
}

local function world_of(params)
  return support.world {
    region = params.Region or false,
    env = {
      AWS_ENDPOINT_URL_STS = params.Endpoint,
      AWS_STS_REGIONAL_ENDPOINTS = params.UseGlobalEndpoint and "legacy"
        or nil,
    },
    options = { config = {
      use_fips_endpoint = params.UseFIPS,
      use_dualstack_endpoint = params.UseDualStack,
    } },
  }
end

local function check_rule(case)
  local at = sts.locate(world_of(case.params))
  local expected = case.expect.endpoint
  local schemes = (expected.properties or {}).authSchemes
  assert.equal(expected.url, at.url)
  if not case.params.Endpoint and case.params.Region ~= "aws-global" then
    assert.equal(schemes and schemes[1].signingRegion or case.params.Region,
      at.region)
  end
end

describe("the endpoint rules of STS", function()
  local root = os.getenv("IOTDATAPLANE_VECTORS") or "../shared/vectors"
  local file = io.open(root .. "/iot-data/sts/endpoint-tests-1.json", "rb")
  if not file then
    pending("no iot-data/sts/endpoint-tests-1.json in " .. root)
    return
  end
  local tests = vectors.decode(file:read("*a")).testCases
  file:close()
  local left_out = 0
  for _, case in ipairs(tests) do
    if exceptions[case.documentation] then
      left_out = left_out + 1
    else
      it(case.documentation, function() check_rule(case) end)
    end
  end

  it("are all 69 tried, but for three", function()
    assert.equal(69, #tests)
    assert.equal(3, left_out)
  end)
end)

local FIPS = "https://sts-fips.us-east-1.amazonaws.com"
local DUAL = "https://sts.us-east-1.api.aws"
local PLAIN = "https://sts.us-east-1.amazonaws.com"
local WHOLE = "https://sts.amazonaws.com"
local OWN = "http://localhost:4566"

-- what is configured, URL, region to sign for
local places = {
  { {}, PLAIN, "us-east-1" },
  { { region = false }, WHOLE, "us-east-1" },
  { { region = "aws-global" }, WHOLE, "us-east-1" },
  { { region = "eu-west-1", env = LEGACY }, WHOLE, "us-east-1" },
  { { region = "eu-central-2", env = LEGACY },
    "https://sts.eu-central-2.amazonaws.com", "eu-central-2" },
  { { env = { AWS_STS_REGIONAL_ENDPOINTS = "" },
      config = "[default]\nsts_regional_endpoints = legacy\n" }, PLAIN,
    "us-east-1" },
  { { config = "[default]\nsts_regional_endpoints = legacy\n" }, WHOLE,
    "us-east-1" },
  { { env = { AWS_STS_REGIONAL_ENDPOINTS = "legacy",
              AWS_USE_FIPS_ENDPOINT = "true" } }, FIPS, "us-east-1" },
  { { env = { AWS_STS_REGIONAL_ENDPOINTS = "legacy",
              AWS_USE_DUALSTACK_ENDPOINT = "TRUE" } }, DUAL, "us-east-1" },
  { { config = "[default]\nuse_fips_endpoint = true\n" }, FIPS, "us-east-1" },
  { { config = "[default]\nuse_fips_endpoint = true\n",
      env = { AWS_USE_FIPS_ENDPOINT = "false" } }, PLAIN, "us-east-1" },
  { { env = { AWS_USE_FIPS_ENDPOINT = "true" },
      options = { config = { use_fips_endpoint = false } } }, PLAIN,
    "us-east-1" },
  { { config = "[default]\nuse_dualstack_endpoint = true\n" }, DUAL,
    "us-east-1" },
  { { env = { AWS_ENDPOINT_URL_STS = OWN, AWS_USE_FIPS_ENDPOINT = "true",
              AWS_STS_REGIONAL_ENDPOINTS = "legacy" } }, OWN, "us-east-1" },
  { { config = "[default]\nendpoint_url = " .. OWN .. "\n",
      region = "eu-west-1" }, OWN, "eu-west-1" },
  { { env = { AWS_ENDPOINT_URL_STS = "http://me:word@localhost:4566/x/" } },
    OWN .. "/x/", "us-east-1" },
  { { options = { endpoint_url = "https://iot.example" } }, PLAIN,
    "us-east-1" },
}

describe("sts.locate", function()
  for i, place in ipairs(places) do
    it(("finds %s, for %d"):format(place[2], i), function()
      local at = assert(sts.locate(support.world(place[1])))
      assert.equal(place[2], at.url)
      assert.equal(place[3], at.region)
    end)
  end

  it("refuses another mode than legacy and regional", function()
    local at, err = sts.locate(support.world {
      env = { AWS_STS_REGIONAL_ENDPOINTS = "Legacy",
              AWS_ENDPOINT_URL_STS = OWN },
    })
    assert.is_nil(at)
    assert.equal("InvalidConfigError", err.name)
    assert.equal("STS regional endpoints option Legacy is invalid. Valid "
      .. 'options are: "legacy", "regional"', err.message)
  end)

  it("hands on that the services section is missing", function()
    local at, err = sts.locate(support.world {
      config = "[default]\nservices = none\n",
    })
    assert.is_nil(at)
    assert.equal("InvalidConfigError", err.name)
  end)
end)

-- ---- the answer ----

local KEYS = { access_key = "AK", secret_key = "SK-of-the-source",
               token = "TOK-of-the-source" }

local function ask(answers, changes)
  local call = {
    operation = "AssumeRole", method = "assume-role", credentials = KEYS,
    params = { { "RoleArn", ROLE } },
  }
  for name, value in next, changes or {} do call[name] = value end
  local world = support.world { answers = answers }
  local credentials, err = sts.credentials(world, call)
  return credentials, err, world.transport
end

local function answered(changes)
  return ask { { body = support.answer("AssumeRole", changes) } }
end

describe("an answer of STS", function()
  local texts = {
    { "a&lt;b&gt;c&amp;d&quot;e&apos;f", "a<b>c&d\"e'f" },
    { "&#65;&#x41;&#x4a;", "AAJ" },
    { "&#233;&#x20AC;&#x1F600;", "é€😀" },
    { "&amp;lt;", "&lt;" },
    { "&nbsp;&#xD800;&#x110000;&", "&nbsp;&#xD800;&#x110000;&" },
    { " a b ", " a b " },
    { "a+/=", "a+/=" },
  }
  for _, text in ipairs(texts) do
    it(("means %q by %q"):format(text[2], text[1]), function()
      assert.equal(text[2], answered({ SecretAccessKey = text[1] }).secret_key)
    end)
  end

  it("is credentials, and until when", function()
    assert.same({
      access_key = "ASIAROLE", secret_key = "SKROLE", token = "TOKROLE",
      expiry_time = 4070908800, method = "assume-role",
    }, (answered {}))
  end)

  local dates = {
    ["2001-01-01T00:00:00Z"] = 978307200, -- long over: the caller judges
    ["\n 2099-01-01T00:00:00.5Z\n"] = 4070908800.5,
    ["2099-01-01T01:00:00+01:00"] = 4070908800,
  }
  for text, seconds in pairs(dates) do
    it(("expires at %q"):format(text), function()
      assert.equal(seconds, answered({ Expiration = text }).expiry_time)
    end)
  end

  it("may have attributes and an empty element", function()
    local body = support.answer("AssumeRole")
      :gsub("<Credentials>", '<Other/><Credentials xmlns="x">')
      :gsub("<AccessKeyId>", '<AccessKeyIdOf>x</AccessKeyIdOf>%0')
    assert.equal("ASIAROLE", ask({ { body = body } }).access_key)
  end)

  local whole = support.answer("AssumeRole")
  local unusable = {
    ["an empty one"] = { "", "is no AssumeRoleResponse" },
    ["a page"] = { "<html><body>Sign in, please</body></html>",
                   "is no AssumeRoleResponse" },
    ["that of another operation"] = {
      support.answer("AssumeRoleWithWebIdentity"), "is no AssumeRoleResponse",
    },
    ["one that was cut"] = { whole:sub(1, -60), "is no AssumeRoleResponse" },
    ["JSON"] = { '{"Credentials":{}}', "is no AssumeRoleResponse" },
    ["one in another element"] = {
      whole:gsub("Credentials>", "Others>"), "is no AssumeRoleResponse",
    },
    ["one without an end"] = { ("<AssumeRoleResult><Credentials>"):rep(9e4),
                               "is no AssumeRoleResponse" },
  }
  for _, name in ipairs { "AccessKeyId", "SecretAccessKey",
                          "SessionToken" } do
    local odd = {
      [false] = "has no ", [""] = "has no ", ["<b>x</b>"] = "has no ",
      ["<![CDATA[x]]>"] = "has no ",
    }
    for _, c in ipairs { "\n", "\r\nx: y", "&#10;", "&#xD;", "&#0;", "\127",
                         "\0" } do
      odd["hidden" .. c .. "in it"] = "has control characters in its "
    end
    for value, complaint in pairs(odd) do
      unusable[("%s = %q"):format(name, tostring(value))] = {
        support.answer("AssumeRole", { [name] = value }), complaint .. name,
      }
    end
  end
  for _, date in ipairs { false, "", "tomorrow", "4070908800",
                          "2099-13-01T00:00:00Z" } do
    unusable[("Expiration = %q"):format(tostring(date))] = {
      support.answer("AssumeRole", { Expiration = date }),
      "has no date as its Expiration",
    }
  end
  unusable["SessionToken/"] = {
    support.answer("AssumeRole", { SessionToken = false })
      :gsub("<Credentials>", "%0<SessionToken/>"), "has no SessionToken",
  }
  for name, case in pairs(unusable) do
    it(("is none: %s"):format(name), function()
      local credentials, err, transport = ask { { body = case[1] } }
      assert.is_nil(credentials)
      assert.equal("CredentialRetrievalError", err.name)
      assert.equal("Error when retrieving credentials from assume-role: the "
        .. "answer of STS " .. case[2], err.message)
      assert.equal(1, #transport.requests)
    end)
  end
end)

-- ---- errors ----

local CALLING = "An error occurred (%s) when calling the AssumeRole "
  .. "operation%s: %s"
local ALL_TRIES = " (reached max retries: 2)"

-- status, body, class, code, message, attempts
local refusals = {
  { 403, support.error("AccessDenied", "no &amp; no"), "ClientError",
    "AccessDenied", "no & no", 1 },
  { 400, support.error("ExpiredTokenException", "old"),
    "ExpiredTokenException", "ExpiredTokenException", "old", 1 },
  { 403, support.error("RegionDisabledException", "off"),
    "RegionDisabledException", "RegionDisabledException", "off", 1 },
  { 400, support.error("MalformedPolicyDocument", "x"),
    "MalformedPolicyDocumentException", "MalformedPolicyDocument", "x", 1 },
  { 400, "<Error><Code>X</Code></Error>", "ClientError", "X", "Unknown", 1 },
  { 400, support.error("IDPCommunicationError", "x"),
    "IDPCommunicationErrorException", "IDPCommunicationError", "x", 1 },
  { 400, support.error("Throttling", "x"), "ClientError", "Throttling", "x",
    3 },
  { 500, support.error("InternalFailure", "x"), "ClientError",
    "InternalFailure", "x", 3 },
  { 502, "<html>oh</html>", "ClientError", "502", "Bad Gateway", 3 },
  { 503, "", "ClientError", "503", "Service Unavailable", 3 },
  { 403, "<html>oh</html>", "ClientError", "403", "Unknown", 1 },
  { 404, "nothing", "ClientError", "404", "Unknown", 1 },
  { 302, "", "ClientError", "302", "Unknown", 1 },
}

describe("a refusal of STS", function()
  for _, case in ipairs(refusals) do
    it(("is %s for %d %s"):format(case[3], case[1], case[4]), function()
      local credentials, err, transport =
        ask { { status = case[1], body = case[2] } }
      assert.is_nil(credentials)
      assert.equal(case[3], err.name)
      assert.equal(case[4], err.response.Error.Code)
      assert.equal(CALLING:format(case[4], case[6] == 3 and ALL_TRIES or "",
        case[5]), err.message)
      assert.equal(case[1], err.response.ResponseMetadata.HTTPStatusCode)
      assert.equal(case[6], #transport.requests)
      assert.equal(case[6] - 1, #transport.sleeps)
    end)
  end

  it("is forgotten when a later attempt succeeds", function()
    local credentials = ask {
      { status = 503 }, { name = "ReadTimeoutError" },
      { body = support.answer("AssumeRole") },
    }
    assert.equal("ASIAROLE", credentials.access_key)
  end)

  it("is made again, as a signature has its time", function()
    local _, _, transport = ask { { status = 503 } }
    local dates = {}
    for _, request in ipairs(transport.requests) do
      local headers = support.by_name(request.headers)
      dates[#dates + 1] = headers["x-amz-date"]
      assert.is_truthy(support.signed_as(headers))
    end
    assert.equal(3, #dates)
  end)

  it("has no more than the beginning of a huge message", function()
    local _, err = ask {
      { status = 400, body = support.error("X", ("é"):rep(5e5)) },
    }
    assert.equal(CALLING:format("X", "", ("é"):rep(511) .. "..."),
      err.message)
  end)

  it("has no more than the beginning of a huge code", function()
    local _, err = ask {
      { status = 400, body = support.error(("X"):rep(1e6), "y") },
    }
    assert.is_true(#err.message < 1200)
  end)

  it("takes no long time to read, whatever it is", function()
    local began = os.clock()
    for _, part in ipairs { "<Error>", "<Error", "<Error><Code>", "&#65",
                            "<Error><Code></Error>" } do
      ask { { status = 400, body = part:rep(2e5) } }
    end
    assert.is_true(os.clock() - began < 5)
  end)
end)

describe("sts.credentials", function()
  it("signs for no region it does not know", function()
    local world = support.world {
      region = false, env = { AWS_ENDPOINT_URL_STS = OWN },
    }
    local credentials, err = sts.credentials(world, {
      operation = "AssumeRole", credentials = KEYS, params = {},
    })
    assert.is_nil(credentials)
    assert.equal("NoRegionError", err.name)
    assert.same({}, world.transport.requests)
  end)

  it("needs no region where nothing is signed", function()
    local world = support.world {
      region = false, env = { AWS_ENDPOINT_URL_STS = OWN },
      answers = { { body = support.answer("AssumeRole") } },
    }
    assert.is_truthy(sts.credentials(world, {
      operation = "AssumeRole", params = {},
    }))
  end)

  it("keeps the path of a URL", function()
    local world = support.world {
      env = { AWS_ENDPOINT_URL_STS = "http://localhost/x/?a=b" },
      answers = { { body = support.answer("AssumeRole") } },
    }
    assert.is_truthy(sts.credentials(world, {
      operation = "AssumeRole", params = {},
    }))
    local request = world.transport.requests[1]
    assert.equal("/x/", request.path)
    assert.equal("a=b", request.query)
  end)

  it("writes a form as Python does", function()
    local _, _, transport = ask({ { body = support.answer("AssumeRole") } }, {
      params = { { "RoleSessionName", "a b+c&d=e~_.-*/é\n%20" } },
    })
    assert.equal("Action=AssumeRole&Version=2011-06-15&RoleSessionName="
      .. "a+b%2Bc%26d%3De~_.-%2A%2F%C3%A9%0A%2520",
      transport.requests[1].body)
  end)
end)

describe("no error of STS", function()
  local function texts_of(value, out)
    if type(value) == "table" then
      for key, item in next, value do
        texts_of(key, out)
        texts_of(item, out)
      end
    else
      out[#out + 1] = tostring(value)
    end
    return out
  end

  local secret = support.secret "S-"
  local token = support.secret "T-+/="
  local jwt = support.secret "eyJ"
  local function told(text) return support.error("Bad" .. text, text) end
  local answers = {
    { status = 403, body = told(secret .. "\n" .. token .. jwt .. jwt) },
    { status = 500, body = told(jwt .. ("x"):rep(1100)) },
    { status = 403, body = told(("x"):rep(1000) .. token) },
    { status = 403, body = token }, { status = 502, body = secret },
    { status = 200, body = "<html>" .. jwt .. "</html>" },
    { name = "ReadTimeoutError" }, { name = "ConnectionClosedError" },
  }
  for _, name in ipairs { "AccessKeyId", "SecretAccessKey",
                          "SessionToken" } do
    for _, odd in ipairs { "\n", "<b/>" } do
      answers[#answers + 1] = { body = support.answer("AssumeRole", {
        AccessKeyId = secret, SecretAccessKey = secret, SessionToken = token,
        [name] = token .. odd .. jwt,
      }) }
    end
  end
  answers[#answers + 1] = { body = support.answer("AssumeRole", {
    SecretAccessKey = secret, SessionToken = token, Expiration = jwt,
  }) }

  for i, answer in ipairs(answers) do
    it("tells a secret, for " .. i, function()
      local credentials, err = ask({ answer }, {
        credentials = { access_key = "AK", secret_key = secret,
                        token = token },
        params = { { "WebIdentityToken", jwt .. "\n" } },
      })
      assert.is_nil(credentials)
      for _, text in ipairs(texts_of(err, { tostring(err) })) do
        for _, hidden in ipairs { secret, token, jwt } do
          assert.is_nil(text:find(hidden:sub(1, 12), 1, true), text)
        end
      end
    end)
  end

  it("hides what is not there", function()
    local _, err = ask({ { status = 403, body = support.error("X", "y") } }, {
      credentials = { access_key = "", secret_key = "", token = "" },
      params = { { "WebIdentityToken", " \n    " } },
    })
    assert.equal(CALLING:format("X", "", "y"), err.message)
  end)
end)
