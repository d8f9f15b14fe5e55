-- Settings from the profile, and from where they come first; config_spec has
-- what real boto3 made of regions, endpoints and profiles.

local clients = require "spec.support.client"
local server = require "spec.support.server"
local stub = require "iotdataplane.transport.stub"

describe("settings", function()
  local dir

  setup(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(server.run("mkdir -p " .. dir .. "/.aws"))
  end)

  teardown(function() server.run("rm -rf " .. dir) end)

  local function configure(text)
    local file = assert(io.open(dir .. "/.aws/config", "wb"))
    file:write(text)
    file:close()
  end

  -- A client of the profile `default` with such lines, and what it logged.
  local function client_of(lines, options, environment)
    configure("[default]\nregion = eu-west-1\n" .. lines)
    local said = {}
    options = options or {}
    options.transport = options.transport or stub()
    options.config = options.config or {}
    options.config.logger = function(level, message)
      said[#said + 1] = level .. ": " .. message
    end
    environment = environment or {}
    environment.HOME = dir
    local client, err = clients.new(environment, options)
    return client, err, said
  end

  -- option, its value; variable, its text; key, its text; where it shows
  local everywhere = {
    { "use_fips_endpoint", true, "AWS_USE_FIPS_ENDPOINT",
      function(client) return client.meta.endpoint_url:find "fips" ~= nil end,
      { "true", "false" }, { true, false } },
    { "use_dualstack_endpoint", true, "AWS_USE_DUALSTACK_ENDPOINT",
      function(client)
        return client.meta.endpoint_url:find "api.aws" ~= nil
      end, { "TRUE", "no" }, { true, false } },
    { "tcp_keepalive", true, "BOTOCORE_TCP_KEEPALIVE",
      function(client) return client.settings.target.tcp_keepalive end,
      { "true", "" }, { true, false } },
    { "parameter_validation", false, nil,
      function(client) return client.settings.parameter_validation end,
      { "false", "true" }, { false, true } },
  }

  for _, case in ipairs(everywhere) do
    local key, value, variable, shown, texts, meanings =
      case[1], case[2], case[3], case[4], case[5], case[6]

    it("have " .. key .. " from the profile", function()
      for i, text in ipairs(texts) do
        local client = assert(client_of(key .. " = " .. text))
        assert.equal(meanings[i], shown(client))
      end
    end)

    it("have " .. key .. " from the option first", function()
      local client = assert(client_of(key .. " = " .. tostring(not value),
        { config = { [key] = value } },
        variable and { [variable] = tostring(not value) }))
      assert.equal(value, shown(client))
    end)

    if variable then
      it("have " .. key .. " from the environment before the profile",
         function()
        for i, text in ipairs(texts) do
          local client = assert(client_of(
            key .. " = " .. tostring(not meanings[i]), {},
            { [variable] = text }))
          assert.equal(meanings[i], shown(client))
        end
      end)
    end
  end

  local function verify_of(lines, options, environment)
    local client = assert(client_of(lines, options, environment))
    return client.settings.target.tls.verify
  end

  it("have a CA bundle from option, environment, profile, requests' own",
     function()
    local environment = { REQUESTS_CA_BUNDLE = "/r" }
    assert.is_true(verify_of "")
    assert.equal("/r", verify_of("", {}, environment))
    assert.equal("/p", verify_of("ca_bundle = /p", {}, environment))
    environment.AWS_CA_BUNDLE = "/e"
    assert.equal("/e", verify_of("ca_bundle = /p", {}, environment))
    assert.equal("/o", verify_of("", { verify = "/o" }, environment))
    assert.is_false(verify_of("", { verify = false }, environment))
    assert.is_true(verify_of("", { verify = true }, environment))
  end)

  it("have retries from option, environment, profile", function()
    local client = assert(client_of "retry_mode = legacy\nmax_attempts = 7")
    assert.same({ "legacy", 7 },
      { client.settings.retry_mode, client.settings.max_attempts })
    client = assert(client_of("retry_mode = legacy", {}, {
      AWS_RETRY_MODE = "standard", AWS_MAX_ATTEMPTS = "2",
    }))
    assert.same({ "standard", 2 },
      { client.settings.retry_mode, client.settings.max_attempts })
    local _, err = client_of "retry_mode = none"
    assert.equal("InvalidRetryModeError", err.name)
  end)

  it("have an application's name from option, environment, profile",
     function()
    local function agent(...)
      return assert(client_of(...)).settings.user_agent[2]
    end
    assert.truthy(agent "sdk_ua_app_id = p":find("app/p", 1, true))
    assert.truthy(agent("sdk_ua_app_id = p", {}, {
      AWS_SDK_UA_APP_ID = "e" }):find("app/e", 1, true))
    assert.truthy(agent("sdk_ua_app_id = p", { config = {
      user_agent_appid = "o" } }):find("app/o", 1, true))
    assert.is_nil(agent("", {}, { AWS_SDK_UA_APP_ID = "a\r\nb" })
      :find("[\r\n]"))
  end)

  it("have AWS_REGION before AWS_DEFAULT_REGION", function()
    local function region(environment)
      return assert(client_of("", {}, environment)).meta.region_name
    end
    assert.equal("eu-west-1", region {})
    assert.equal("us-east-2", region { AWS_DEFAULT_REGION = "us-east-2" })
    assert.equal("us-west-2", region {
      AWS_DEFAULT_REGION = "us-east-2", AWS_REGION = "us-west-2" })
    assert.equal("us-east-2", region {
      AWS_DEFAULT_REGION = "us-east-2", AWS_REGION = "" })
  end)

  local IOT = "https://xyz-ats.iot.us-west-2.amazonaws.com"

  it("sign for the region that an endpoint's host names", function()
    configure ""
    local client = assert(clients.new({ HOME = dir }, {
      endpoint_url = IOT, transport = stub() }))
    assert.equal("us-west-2", client.meta.region_name)
    assert.equal("us-west-2", client.scope.region)
  end)

  it("warn where that is another one than the region", function()
    local client, _, said = client_of("", { endpoint_url = IOT })
    assert.equal("eu-west-1", client.scope.region)
    assert.same({ "warning: the region is eu-west-1, but the endpoint's host "
      .. "is of us-west-2: requests are signed for eu-west-1" }, said)
    client, _, said = client_of("", {
      endpoint_url = IOT, region_name = "us-west-2" })
    assert.equal("us-west-2", client.scope.region)
    assert.same({}, said)
  end)

  it("read a named profile", function()
    configure "[profile p]\nregion = sa-east-1\n"
    for _, how in ipairs { { option = "p" }, { AWS_PROFILE = "p" },
                           { AWS_DEFAULT_PROFILE = "p" } } do
      local client = assert(clients.new({
        HOME = dir, AWS_PROFILE = how.AWS_PROFILE,
        AWS_DEFAULT_PROFILE = how.AWS_DEFAULT_PROFILE,
      }, { profile_name = how.option, transport = stub() }))
      assert.equal("sa-east-1", client.meta.region_name)
    end
  end)

  it("name the file and the line that are malformed", function()
    local _, err = client_of "nonsense\n"
    assert.equal("ConfigParseError: Unable to parse config file: " .. dir
      .. "/.aws/config", tostring(err))
    assert.same({ dir .. "/.aws/config", 3 }, { err.path, err.line })
  end)

  it("tell the logger every error", function()
    local client, _, said = client_of("", {
      aws_access_key_id = "A", aws_secret_access_key = "S" })
    client:try("publish", {})
    assert.same({ 'error: ParamValidationError: Parameter validation failed:'
      .. '\nMissing required parameter in input: "topic"' }, said)
  end)

  it("bear a logger that fails", function()
    local client = assert(clients.new({}, {
      region_name = "eu-west-1", transport = stub(), config = {
        logger = function() error "no disk" end,
      } }))
    local _, err = client:try("publish", {})
    assert.equal("ParamValidationError", err.name)
  end)
end)

describe("a proxy", function()
  local function request_of(options, environment)
    local transport = stub()
    options.transport, options.region_name = transport, "eu-west-1"
    options.aws_access_key_id, options.aws_secret_access_key = "A", "S"
    local client = assert(clients.new(environment or {}, options))
    client:publish { topic = "t" }
    return transport.requests[1]
  end

  it("comes from the options, else from the environment", function()
    local environment = { HTTPS_PROXY = "http://e:1", HTTP_PROXY = "http://f" }
    assert.is_nil(request_of({}).proxy)
    assert.equal("e", request_of({}, environment).proxy.host)
    assert.equal("f", request_of({ use_ssl = false }, environment).proxy.host)
    assert.equal("o", request_of({ config = { proxies = {
      https = "http://u:p@o:8080" } } }, environment).proxy.host)
    assert.is_nil(request_of({ config = { proxies = {} } },
                             environment).proxy)
    environment.NO_PROXY = ".amazonaws.com"
    assert.is_nil(request_of({}, environment).proxy)
  end)

  it("that is malformed is an error, without its password", function()
    local client, err = clients.new({ HTTPS_PROXY = "ftp://u:secret@h" }, {
      region_name = "eu-west-1", transport = stub() })
    assert.is_nil(client)
    assert.equal("HTTPClientError", err.name)
    assert.is_nil(err.message:find("secret", 1, true))
  end)

  it("is named in its error, without its password", function()
    local client = assert(clients.new({ HTTPS_PROXY = "http://u:secret@h:1" },
      { region_name = "eu-west-1", aws_access_key_id = "A",
        aws_secret_access_key = "S", transport = stub {
          { name = "ProxyConnectionError", sent = false } } }))
    local _, err = client:try("publish", { topic = "t" })
    assert.equal('ProxyConnectionError: Failed to connect to proxy URL: '
      .. '"http://***:***@h:1"', tostring(err))
    assert.equal("not_sent", err.delivery)
  end)

  -- Who is asked, and through which proxy, where all else fails.
  local function asked(environment)
    local transport = stub { { name = "EndpointConnectionError",
                               sent = false } }
    environment.HTTP_PROXY, environment.HTTPS_PROXY = "http://p", "http://p"
    environment.AWS_METADATA_SERVICE_NUM_ATTEMPTS = "1"
    local client = assert(clients.new(environment, {
      region_name = "eu-west-1", transport = transport }))
    client:try("publish", { topic = "t" })
    local request = assert(transport.requests[1])
    return { request.host, request.proxy and request.proxy.host }
  end

  it("is never asked for instance metadata or a container's credentials",
     function()
    assert.same({ "169.254.169.254" }, asked {})
    assert.same({ "169.254.170.2" }, asked {
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/c" })
    assert.same({ "127.0.0.1" }, asked {
      AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://127.0.0.1:9/c" })
  end)

  it("is asked for STS", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write "eyJ.web.token"
    file:close()
    assert.same({ "sts.eu-west-1.amazonaws.com", "p" }, asked {
      AWS_WEB_IDENTITY_TOKEN_FILE = name,
      AWS_ROLE_ARN = "arn:aws:iam::123456789012:role/r" })
    os.remove(name)
  end)
end)
