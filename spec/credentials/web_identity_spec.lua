local cases = require "spec.support.sts_cases"
local support = require "spec.support.sts"
local web_identity = require "iotdataplane.credentials.web_identity"

local ROLE = "arn:aws:iam::123456789012:role/r"
local OTHER = "arn:aws:iam::123456789012:role/other"
local ANSWER = { body = support.answer "AssumeRoleWithWebIdentity" }

local function new_world(changes)
  local fields = {
    env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/t", AWS_ROLE_ARN = ROLE },
    files = { ["/t"] = "eyJ.web.token", ["/u"] = "eyJ.other.token" },
    answers = { ANSWER },
  }
  for name, value in next, changes or {} do fields[name] = value end
  return support.world(fields)
end

local function form_of(changes)
  local world = new_world(changes)
  assert.is_truthy(web_identity.get(world))
  return support.form(world.transport.requests[1].body), world
end

local function refusal_of(changes)
  local world = new_world(changes)
  local credentials, err = web_identity.get(world)
  assert.is_nil(credentials)
  return err, world
end

local CONFIG = "[default]\nweb_identity_token_file = /u\nrole_arn = " .. OTHER
  .. "\nrole_session_name = theirs\n"

describe("web_identity, as recorded,", function()
  cases.recorded(it, pending, "web-")
end)

describe("web_identity", function()
  local not_configured = {
    ["nothing"] = { env = {} },
    ["a role only"] = { env = { AWS_ROLE_ARN = ROLE } },
    ["a variable that is empty"] = {
      env = { AWS_WEB_IDENTITY_TOKEN_FILE = "", AWS_ROLE_ARN = ROLE },
      config = CONFIG,
    },
    ["a value that is none"] = {
      env = {}, config = "[default]\nweb_identity_token_file =\n a = b\n",
    },
    ["an environment that does not count"] = { is_explicit = true },
  }
  for name, changes in pairs(not_configured) do
    it("is not asked to with " .. name, function()
      local credentials, err = web_identity.get(new_world(changes))
      assert.is_nil(credentials)
      assert.is_nil(err)
    end)
  end

  it("takes the environment before the profile", function()
    local form = form_of {
      config = CONFIG,
      env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/t", AWS_ROLE_ARN = ROLE,
              AWS_ROLE_SESSION_NAME = "mine" },
    }
    assert.same({ ROLE, "mine", "eyJ.web.token" },
      { form.RoleArn, form.RoleSessionName, form.WebIdentityToken })
  end)

  it("takes only the profile where that was asked for", function()
    local form = form_of {
      config = CONFIG, is_explicit = true,
      env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/t", AWS_ROLE_ARN = ROLE,
              AWS_ROLE_SESSION_NAME = "mine" },
    }
    assert.same({ OTHER, "theirs", "eyJ.other.token" },
      { form.RoleArn, form.RoleSessionName, form.WebIdentityToken })
  end)

  it("fills the environment up from the profile", function()
    local form = form_of {
      config = CONFIG, env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/t" },
    }
    assert.same({ OTHER, "theirs", "eyJ.web.token" },
      { form.RoleArn, form.RoleSessionName, form.WebIdentityToken })
  end)

  it("is of its profile, but asks the STS of the client's", function()
    local world = new_world { config = "[default]\nrole_arn = " .. ROLE
      .. "\nweb_identity_token_file = /t\nendpoint_url = http://mine\n"
      .. CONFIG:gsub("default", "profile w")
      .. "endpoint_url = http://theirs\nuse_fips_endpoint = true\n" }
    assert(web_identity.get(world:for_profile("w")))
    local request = world.transport.requests[1]
    assert.equal("mine", request.host)
    local form = support.form(request.body)
    assert.same({ OTHER, "theirs", "eyJ.other.token" },
      { form.RoleArn, form.RoleSessionName, form.WebIdentityToken })
  end)

  it("makes a name of the session where that is empty", function()
    local form = form_of {
      env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/t", AWS_ROLE_ARN = ROLE,
              AWS_ROLE_SESSION_NAME = "" },
    }
    assert.equal("botocore-session-1440938160", form.RoleSessionName)
  end)

  it("does not take an empty role of the environment", function()
    local err = refusal_of {
      config = CONFIG,
      env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/t", AWS_ROLE_ARN = "" },
    }
    assert.equal("InvalidConfigError", err.name)
  end)

  for _, token in ipairs { "abc\n", "a b+c/d=&é", "a\0b\r\n" } do
    it(("sends %q as it is, unsigned"):format(token), function()
      local form, world = form_of { files = { ["/t"] = token } }
      assert.equal(token, form.WebIdentityToken)
      local headers =
        support.by_name(world.transport.requests[1].headers)
      assert.is_nil(headers.authorization)
      assert.is_nil(headers["x-amz-date"])
    end)
  end

  it("reads the file anew each time", function()
    local files = { ["/t"] = "first" }
    local world = new_world { files = files }
    assert(web_identity.get(world))
    files["/t"] = "second"
    assert(web_identity.get(world))
    local sent = {}
    for i, request in ipairs(world.transport.requests) do
      sent[i] = support.form(request.body).WebIdentityToken
    end
    assert.same({ "first", "second" }, sent)
  end)

  it("names a file that cannot be read", function()
    local err, world = refusal_of { files = {} }
    assert.equal("CredentialRetrievalError", err.name)
    assert.equal("Error when retrieving credentials from assume-role-with-"
      .. "web-identity: the token file /t cannot be read: No such file or "
      .. "directory", err.message)
    assert.same({}, world.transport.requests)
  end)

  it("names a file that gives no text, whatever the reason is", function()
    local err = refusal_of {
      files = {}, read = function() return nil, nil end,
    }
    assert.equal("Error when retrieving credentials from assume-role-with-"
      .. "web-identity: the token file /t cannot be read: nil", err.message)
  end)

  it("refuses an empty token", function()
    local err, world = refusal_of { files = { ["/t"] = "" } }
    assert.equal("ParamValidationError", err.name)
    assert.equal("Parameter validation failed:\nInvalid length for parameter "
      .. "WebIdentityToken, value: 0, valid min length: 4", err.message)
    assert.same({}, world.transport.requests)
  end)

  it("hands on that the files are malformed", function()
    local err = refusal_of { config = "[x\n", env = {} }
    assert.equal("ConfigParseError", err.name)
  end)

  it("gives a communication error up in the end", function()
    local err, world = refusal_of { answers = {
      { status = 400, body = support.error("IDPCommunicationError", "no") },
    } }
    assert.equal("IDPCommunicationErrorException", err.name)
    assert.equal("An error occurred (IDPCommunicationError) when calling the "
      .. "AssumeRoleWithWebIdentity operation (reached max retries: 2): no",
      err.message)
    assert.equal(3, #world.transport.requests)
  end)
end)
