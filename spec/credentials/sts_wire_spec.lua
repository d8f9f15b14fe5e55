-- STS's providers over real HTTP, and their signatures as botocore sees them.

local assume_role = require "iotdataplane.credentials.assume_role"
local cjson = require "cjson"
local core = require "iotdataplane.core"
local new_transport = require "iotdataplane.transport.curl"
local scripted = require "spec.support.scripted"
local support = require "spec.support.sts"
local web_identity = require "iotdataplane.credentials.web_identity"

local PYTHON = os.getenv("PYTHON") or "/usr/bin/python3"
local ROLE = "arn:aws:iam::123456789012:role/r"
local SOON, PATIENCE = 0.3, 10 -- seconds

local secret = support.secret "S+/"
local token = support.secret "T+/="
local KEYS = { access_key = "AKSRC", secret_key = secret, token = token }

local CONFIG = "[default]\nrole_arn = " .. ROLE .. "\nsource_profile = src\n"
  .. "external_id = a b+c/d&é\nduration_seconds = 900\n"
  .. "[profile src]\nregion = x\n"

local service

local function new_options()
  return { max_idle_time = 50, max_pool_connections = 10 }
end

local function url_of(scheme, port)
  return ("%s://127.0.0.1:%d"):format(scheme, port)
end

---Waits of no time: `random` is what they are made of.
local function world_at(url, changes)
  local fields = {
    transport = new_transport(new_options()), config = CONFIG,
    env = { AWS_ENDPOINT_URL_STS = url }, random = function() return 0 end,
    credentials_of_profile = function() return KEYS end,
    connect_timeout = PATIENCE, read_timeout = PATIENCE,
  }
  for name, value in next, changes or {} do fields[name] = value end
  return support.world(fields)
end

local function web_world(url)
  return world_at(url, {
    env = { AWS_ENDPOINT_URL_STS = url, AWS_ROLE_ARN = ROLE,
            AWS_WEB_IDENTITY_TOKEN_FILE = "/t" },
    files = { ["/t"] = token },
  })
end

---What verify.py reads, of a request as it arrived.
local function to_verify(request, credentials, port)
  local path, query = request.target:match("^([^?]*)%??(.*)$")
  return cjson.encode {
    method = request.method, scheme = "http", host = "127.0.0.1",
    port = port, path = path, query = query, headers = request.headers,
    body_base64 = core.base64_encode(request.body),
    credentials = {
      access_key_id = credentials.access_key,
      secret_access_key = credentials.secret_key,
      session_token = credentials.token,
    },
    region = "us-east-1", service = "sts",
  }
end

local function verdict_on(line)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(line, "\n")
  file:close()
  local pipe = assert(io.popen(PYTHON .. " spec/support/verify.py " .. path))
  local verdict = pipe:read("*l")
  pipe:close()
  os.remove(path)
  return verdict
end

local ANSWER = { body = support.answer "AssumeRole" }

