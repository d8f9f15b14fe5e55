local container = require "iotdataplane.credentials.container"
local date = require "iotdataplane.date"
local hostile = require "spec.support.hostile"
local new_transport = require "iotdataplane.transport.curl"
local new_world = require "iotdataplane.credentials.world"
local scripted = require "spec.support.scripted"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local EXPIRY = "2099-01-01T00:00:00Z"
local DIRECTORY = "/case"
local RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
local FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
local TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"

local function document(changes)
  local fields = {
    AccessKeyId = "AKECS", SecretAccessKey = "SKECS", Token = "TOKECS",
    Expiration = EXPIRY,
  }
  for name, value in next, changes or {} do
    fields[name] = value ~= "absent" and value or nil
  end
  return fields
end

-- JSON as Python writes it, of the flat tables that the cases have.
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

-- What a world with these variables and files says; and what it logged.
local function get(transport, env, files, changes)
  local logged = {}
  local fields = {
    options = { config = { logger = function(_, message)
      logged[#logged + 1] = message
    end } },
    getenv = function(name) return env[name] end,
    files = { read = function(path)
      local text = files and files[path]
      if text then return text end
      return nil, path .. ": No such file or directory"
    end },
    transport = transport, profile_name = "default", region = "us-east-1",
    verify = true, connect_timeout = 60, read_timeout = 60,
  }
  for name, value in next, changes or {} do fields[name] = value end
  local credentials, err = container.get(new_world(fields))
  return credentials, err, table.concat(logged, "\n")
end

local function url_of(request)
  local host = request.host
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  local default = request.scheme == "https" and 443 or 80
  local port = request.port ~= default and (":%d"):format(request.port) or ""
  local query = request.query ~= "" and "?" .. request.query or ""
  return request.scheme .. "://" .. host .. port .. request.path .. query
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
  assert.equal(expected.method or "GET", request.method)
  if expected.failed then
    assert.equal(expected.url, ("%s://%s:%d"):format(request.scheme,
      request.host, request.port))
    return
  end
  assert.equal(expected.url, url_of(request))
  assert.same(expected.headers, headers_of(request))
end

local secrets = { "AKECS", "SKECS", "TOKECS", "filetoken", "envtoken" }

local function check_silent(err, logged, more)
  local text = logged .. "\n" .. tostring(err)
  for _, secret in ipairs(secrets) do
    assert.is_nil(text:find(secret, 1, true), text)
  end
  for _, secret in ipairs(more or {}) do
    assert.is_nil(text:find(secret, 1, true), text)
  end
end

-- Errors that are accidents of Python's: what ours must name instead.
local accidents = { KeyError = true, FileNotFoundError = true }

local function check_error(expected, err)
  assert.is_not_nil(err)
  if not accidents[expected.class] then
    assert.equal(expected.class, err.name)
    assert.equal(expected.text, err.message)
    return
  end
  assert.equal("CredentialRetrievalError", err.name)
  assert.matches("container-role: ", err.message, 1, true)
  local what = expected.text:match("'(.*)'"):gsub("%${DIR}", DIRECTORY)
  assert.matches(what, err.message, 1, true)
end

local function check_credentials(expected, found)
  assert.equal(expected.access_key_id, found.access_key)
  assert.equal(expected.secret_access_key, found.secret_key)
  assert.equal(expected.session_token, found.token)
  assert.equal(expected.method, found.method)
  assert.equal(date.from_iso(EXPIRY), found.expiry_time)
end

local function placed(text)
  return (text:gsub("%${DIR}", DIRECTORY))
end

local function check_case(case)
  local env, files, answers = {}, {}, {}
  for name, value in next, case.env do env[name] = placed(value) end
  for path, text in next, case.files do
    files[DIRECTORY .. "/" .. path] = text
  end
  for i, answer in ipairs(case.http or {}) do
    answers[i] = answer_of(answer)
  end
  answers[#answers + 1] = { status = 404, body = "unscripted" }
  local transport = stub(answers)
  local found, err, logged = get(transport, env, files)
  local expected = case.expected
  local requests = expected.requests or {}
  assert.equal(#requests, #transport.requests)
  for i, request in ipairs(requests) do
    check_request(request, transport.requests[i])
  end
  check_silent(err, logged)
  if expected.error then
    assert.is_nil(found)
    return check_error(expected.error, err)
  end
  check_credentials(expected.credentials, found)
end

-- Is the case one of this provider alone?
local function is_ours(case)
  local credentials = case.expected.credentials
  return case.name:find("^container%-")
    and (not credentials or credentials.method == "container-role")
end

describe("credentials of a container, as boto3 has them", function()
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
    if cases then assert.equal(27, count) end
  end)
end)

describe("credentials of a container", function()
  local ok = { { status = 200, body = to_json(document()) } }

  it("are none where no variable names an agent", function()
    local transport = stub(ok)
    local found, err = get(transport, { [TOKEN] = "envtoken" })
    assert.is_nil(found)
    assert.is_nil(err)
    assert.same({}, transport.requests)
  end)

  it("are waited for for 2 s, and asked for again after 1 s", function()
    local transport = stub { { status = 500 } }
    local found, err = get(transport, { [RELATIVE] = "/c" })
    assert.is_nil(found)
    assert.equal("CredentialRetrievalError", err.name)
    assert.equal(3, #transport.requests)
    assert.same({ 1, 1 }, transport.sleeps)
    assert.equal(2, transport.requests[3].connect_timeout)
    assert.equal(2, transport.requests[3].read_timeout)
  end)

  it("end with the call", function()
    local transport = stub { { status = 500 } }
    local found, err = get(transport, { [RELATIVE] = "/c" }, nil,
      { deadline = transport.time + 1.5 })
    assert.is_nil(found)
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal(2, #transport.requests)
  end)

  local refused = {
    "http://127.0.0.256/c", "http://127.1/c", "http://127.0.0.01/c",
    "http://128.0.0.1/c", "http://127.0.0.1.example.com/c",
    "http://127.0.0.1@example.com/c", "http://[::2]/c", "http://[1::1]/c",
    "http://[fd00:ec2::24]/c", "http://169.254.170.22/c",
    "ftp://localhost/c", "localhost/c", "",
    "http://", "http://local host/c", "http://localhost\n/c",
    "http://localhost:99999/c",
  }
  for _, url in ipairs(refused) do
    it(("are not asked for at %q"):format(url), function()
      local transport = stub(ok)
      local found, err = get(transport, { [FULL] = url })
      assert.is_nil(found)
      assert.equal("ValueError", err.name)
      assert.matches("^Unsupported host '", err.message)
      assert.same({}, transport.requests)
    end)
  end

  local allowed = {
    "http://127.0.0.1/c", "http://127.255.255.255:8080/c?x=1",
    "http://[0:0:0:0:0:0:0:1]/c", "http://[fd00:ec2::23]/c",
    "https://10.0.0.1/c", "https://localhost/c",
  }
  for _, url in ipairs(allowed) do
    it("are asked for at " .. url, function()
      local transport = stub(ok)
      assert.equal("AKECS", get(transport, { [FULL] = url }).access_key)
      assert.equal(url, url_of(transport.requests[1]))
    end)
  end

  it("are asked for without a user's name and password", function()
    local transport = stub { { name = "EndpointConnectionError" } }
    local _, err = get(transport,
      { [FULL] = "http://user:hidden@localhost/c?hidden" })
    assert.matches('"http://localhost/c"', err.message, 1, true)
    assert.equal("http://localhost/c?hidden", url_of(transport.requests[1]))
  end)

  for _, token in ipairs { "a\rb", "a\n", "a\0b" } do
    it(("are asked for with no token like %q"):format(token), function()
      local transport = stub(ok)
      local _, err = get(transport, { [FULL] = "http://localhost/c",
        [TOKEN .. "_FILE"] = "t" }, { t = token .. "filetoken" })
      assert.equal("ValueError", err.name)
      assert.equal("Auth token value is not a legal header value",
        err.message)
      assert.same({}, transport.requests)
    end)
  end

  it("are asked for with a good token before at a good place", function()
    local _, err = get(stub(ok), { [FULL] = "http://10.0.0.1/c",
                                   [TOKEN] = "a\nb" })
    assert.equal("Auth token value is not a legal header value", err.message)
  end)

  it("are verified though the client's endpoint is not", function()
    for given, verify in next, { [false] = true, ["/ca"] = "/ca" } do
      local transport = stub(ok)
      get(transport, { [FULL] = "https://localhost/c" }, nil,
        { verify = given })
      assert.equal(verify, transport.requests[1].tls.verify)
    end
  end)

  it("are used though they are over, or have no token", function()
    local found = get(stub { { body = to_json(document {
      Expiration = "2001-01-01T00:00:00Z", Token = "",
    }) } }, { [RELATIVE] = "/c" })
    assert.equal(978307200, found.expiry_time)
    assert.is_nil(found.token)
  end)

  -- The answer's body, and what the error says of it.
  local poor = {
    { to_json(document { AccessKeyId = "AKE\\nCS" }),
      "AccessKeyId has control characters" },
    { to_json(document { SecretAccessKey = "SKE\\rCS" }),
      "SecretAccessKey has control characters" },
    { to_json(document { Token = "TOKE\\u0000CS" }),
      "Token has control characters" },
    { to_json(document { SecretAccessKey = "" }),
      "SecretAccessKey is empty" },
    { to_json(document { AccessKeyId = "absent" }),
      "AccessKeyId is missing in the answer" },
    { to_json(document { Expiration = "absent" }),
      "Expiration is missing in the answer" },
    { to_json(document { Expiration = "SKECS" }), "Expiration is not a date" },
    { to_json(document()):gsub('"SKECS"', '["SKECS"]'),
      "SecretAccessKey is not a string" },
    { to_json(document()):gsub('"TOKECS"', "null"), "Token is not a string" },
    { "null", "the answer is not a JSON object" },
    { '"SKECS"', "the answer is not a JSON object" },
    { "[]", "AccessKeyId is missing in the answer" },
  }
  for _, case in ipairs(poor) do
    local body, text = case[1], case[#case]
    it("are refused: " .. body, function()
      local transport = stub { { body = body } }
      local found, err, logged = get(transport, { [RELATIVE] = "/c" })
      assert.is_nil(found)
      assert.equal("CredentialRetrievalError", err.name)
      assert.equal("Error when retrieving credentials from container-role: "
        .. text, err.message)
      assert.equal(1, #transport.requests)
      check_silent(err, logged, { "CS" })
    end)
  end

  local START = "Received non 200 response 403 from container metadata"

  local function shown_of(body, token)
    local _, err, logged = get(stub { { status = 403, body = body } },
      { [RELATIVE] = "/c", [TOKEN] = token })
    check_silent(err, logged)
    return err.message:match(START .. "(.*)$")
  end

  it("leave no secret of an answer in an error", function()
    for _, body in ipairs {
      to_json(document()), '{"SecretAccessKey":"S', '{"Token":"x',
      "you sent envtoken", "\255\254",
    } do
      assert.equal("", shown_of(body, "envtoken"))
    end
    assert.equal(": no", shown_of("no", ""))
    assert.equal(": a b", shown_of "a\nb")
  end)

  it("cut what an error shows at 1000 bytes", function()
    assert.equal(": " .. ("x"):rep(1000), shown_of(("x"):rep(1000)))
    assert.equal(": " .. ("x"):rep(1000), shown_of(("x"):rep(5000)))
    local whole = ("x"):rep(999)
    assert.equal(": " .. whole, shown_of(whole .. "\195\164"))
  end)
end)

describe("credentials of a container over HTTP", function()
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

  -- The real one, but no waits between attempts, and short ones for answers.
  before_each(function()
    local real = new()
    transport = { sleeps = {} }
    function transport.send(_, request)
      local copy = setmetatable({}, { __index = request })
      copy.read_timeout = request.read_timeout / 10
      return real:send(copy)
    end
    function transport:sleep(seconds)
      -- until a time that was reckoned a moment ago
      self.sleeps[#self.sleeps + 1] = math.ceil(seconds * 10) / 10
    end
    function transport.now() return real:now() end
    function transport.monotonic() return real:monotonic() end
  end)

  local function ask(port, scheme, path, changes)
    return get(transport, {
      [FULL] = ("%s://127.0.0.1:%d%s"):format(scheme or "http", port,
        path or "/v1?a=b"),
      [TOKEN] = "envtoken",
    }, nil, changes)
  end

  local good = { status = 200, body = document() }

  it("are asked for as they should be", function()
    service:script { good }
    assert.equal("SKECS", ask(service.http).secret_key)
    local asked = service:requests()
    assert.equal(1, #asked)
    assert.equal("GET", asked[1].method)
    assert.equal("/v1?a=b", asked[1].target)
    assert.same({
      { "host", ("127.0.0.1:%d"):format(service.http) },
      { "accept", "application/json" }, { "authorization", "envtoken" },
    }, asked[1].headers)
  end)

  it("come over HTTPS of an authority that is known", function()
    service:script { good }
    local found = ask(service.https, "https", nil,
      { verify = service.ca_pem })
    assert.equal("TOKECS", found.token)
    local _, err = ask(service.https, "https")
    assert.equal("SSLError", err.name)
    assert.same({}, transport.sleeps)
  end)

  it("come after what passes", function()
    local html = "<html>\n<body>Gateway</body>\n</html>"
    local bad = { -- on a kept connection the transport itself tries again
      { fail = "close" }, { status = 503, body = "busy" }, { fail = "hang" },
      { status = 200, body = html }, { status = 404, body = html },
    }
    for _, first in ipairs(bad) do
      service:script { first, good }
      assert.equal("AKECS", ask(service.http).access_key)
      assert.equal(2, #service:requests())
      assert.equal(1, table.remove(transport.sleeps))
    end
  end)

  it("are not followed elsewhere", function()
    local there = ("http://127.0.0.1:%d/there"):format(service.http)
    local moved = { status = 307, headers = { Location = there } }
    service:script { moved, moved, moved, good }
    local found, err = ask(service.http)
    assert.is_nil(found)
    assert.matches("Received non 200 response 307", err.message, 1, true)
    for _, request in ipairs(service:requests()) do
      assert.equal("/v1?a=b", request.target)
    end
  end)

  it("fail where nobody listens, or nobody answers", function()
    local _, err, logged = ask(service.closed)
    assert.equal("CredentialRetrievalError", err.name)
    assert.matches("Received error when attempting to retrieve container "
      .. "metadata: Could not connect", err.message, 1, true)
    check_silent(err, logged)
    service:script { { fail = "hang" }, { fail = "hang" }, { fail = "hang" } }
    _, err = ask(service.http)
    assert.matches("metadata: Read timeout on", err.message, 1, true)
    assert.same({ 1, 1, 1, 1 }, transport.sleeps)
  end)

  it("fail where the answer never ends", function()
    local found, err = ask(hosts.http, "http", "/endless_body")
    assert.is_nil(found)
    assert.equal("HTTPClientError", err.name)
  end)

  it("may come in a large answer, of which little is shown", function()
    local large = ("x"):rep(2 ^ 20)
    service:script { { status = 200, body = document { Note = large } } }
    assert.equal("AKECS", ask(service.http).access_key)
    local bad = { status = 403, body = large }
    service:script { bad, bad, bad }
    local _, err = ask(service.http)
    assert.is_true(#err.message < 1200)
  end)
end)
