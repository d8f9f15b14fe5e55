local date = require "iotdataplane.date"
local hostile = require "spec.support.hostile"
local imds = require "iotdataplane.credentials.imds"
local new_transport = require "iotdataplane.transport.curl"
local new_world = require "iotdataplane.credentials.world"
local profile = require "iotdataplane.profile"
local scripted = require "spec.support.scripted"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local DIRECTORY = "/case"
local PATIENCE = 2.5 -- seconds, in which we know that this is no EC2
local NOW = date.from_iso "2015-08-30T12:36:00Z"
local TOKEN_PATH = "/latest/api/token"
local ROLES = "/latest/meta-data/iam/security-credentials/"

local function document(changes)
  local fields = {
    Code = "Success", AccessKeyId = "AKIMDS", SecretAccessKey = "SKIMDS",
    Token = "TOKIMDS", Expiration = "2099-01-01T00:00:00Z",
  }
  for name, value in next, changes or {} do
    fields[name] = value ~= "absent" and value or nil
  end
  return fields
end

local function to_json(body)
  if type(body) ~= "table" then return body end
  local parts = {}
  for name, value in next, body do
    parts[#parts + 1] = ('"%s": "%s"'):format(name, value)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end

local failures = {
  refused = "EndpointConnectionError", ["read-timeout"] = "ReadTimeoutError",
  ["connect-timeout"] = "ConnectTimeoutError",
}

local function answer_of(scripted_answer)
  local fail = scripted_answer.fail
  if fail then return { name = assert(failures[fail], fail) } end
  return { status = scripted_answer.status,
           body = to_json(scripted_answer.body) }
end

-- Files of a directory that is none.
local function open_of(files)
  return function(path)
    local text = files[path]
    if not text then return nil, path .. ": No such file or directory" end
    local function read() return text end
    return { read = read, close = read }
  end
end

-- What a world with these variables and files says; and what it logged.
local function get(transport, env, files, changes)
  env = env or {}
  local function getenv(name)
    return name == "HOME" and DIRECTORY or env[name]
  end
  local logged = {}
  local fields = {
    options = { config = { logger = function(level, message)
      logged[#logged + 1] = level .. ": " .. message
    end } },
    getenv = getenv, files = profile.files(getenv, open_of(files or {})),
    transport = transport, profile_name = "default", region = "us-east-1",
    verify = true, connect_timeout = 60, read_timeout = 60,
  }
  for name, value in next, changes or {} do fields[name] = value end
  local credentials, err = imds.get(new_world(fields))
  return credentials, err, table.concat(logged, "\n")
end

local function url_of(request)
  local host = request.host
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  local port = request.port ~= 80 and (":%d"):format(request.port) or ""
  return request.scheme .. "://" .. host .. port .. request.path
end

local function headers_of(request)
  local headers = {}
  for _, header in ipairs(request.headers) do
    assert.is_nil(headers[header[1]])
    if header[1] ~= "host" then headers[header[1]] = header[2] end
  end
  return headers
end

local function check_request(expected, request)
  if expected.failed then
    assert.equal(expected.url, ("%s://%s:%d"):format(request.scheme,
      request.host, request.port))
    return
  end
  assert.equal(expected.method, request.method)
  assert.equal(expected.url, url_of(request))
  assert.same(expected.headers, headers_of(request))
end

local secrets = { "AKIM", "SKIM", "TOKIM", "imds-token" }

local function check_silent(err, logged)
  local text = logged .. "\n" .. tostring(err)
  for _, secret in ipairs(secrets) do
    assert.is_nil(text:find(secret, 1, true), text)
  end
end

local function check_case(case)
  local files, answers = {}, {}
  for path, text in next, case.files do
    files[DIRECTORY .. "/" .. path] = text
  end
  for i, answer in ipairs(case.http or {}) do
    answers[i] = answer_of(answer)
  end
  answers[#answers + 1] = { status = 404, body = "unscripted" }
  local transport = stub(answers)
  local found, err, logged = get(transport, case.env, files)
  local expected = case.expected
  local requests = expected.requests or {}
  assert.equal(#requests, #transport.requests)
  for i, request in ipairs(requests) do
    check_request(request, transport.requests[i])
  end
  assert.same({}, transport.sleeps)
  check_silent(err, logged)
  if expected.credentials then
    assert.is_nil(err)
    assert.same({ "AKIMDS", "SKIMDS", "TOKIMDS", "iam-role" },
      { found.access_key, found.secret_key, found.token, found.method })
  elseif expected.error.class == "NoCredentialsError" then
    assert.is_nil(found)
    assert.is_nil(err)
  else
    assert.equal(expected.error.class, err.name)
    assert.equal(expected.error.text, err.message)
  end
end

-- Is the case one of this provider alone?
local function is_ours(case)
  local credentials = case.expected.credentials
  return case.name:find("^imds%-") and case.name ~= "imds-not-used-for-region"
    and (not credentials or credentials.method == "iam-role")
end

describe("credentials of an instance, as boto3 has them", function()
  local name = "config/providers.json"
  local cases, count = vectors.shared(name), 0
  if not cases then pending("no " .. name) end
  for _, case in ipairs(cases or {}) do
    if is_ours(case) then
      count = count + 1
      it(case.name, function() check_case(case) end)
    end
  end
  it("are all there", function()
    if cases then assert.equal(32, count) end
  end)
end)

local function good(changes)
  return { { body = "imds-token" }, { body = "my-role" },
           { body = to_json(document(changes)) } }
end

describe("credentials of an instance", function()
  it("are asked for with a time-out of 1 s", function()
    local transport = stub(good())
    get(transport)
    for _, request in ipairs(transport.requests) do
      assert.equal(1, request.connect_timeout)
      assert.equal(1, request.read_timeout)
      assert.near(NOW + 1.1, request.deadline, 1e-6)
    end
    assert.equal(3, #transport.requests)
  end)

  -- The environment, the config file, and the time-out and requests of it.
  local numbers = {
    { { AWS_METADATA_SERVICE_TIMEOUT = "3" }, "", 3, 2 },
    { { AWS_METADATA_SERVICE_TIMEOUT = " +3 " },
      "metadata_service_timeout = 4", 3, 2 },
    { {}, "metadata_service_timeout = 4", 4, 2 },
    { { AWS_METADATA_SERVICE_NUM_ATTEMPTS = "3" }, "", 1, 4 },
    { {}, "metadata_service_num_attempts = 3", 1, 4 },
    { { AWS_METADATA_SERVICE_NUM_ATTEMPTS = "0" }, "", nil, 0 },
  }
  for i, case in ipairs(numbers) do
    it("have a time-out and attempts, case " .. i, function()
      local transport = stub { { body = "imds-token" }, { status = 500 } }
      assert.is_nil(get(transport, case[1], {
        [DIRECTORY .. "/.aws/config"] = "[default]\n" .. case[2] .. "\n",
      }))
      assert.equal(case[4], #transport.requests)
      local last = transport.requests[#transport.requests]
      assert.equal(case[3], last and last.read_timeout)
    end)
  end

  -- A wrong setting, the error's name, and what it tells of.
  local wrong = {
    { "AWS_METADATA_SERVICE_TIMEOUT", "x", "ValueError", "timeout" },
    { "AWS_METADATA_SERVICE_TIMEOUT", "0", "ValueError", "timeout" },
    { "AWS_METADATA_SERVICE_TIMEOUT", "-1", "ValueError", "timeout" },
    { "AWS_METADATA_SERVICE_TIMEOUT", "1.5", "ValueError", "timeout" },
    { "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "", "ValueError", "attempts" },
    { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "",
      "InvalidIMDSEndpointModeError", "ipv6" },
    { "AWS_EC2_METADATA_SERVICE_ENDPOINT", "127.0.0.1",
      "InvalidIMDSEndpointError", "127.0.0.1" },
    { "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ftp://127.0.0.1",
      "InvalidIMDSEndpointError", "ftp" },
  }
  for _, case in ipairs(wrong) do
    it(("are not asked for where %s is %q"):format(case[1], case[2]),
      function()
        local transport = stub(good())
        local found, err = get(transport, { [case[1]] = case[2] })
        assert.is_nil(found)
        assert.equal(case[3], err.name)
        assert.matches(case[4], err.message, 1, true)
        assert.same({}, transport.requests)
      end)
  end

  -- Settings of the environment and the file, and where they lead.
  local V4, V6 = "http://169.254.169.254", "http://[fd00:ec2::254]"
  local places = {
    { { AWS_EC2_METADATA_SERVICE_ENDPOINT = "" },
      "ec2_metadata_service_endpoint = http://127.0.0.1:1339", V4 },
    { {}, "ec2_metadata_service_endpoint_mode = IPV6", V6 },
    { {}, "imds_use_ipv6 = True", V6 },
    { { AWS_IMDS_USE_IPV6 = "1" }, "", V4 },
    { { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE = "ipv4",
        AWS_IMDS_USE_IPV6 = "true" }, "", V4 },
    { { AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1338" },
      "ec2_metadata_service_endpoint = http://127.0.0.1:1339",
      "http://127.0.0.1:1338" },
    { { AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1338",
        AWS_IMDS_USE_IPV6 = "true" }, "", "http://127.0.0.1:1338",
      "warning: Custom endpoint and IMDS_USE_IPV6 are both set. Using "
        .. "custom endpoint." },
  }
  for i, case in ipairs(places) do
    it("are asked for where the settings say, case " .. i, function()
      local transport = stub(good())
      local found, _, logged = get(transport, case[1], {
        [DIRECTORY .. "/.aws/config"] = "[default]\n" .. case[2] .. "\n",
      })
      assert.equal("AKIMDS", found.access_key)
      assert.equal(case[3] .. TOKEN_PATH, url_of(transport.requests[1]))
      assert.equal(case[4] or "", logged)
    end)
  end

  it("are not asked for by IMDSv1 where the file disables it", function()
    for _, answer in ipairs { { status = 404 }, { body = "" } } do
      local transport = stub { answer }
      local _, err = get(transport, {}, {
        [DIRECTORY .. "/.aws/config"] =
          "[default]\nec2_metadata_v1_disabled = true\n",
      })
      assert.equal("MetadataRetrievalError", err.name)
      assert.equal(1, #transport.requests)
    end
  end)

  it("are asked for by IMDSv1 at once where there are no tokens", function()
    local late = { name = "ReadTimeoutError" }
    for _, none in ipairs { { status = 403 }, { status = 404 },
                            { status = 405 }, late } do
      local answers = good()
      answers[1] = none
      local transport = stub(answers)
      local found =
        get(transport, { AWS_METADATA_SERVICE_NUM_ATTEMPTS = "2" })
      assert.equal("AKIMDS", found.access_key)
      assert.equal(3, #transport.requests)
    end
  end)

  it("are none where an answer is no success", function()
    for last = 2, 3 do
      local answers = good()
      answers[last].status = 500
      local transport = stub(answers)
      local found, err = get(transport)
      assert.is_nil(found)
      assert.is_nil(err)
      assert.equal(last, #transport.requests)
    end
  end)

  it("need a token that is a header's value", function()
    local transport = stub { { body = "imds-token\n" }, { body = "my-role" } }
    local found, err, logged = get(transport)
    assert.is_nil(found)
    assert.equal("CredentialRetrievalError", err.name)
    assert.matches("token is no header's value", err.message, 1, true)
    assert.equal(1, #transport.requests)
    check_silent(err, logged)
  end)

  -- What is listed, and the path that is asked for.
  local roles = {
    { "a+b=c,d.e@f-g_h", "a+b=c,d.e@f-g_h" }, { "a b", "a%20b" },
    { "a?b#c%", "a%3Fb%23c%25" }, { "r\195\164\1", "r%C3%A4%01" },
    { "ro\tle\r\n", "role" }, { "a/b", "a/b" },
  }
  for _, case in ipairs(roles) do
    it("are those of the role " .. case[2], function()
      local answers = good()
      answers[2].body = case[1]
      local transport = stub(answers)
      assert.equal("AKIMDS", get(transport).access_key)
      assert.equal(ROLES .. case[2], transport.requests[3].path)
    end)
  end

  it("are of no role whose name is a page", function()
    local answers = good()
    answers[2].body = ("x"):rep(2000)
    local transport = stub(answers)
    local _, err = get(transport)
    assert.equal("CredentialRetrievalError", err.name)
    assert.equal(2, #transport.requests)
    assert.is_true(#err.message < 200)
  end)

  it("are verified though the client's endpoint is not", function()
    for given, verify in next, { [false] = true, ["/ca"] = "/ca" } do
      local transport = stub(good())
      get(transport, {}, nil, { verify = given })
      assert.equal(verify, transport.requests[1].tls.verify)
    end
  end)

  -- A document's changes, and what the error says.
  local poor = {
    { { AccessKeyId = "AKIM\\nDS" }, "AccessKeyId has control characters" },
    { { SecretAccessKey = "SKIM\\u0000DS" },
      "SecretAccessKey has control characters" },
    { { Token = "TOKIM\\r\\nDS" }, "Token has control characters" },
    { { Token = "" }, "Token is empty" },
    { { Expiration = "SKIMDS" }, "Expiration is not a date" },
  }
  for _, case in ipairs(poor) do
    it("are refused: " .. case[2], function()
      local found, err, logged = get(stub(good(case[1])))
      assert.is_nil(found)
      assert.equal("CredentialRetrievalError", err.name)
      assert.equal("Error when retrieving credentials from iam-role: "
        .. case[2], err.message)
      check_silent(err, logged)
    end)
  end

  it("are refused: a null", function()
    local answers = good()
    answers[3].body = answers[3].body:gsub('"SKIMDS"', "null")
    local _, err = get(stub(answers))
    assert.matches("SecretAccessKey is not a string", err.message, 1, true)
  end)

  it("are none where the answer is none", function()
    for _, body in ipairs { "null", "[]", "1", '"SKIMDS"', "{}", "{", "",
                            "<html></html>" } do
      local answers = good()
      answers[3].body = body
      local transport = stub(answers)
      local found, err = get(transport)
      assert.is_nil(found)
      assert.is_nil(err)
      assert.equal(3, #transport.requests)
    end
  end)

  it("fail where TLS does", function()
    for first = 1, 3 do
      local answers = good()
      answers[first] = { name = "SSLError", message = "no such authority" }
      local found, err = get(stub(answers))
      assert.is_nil(found)
      assert.equal("SSLError", err.name)
    end
  end)
end)

describe("the end of an instance's credentials", function()
  -- Seconds from now, the random number, and seconds from now that are made
  -- of it.
  local cases = {
    { 3600, 0, 3600 },
    { 15 * 60 + 121, 0, 15 * 60 + 121 },
    { 15 * 60 + 120, 0, 15 * 60 + 120 },
    { 15 * 60 + 119, 0, 15 * 60 + 120 },
    { 15 * 60 + 600, 0.999999, 15 * 60 + 600 },
    { 15 * 60 + 599, 0.999999, 15 * 60 + 600 },
    { 60, 0.5, 15 * 60 + 360 },
    { 0, 0, 15 * 60 + 120 },
    { -86400, 0, 15 * 60 + 120 },
  }
  for _, case in ipairs(cases) do
    it(("in %d s with %g is put off to %d s"):format(case[1], case[2],
      case[3]), function()
        local at = os.date("!%Y-%m-%dT%H:%M:%SZ", NOW + case[1])
        local found, _, logged = get(stub(good { Expiration = at }), {}, nil,
          { random = function() return case[2] end })
        assert.equal(NOW + case[3], found.expiry_time)
        local is_extended = case[1] < 3600 and case[1] ~= 15 * 60 + 121
        assert.equal(is_extended, logged ~= "")
      end)
  end

  it("is told of as botocore does", function()
    local _, _, logged = get(stub(good {
      Expiration = "2001-01-01T00:00:00Z",
    }), {}, nil, { random = function() return 0 end })
    assert.equal("info: Attempting credential expiration extension due to a "
      .. "credential service availability issue. A refresh of these "
      .. "credentials will be attempted again within the next 17 minutes.",
      logged)
  end)
end)

describe("a machine that is no EC2 instance", function()
  -- A stub whose requests take time.
  local function slow(answer_to)
    local transport
    transport = stub { function(request)
      return answer_to(request, transport)
    end }
    return transport
  end

  local function swallow(request, transport)
    local till = transport.time + request.connect_timeout
    transport.time = math.min(till, request.deadline)
    return { name = till <= request.deadline and "ConnectTimeoutError"
      or "ApiCallTimeoutError" }
  end

  local function drip(request, transport)
    transport.time = request.deadline
    return { name = "ApiCallTimeoutError" }
  end

  -- As late as may be, and well.
  local function dawdle(request, transport)
    transport.time = request.deadline
    return { body = "x" }
  end

  for name, behaviour in next, { swallow = swallow, drip = drip,
                                 dawdle = dawdle } do
    it("learns it in time where requests " .. name, function()
      local transport = slow(behaviour)
      local found, err = get(transport)
      assert.is_nil(found)
      assert.is_nil(err)
      assert.is_true(#transport.requests >= 2)
      assert.is_true(transport.time - NOW <= PATIENCE)
    end)

    it("waits longer where the settings say so: " .. name, function()
      local transport = slow(behaviour)
      get(transport, { AWS_METADATA_SERVICE_TIMEOUT = "2",
                       AWS_METADATA_SERVICE_NUM_ATTEMPTS = "3" })
      local passed = transport.time - NOW
      assert.is_true(passed > 8 and passed <= 2 * 3 * PATIENCE)
    end)

    it("waits no longer than the call: " .. name, function()
      local transport = slow(behaviour)
      assert.is_nil(get(transport, {}, nil, { deadline = NOW + 0.5 }))
      assert.is_true(transport.time <= NOW + 0.5)
      for _, request in ipairs(transport.requests) do
        assert.is_true(request.deadline <= NOW + 0.5)
      end
    end)
  end

  it("asks no more once it is late", function()
    local transport = slow(function(_, transport)
      transport.time = transport.time + 3
      return { body = "x" }
    end)
    assert.is_nil(get(transport))
    assert.equal(1, #transport.requests)
  end)

  it("hears of the call's end, and of no other", function()
    for _, behaviour in ipairs { swallow, drip } do
      local transport = slow(behaviour)
      local found, err = get(transport, {}, nil, { deadline = NOW + 0.5 })
      assert.is_nil(found)
      assert.equal("ApiCallTimeoutError", err.name)
      assert.equal(1, #transport.requests)
    end
  end)
end)

describe("credentials of an instance over HTTP", function()
  local service, hosts, transport

  local function new()
    return new_transport { max_idle_time = 50, max_pool_connections = 10 }
  end

  setup(function()
    service = scripted.start(new())
    hosts = hostile.start()
  end)

  teardown(function()
    service:stop()
    hosts:stop()
  end)

  before_each(function() transport = new() end)

  local function ask(port, path)
    return get(transport, {
      AWS_EC2_METADATA_SERVICE_ENDPOINT =
        ("http://127.0.0.1:%d%s"):format(port, path or ""),
    })
  end

  -- It ends in time, with no credentials and no error.
  local function check_none(port, path, least)
    local start = transport:monotonic()
    local found, err = ask(port, path)
    local passed = transport:monotonic() - start
    assert.is_nil(found)
    assert.is_nil(err)
    assert.is_true(passed < PATIENCE, passed)
    assert.is_true(passed >= (least or 0), passed)
  end

  it("are asked for as they should be", function()
    service:script {
      { body = "imds-token" }, { body = "my-role" }, { body = document() },
    }
    local found = ask(service.http)
    assert.equal("SKIMDS", found.secret_key)
    assert.equal(date.from_iso "2099-01-01T00:00:00Z", found.expiry_time)
    local asked = service:requests()
    assert.equal(3, #asked)
    local lines = {}
    for i, request in ipairs(asked) do
      lines[i] = request.method .. " " .. request.target
    end
    assert.same({ "PUT " .. TOKEN_PATH, "GET " .. ROLES,
                  "GET " .. ROLES .. "my-role" }, lines)
    local host = { "host", ("127.0.0.1:%d"):format(service.http) }
    assert.same(host, asked[1].headers[1])
    assert.same({ "x-aws-ec2-metadata-token-ttl-seconds", "21600" },
      asked[1].headers[2])
    for i = 2, 3 do
      assert.same({ host, { "x-aws-ec2-metadata-token", "imds-token" } },
        asked[i].headers)
    end
  end)

  it("come from IMDSv1 where a token is late", function()
    service:script {
      { fail = "hang" }, { body = "my-role" }, { body = document() },
    }
    assert.equal("AKIMDS", ask(service.http).access_key)
  end)

  it("are not followed elsewhere", function()
    local moved = { status = 302, headers = {
      Location = ("http://127.0.0.1:%d/there"):format(service.http),
    } }
    service:script { moved, moved, { body = "my-role" } }
    assert.is_nil(ask(service.http))
    assert.equal(2, #service:requests())
  end)

  it("are none of a server of pages", function()
    local page = { body = "<html><body>Welcome</body></html>" }
    service:script { page, page, page }
    check_none(service.http)
    assert.equal(3, #service:requests())
    local lines = { body = "<html>\n<body>\nWelcome" }
    service:script { lines, lines, lines }
    local _, err, logged = ask(service.http)
    assert.equal("CredentialRetrievalError", err.name)
    check_silent(err, logged)
  end)

  it("are none where nobody listens", function()
    check_none(service.closed)
  end)

  it("are none, and soon, where nobody answers", function()
    check_none(hosts.mute, "", 1.9)
    service:script {
      { body = "imds-token", delay = 0.7 }, { body = "my-role", delay = 0.7 },
      { fail = "hang" },
    }
    check_none(service.http, "", 2.3)
  end)

  it("are none, and soon, where nobody takes the connection", function()
    check_none(hosts.deaf, "", 1.9)
  end)

  it("are none, and soon, where an answer drips", function()
    check_none(hosts.http, "/drip_body", 2.1)
  end)

  it("fail where an answer never ends", function()
    local found, err = ask(hosts.http, "/endless_body")
    assert.is_nil(found)
    assert.equal("HTTPClientError", err.name)
  end)

  it("may come in a large answer", function()
    local large = document { Note = ("x"):rep(2 ^ 20) }
    service:script {
      { body = "imds-token" }, { body = "my-role" }, { body = large },
    }
    assert.equal("AKIMDS", ask(service.http).access_key)
  end)
end)