describe("STS over HTTP", function()
  setup(function()
    service = scripted.start(new_transport(new_options()))
  end)

  teardown(function() service:stop() end)

  local sources = {
    ["with a token"] = KEYS,
    ["without one"] = { access_key = "AKSRC", secret_key = secret },
  }
  for name, keys in pairs(sources) do
    it("is asked in a way that botocore would sign, " .. name, function()
      service:script { ANSWER }
      local world = world_at(url_of("http", service.http), {
        credentials_of_profile = function() return keys end,
      })
      local credentials = assert(assume_role.get(world))
      assert.equal("TOKROLE", credentials.token)
      local requests = service:requests()
      assert.equal(1, #requests)
      assert.equal('{"ok":true}',
        verdict_on(to_verify(requests[1], keys, service.http)))
      local form = support.form(requests[1].body)
      assert.equal("a b+c/d&é", form.ExternalId)
    end)
  end

  it("is not asked in a way that others would sign", function()
    service:script { ANSWER }
    assert(assume_role.get(world_at(url_of("http", service.http))))
    local others = { access_key = "AKSRC", secret_key = "x", token = token }
    assert.is_truthy(verdict_on(to_verify(service:requests()[1], others,
      service.http)):find("another signature", 1, true))
  end)

  it("is asked for a web identity without a signature", function()
    service:script {
      { body = support.answer "AssumeRoleWithWebIdentity" },
    }
    local credentials =
      assert(web_identity.get(web_world(url_of("http", service.http))))
    assert.equal("SKROLE", credentials.secret_key)
    local request = service:requests()[1]
    local headers = support.by_name(request.headers)
    assert.is_nil(headers.authorization)
    assert.equal("POST", request.method)
    assert.equal("/", request.target)
    assert.equal("application/x-www-form-urlencoded; charset=utf-8",
      headers["content-type"])
    assert.equal(token, support.form(request.body).WebIdentityToken)
  end)

  it("is asked over TLS, if its certificate is good", function()
    service:script { ANSWER }
    local url = url_of("https", service.https)
    assert(assume_role.get(world_at(url, { verify = service.ca_pem })))
    assert.is_true(service:requests()[1].tls)
    local credentials, err = assume_role.get(world_at(url))
    assert.is_nil(credentials)
    assert.equal("SSLError", err.name)
  end)

  local HANG, CLOSE = { fail = "hang" }, { fail = "close" }
  local HTML = "<html><body>no</body></html>"
  -- answers, the error's class, attempts
  local scripts = {
    ["hangs"] = { { HANG, HANG, HANG }, "ReadTimeoutError", 3 },
    ["hangs once"] = { { HANG, ANSWER }, nil, 2 },
    ["closes"] = { { CLOSE, CLOSE, CLOSE }, "ConnectionClosedError", 3 },
    ["says 403"] = { { { status = 403, body = support.error("AccessDenied",
      "no") } }, "ClientError", 1 },
    ["says 500 twice"] = { { { status = 500 }, { status = 500 }, ANSWER },
                           nil, 3 },
    ["says 502 in HTML"] = { { { status = 502, body = HTML },
      { status = 502, body = HTML }, { status = 502, body = HTML }, ANSWER },
      "ClientError", 3 },
    ["says 200 in HTML"] = { { { body = HTML }, ANSWER },
                             "CredentialRetrievalError", 1 },
    ["has a huge message"] = { { { status = 400,
      body = support.error("X", ("y"):rep(4e6)) } }, "ClientError", 1 },
    ["has a line break in its token"] = { { { body = support.answer(
      "AssumeRole", { SessionToken = "T\r\nx-injected: 1" }) } },
      "CredentialRetrievalError", 1 },
    ["is too late"] = { { { body = support.answer("AssumeRole",
      { Expiration = "2001-01-01T00:00:00Z" }) } }, nil, 1 },
  }
  for name, script in pairs(scripts) do
    it("is understood when it " .. name, function()
      service:script(script[1])
      local patience = name:find("hangs") and SOON or PATIENCE
      local credentials, err = assume_role.get(
        world_at(url_of("http", service.http), { read_timeout = patience }))
      assert.equal(script[2], err and err.name)
      assert.equal(not script[2] and "TOKROLE" or nil,
        credentials and credentials.token)
      assert.equal(script[3], #service:requests())
      local text = tostring(err)
      assert.is_nil(text:find(secret, 1, true) or text:find(token, 1, true))
      assert.is_true(#text < 1200)
    end)
  end

  it("may not be there", function()
    local credentials, err =
      assume_role.get(world_at(url_of("http", service.closed)))
    assert.is_nil(credentials)
    assert.equal("EndpointConnectionError", err.name)
    assert.equal(('Could not connect to the endpoint URL: "%s"')
      :format(url_of("http", service.closed)), err.message)
  end)
end)
