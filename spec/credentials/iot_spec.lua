local date = require "iotdataplane.date"
local hostile = require "spec.support.hostile"
local iot = require "iotdataplane.credentials.iot"
local new_transport = require "iotdataplane.transport.curl"
local new_world = require "iotdataplane.credentials.world"
local scripted = require "spec.support.scripted"
local stub = require "iotdataplane.transport.stub"

local HOST = "xyz.credentials.iot.eu-west-1.amazonaws.com"
local EXPIRY = "2099-01-01T00:00:00Z"

local function options(changes)
  local all = {
    endpoint = HOST, role_alias = "alias", client_cert = { "c.pem", "c.key" },
  }
  for name, value in next, changes or {} do all[name] = value end
  for name, value in next, all do
    if value == "absent" then all[name] = nil end
  end
  return all
end

local function fields(changes)
  local found = {
    accessKeyId = "AKIOT", secretAccessKey = "SKIOT",
    sessionToken = "TOKIOT", expiration = EXPIRY,
  }
  for name, value in next, changes or {} do found[name] = value end
  return found
end

-- JSON of a flat table; a text that is JSON already stands with a "=" first.
local function to_json(found)
  local parts = {}
  for name, value in next, found do
    local text = value:match("^=(.*)$") or '"' .. value .. '"'
    parts[#parts + 1] = ('"%s":%s'):format(name, text)
  end
  return '{"credentials":{' .. table.concat(parts, ",") .. "}}"
end

local GOOD = to_json(fields())

local function world_of(transport, changes)
  local logged = {}
  local world = {
    options = { config = { logger = function(_, message)
      logged[#logged + 1] = message
    end } },
    getenv = function() return nil end, files = {}, transport = transport,
    profile_name = "default", region = "eu-west-1", verify = true,
    connect_timeout = 60, read_timeout = 60,
  }
  for name, value in next, changes or {} do world[name] = value end
  return new_world(world), logged
end

-- What a provider of these options says.
local function get(transport, changes, in_world)
  local world, logged = world_of(transport, in_world)
  local found, err = iot(options(changes))(world)
  return found, err, table.concat(logged, "\n")
end

local function check_silent(err, logged)
  local text = logged .. "\n" .. tostring(err)
  for _, secret in ipairs { "AKI", "SKI", "TOKI" } do
    assert.is_nil(text:find(secret, 1, true), text)
  end
end

describe("arguments of AWS IoT's credentials", function()
  -- The options' changes, and what the error names.
  local wrong = {
    { { endpoint = "absent" }, "'endpoint' must be a string, got nil" },
    { { endpoint = 1 }, "'endpoint' must be a string, got number" },
    { { endpoint = "" }, "'endpoint' is empty" },
    { { endpoint = "http://" .. HOST }, "'endpoint' must be a host" },
    { { endpoint = "a b" }, "'endpoint' must be a host" },
    { { endpoint = HOST .. "/path" }, "'endpoint' must be a host" },
    { { endpoint = HOST .. "?query" }, "'endpoint' must be a host" },
    { { endpoint = HOST .. "\r\nx: y" }, "'endpoint' must be a host" },
    { { endpoint = "user@" .. HOST }, "'endpoint' must be a host" },
    { { endpoint = "127.0.0.1:99999" }, "'endpoint' must be a host" },
    { { role_alias = "absent" }, "'role_alias' must be a string, got nil" },
    { { role_alias = "" }, "'role_alias' is empty" },
    { { thing_name = true }, "'thing_name' must be a string, got boolean" },
    { { thing_name = "" }, "'thing_name' is empty" },
    { { thing_name = "a\r\nx: y" }, "'thing_name' has CR, LF or NUL" },
    { { thing_name = "a\nb" }, "'thing_name' has CR, LF or NUL" },
    { { thing_name = "a\0b" }, "'thing_name' has CR, LF or NUL" },
    { { client_cert = "absent" },
      "'client_cert' must be a string or a table, got nil" },
    { { client_cert = "" }, "'client_cert' is empty" },
    { { client_cert = {} }, "'client_cert' must be a path, or {cert, key}" },
    { { client_cert = { "c.pem" } },
      "'client_cert' must be a path, or {cert, key}" },
    { { client_cert = { "c.pem", "" } },
      "'client_cert' must be a path, or {cert, key}" },
    { { client_cert = { 1, "c.key" } },
      "'client_cert' must be a path, or {cert, key}" },
    { { verify = 1 }, "'verify' must be a boolean or a string, got number" },
    { { verify = "" }, "'verify' is empty" },
    { { connect_timeout = 0 }, "'connect_timeout' must be positive" },
    { { read_timeout = -1 }, "'read_timeout' must be positive" },
    { { read_timeout = 0 / 0 }, "'read_timeout' must be positive" },
    { { read_timeout = "1" }, "'read_timeout' must be a number, got string" },
    { { rolealias = "x" }, "unknown option 'rolealias'" },
    { { [1] = "x" }, "unknown option '1'" },
  }

  local function raised_by(argument)
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() local f = iot(argument) return f end)
    assert.is_false(ok)
    assert.matches("iot_spec%.lua:" .. line .. ": bad argument #1 to 'iot' ",
      message)
    return message
  end

  for _, case in ipairs(wrong) do
    it("are refused: " .. case[2], function()
      assert.matches(case[2], raised_by(options(case[1])), 1, true)
    end)
  end

  it("are refused where they are no table", function()
    assert.matches("(table expected, got nil)", raised_by(nil), 1, true)
    assert.matches("(table expected, got string)", raised_by "x", 1, true)
  end)

  it("are not looked at again", function()
    local mine = options { thing_name = "thing" }
    mine.client_cert = { "c.pem", "c.key" }
    local provider = iot(mine)
    mine.role_alias, mine.client_cert[1] = "other", "other.pem"
    local transport = stub { { body = GOOD } }
    provider((world_of(transport)))
    local request = transport.requests[1]
    assert.equal("/role-aliases/alias/credentials", request.path)
    assert.equal("c.pem", request.tls.cert)
  end)
end)

describe("AWS IoT's credentials", function()
  it("are asked for with the client's certificate", function()
    local transport = stub { { body = GOOD } }
    local found, err = get(transport, { thing_name = "thing" })
    assert.is_nil(err)
    assert.same({
      access_key = "AKIOT", secret_key = "SKIOT", token = "TOKIOT",
      expiry_time = date.from_iso(EXPIRY), method = "iot",
    }, found)
    local request = transport.requests[1]
    assert.same({ "GET", "https", HOST, 443, "/role-aliases/alias/credentials",
                  "", 5, 5 },
      { request.method, request.scheme, request.host, request.port,
        request.path, request.query, request.connect_timeout,
        request.read_timeout })
    assert.same({ { "host", HOST }, { "x-amzn-iot-thingname", "thing" } },
      request.headers)
    assert.same({ verify = true, cert = "c.pem", key = "c.key" }, request.tls)
  end)

  -- The options' changes, and what is asked for.
  local shapes = {
    { { role_alias = "a/b?c#d e%\r\n" },
      path = "/role-aliases/a%2Fb%3Fc%23d%20e%25%0D%0A/credentials" },
    { { role_alias = "Role=1,2@3-4_5" },
      path = "/role-aliases/Role%3D1%2C2%403-4_5/credentials" },
    { { endpoint = "127.0.0.1:8443" }, host = "127.0.0.1", port = 8443 },
    { { endpoint = "https://127.0.0.1:8443/" }, host = "127.0.0.1",
      port = 8443, path = "/role-aliases/alias/credentials" },
    { { endpoint = "[::1]:8443" }, host = "::1", port = 8443 },
    { { connect_timeout = 1.5, read_timeout = 2 }, connect_timeout = 1.5,
      read_timeout = 2 },
  }
  for i, case in ipairs(shapes) do
    it("are asked for as the options say, case " .. i, function()
      local transport = stub { { body = GOOD } }
      assert.equal("AKIOT", get(transport, case[1]).access_key)
      for name, value in next, case do
        if name ~= 1 then assert.equal(value, transport.requests[1][name]) end
      end
      assert.equal(1, #transport.requests[1].headers)
    end)
  end

  it("take one file for certificate and key", function()
    local transport = stub { { body = GOOD } }
    get(transport, { client_cert = "both.pem" })
    local tls = transport.requests[1].tls
    assert.same({ "both.pem", "both.pem" }, { tls.cert, tls.key })
  end)

  it("are verified as the option says, else as the client's", function()
    local function verify_of(own, clients)
      local transport = stub { { body = GOOD } }
      local all = options()
      all.verify = own
      iot(all)((world_of(transport, { verify = clients })))
      return transport.requests[1].tls.verify
    end
    assert.equal("/ca", verify_of(nil, "/ca"))
    assert.equal(false, verify_of(nil, false))
    assert.equal(true, verify_of(true, false))
    assert.equal(false, verify_of(false, true))
    assert.equal("/own", verify_of("/own", "/ca"))
  end)

  it("are used though they are over", function()
    local body = to_json(fields { expiration = "2001-01-01T00:00:00Z" })
    assert.equal(978307200, get(stub { { body = body } }).expiry_time)
  end)

  -- The answer's body, and what the error says of it.
  local poor = {
    { to_json(fields { accessKeyId = "AKI\\nOT" }),
      "accessKeyId has control characters" },
    { to_json(fields { secretAccessKey = "SKI\\u0000OT" }),
      "secretAccessKey has control characters" },
    { to_json(fields { sessionToken = "TOKI\\r\\nOT" }),
      "sessionToken has control characters" },
    { to_json(fields { sessionToken = "" }), "sessionToken is empty" },
    { to_json(fields { secretAccessKey = "=null" }),
      "secretAccessKey is not a string" },
    { to_json(fields { accessKeyId = "=[\"AKIOT\"]" }),
      "accessKeyId is not a string" },
    { to_json(fields { expiration = "SKIOT" }), "expiration is not a date" },
    { '{"credentials":{"accessKeyId":"AKIOT"}}',
      "secretAccessKey is missing in the answer" },
    { '{"credentials":null}', "the answer has no credentials" },
    { '{"accessKeyId":"AKIOT"}', "the answer has no credentials" },
    { "<html>SKIOT</html>", "the answer is not a JSON object" },
    { "", "the answer is not a JSON object" },
    { "null", "the answer is not a JSON object" },
  }
  for _, case in ipairs(poor) do
    it("are refused: " .. case[1], function()
      local transport = stub { { body = case[1] } }
      local found, err, logged = get(transport)
      assert.is_nil(found)
      assert.equal("CredentialRetrievalError", err.name)
      assert.equal("Error when retrieving credentials from iot: " .. case[2],
        err.message)
      assert.equal(1, #transport.requests)
      check_silent(err, logged)
    end)
  end

  local START = "Error when retrieving credentials from iot: the endpoint "
    .. "answered with HTTP status "

  local function failure(status, body)
    local transport = stub { { status = status, body = body } }
    local found, err, logged = get(transport)
    assert.is_nil(found)
    assert.equal("CredentialRetrievalError", err.name)
    assert.equal(START, err.message:sub(1, #START))
    check_silent(err, logged)
    return err.message:sub(#START + 1), transport
  end

  it("fail with the endpoint's message", function()
    for body, text in next, {
      ['{"message":"Invalid thing"}'] = "403: Invalid thing",
      ['{"message":"a\\nb"}'] = "403: a b",
      ['{"message":"' .. ("x"):rep(300) .. '"}'] = "403: " .. ("x"):rep(200),
      ['{"message":"' .. ("x"):rep(199) .. '\\u00e4"}'] =
        "403: " .. ("x"):rep(199),
      ['{"message":"secretAccessKey SKIOT"}'] = "403",
      ['{"message":"sessionToken TOKIOT"}'] = "403",
      ['{"message":"no","x":{"secretAccessKey":"SKIOT"}}'] = "403",
      ['{"message":null}'] = "403", ['{"message":""}'] = "403",
      ['"SKIOT"'] = "403", ["<html>SKIOT</html>"] = "403", [GOOD] = "403",
    } do
      local shown, transport = failure(403, body)
      assert.equal(text, shown)
      assert.equal(1, #transport.requests)
    end
  end)

  it("are not followed elsewhere", function()
    for _, status in ipairs { 204, 301, 307, 404 } do
      local shown, transport = failure(status, "")
      assert.equal(tostring(status), shown)
      assert.equal(1, #transport.requests)
    end
  end)

  it("are asked for three times, a second apart", function()
    for _, status in ipairs { 429, 500, 503 } do
      local shown, transport = failure(status, '{"message":"busy"}')
      assert.equal(status .. ": busy", shown)
      assert.equal(3, #transport.requests)
      assert.same({ 1, 1 }, transport.sleeps)
    end
    for _, name in ipairs { "EndpointConnectionError", "ConnectTimeoutError",
                            "ReadTimeoutError", "ConnectionClosedError" } do
      local transport = stub { { name = name } }
      local _, err = get(transport)
      assert.equal(name, err.name)
      assert.same({ 1, 1 }, transport.sleeps)
      transport = stub { { name = name }, { status = 500 }, { body = GOOD } }
      assert.equal("AKIOT", get(transport).access_key)
    end
  end)

  it("end with the call", function()
    local transport = stub { { status = 500 } }
    local found, err = get(transport, nil,
      { deadline = transport.time + 1.5 })
    assert.is_nil(found)
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal(2, #transport.requests)
  end)
end)

describe("AWS IoT's credentials over TLS", function()
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

  -- The real one, which does not wait between attempts.
  before_each(function()
    local real = new()
    transport = {}
    function transport.send(_, request) return real:send(request) end
    function transport.sleep() end
    function transport.now() return real:now() end
    function transport.monotonic() return real:monotonic() end
  end)

  local function ask(port, changes)
    local mine = {
      endpoint = ("127.0.0.1:%d"):format(port), thing_name = "thing",
      client_cert = { service.client_pem, service.client_key },
      verify = service.ca_pem,
    }
    for name, value in next, changes or {} do mine[name] = value end
    return get(transport, mine)
  end

  -- A file of either server's directory.
  local function beside(server, name)
    return (server.ca_pem:gsub("ca%.pem$", name))
  end

  local good = { body = { credentials = fields() } }

  it("are asked for as they should be", function()
    service:script { good }
    assert.equal("SKIOT", ask(service.mtls).secret_key)
    local asked = service:requests()
    assert.equal(1, #asked)
    assert.is_true(asked[1].tls)
    assert.is_true(asked[1].client)
    assert.equal("GET", asked[1].method)
    assert.equal("/role-aliases/alias/credentials", asked[1].target)
    assert.same({
      { "host", ("127.0.0.1:%d"):format(service.mtls) },
      { "x-amzn-iot-thingname", "thing" },
    }, asked[1].headers)
  end)

  it("take one file for certificate and key", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    for _, part in ipairs { service.client_pem, service.client_key } do
      local from = assert(io.open(part, "rb"))
      file:write(from:read "*a")
      from:close()
    end
    file:close()
    service:script { good }
    local found, err = ask(service.mtls, { client_cert = path })
    os.remove(path)
    assert.is_nil(err)
    assert.equal("AKIOT", found.access_key)
    assert.is_true(service:requests()[1].client)
  end)

  -- The hostile server wants a client's certificate too, sees to it that its
  -- refusal arrives, and answers 404 to whom it lets in.
  local function ask_strictly(cert, key)
    local _, err = ask(hosts.mutual, {
      client_cert = { beside(hosts, cert), beside(hosts, key) },
      verify = hosts.ca_pem,
    })
    return err
  end

  it("need a certificate that the endpoint knows", function()
    local err = ask_strictly("client.pem", "client.key")
    assert.equal("CredentialRetrievalError", err.name)
    err = ask_strictly("untrusted.pem", "server.key")
    assert.equal("SSLError", err.name)
  end)

  it("need a certificate at all", function()
    local _, err = world_of(transport):ask {
      url = ("https://127.0.0.1:%d/"):format(hosts.mutual),
      tls = { verify = hosts.ca_pem },
    }
    assert.equal("SSLError", err.name)
  end)

  it("need an endpoint whose authority is known", function()
    service:script { good }
    for _, verify in ipairs { beside(service, "other_ca.pem"), true } do
      local _, err = ask(service.mtls, { verify = verify })
      assert.equal("SSLError", err.name)
      assert.same({}, service:requests())
    end
    assert.equal("AKIOT", ask(service.mtls, { verify = false }).access_key)
  end)

  it("need files that are there", function()
    service:script { good }
    local found, err = ask(service.mtls, {
      client_cert = { beside(service, "no.pem"), beside(service, "no.key") },
    })
    assert.is_nil(found)
    assert.is_not_nil(err.name)
    assert.same({}, service:requests())
  end)

  it("fail where nobody listens, or nobody answers", function()
    local _, err = ask(service.closed)
    assert.equal("EndpointConnectionError", err.name)
    assert.matches(("https://127.0.0.1:%d/role-aliases/alias/credentials")
      :format(service.closed), err.message, 1, true)
    service:script { { fail = "hang" }, { fail = "hang" }, { fail = "hang" } }
    _, err = ask(service.mtls, { read_timeout = 0.1 })
    assert.equal("ReadTimeoutError", err.name)
    assert.equal(3, #service:requests())
  end)

  it("come after what passes", function()
    local bad = { -- on a kept connection the transport itself tries again
      { fail = "close" }, { status = 503, body = "busy" },
      { status = 429, body = { message = "slow down" } },
    }
    for _, first in ipairs(bad) do
      service:script { first, good }
      assert.equal("AKIOT", ask(service.mtls).access_key)
      assert.equal(2, #service:requests())
    end
  end)

  it("fail with what the endpoint says", function()
    service:script { { status = 403, body = { message = "Access Denied" } } }
    local _, err = ask(service.mtls)
    assert.matches("HTTP status 403: Access Denied", err.message, 1, true)
    service:script { { body = "<html>Welcome</html>" } }
    _, err = ask(service.mtls)
    assert.matches("is not a JSON object", err.message, 1, true)
    local there = ("https://127.0.0.1:%d/there"):format(service.mtls)
    service:script { { status = 302, headers = { Location = there } }, good }
    _, err = ask(service.mtls)
    assert.matches("HTTP status 302", err.message, 1, true)
    assert.equal(1, #service:requests())
  end)

  it("may come in a large answer, of which little is shown", function()
    local large = ("x"):rep(2 ^ 20)
    service:script { { body = { credentials = fields { note = large } } } }
    assert.equal("AKIOT", ask(service.mtls).access_key)
    service:script { { status = 403, body = { message = large } } }
    local _, err = ask(service.mtls)
    assert.is_true(#err.message < 400)
  end)

  it("fail where there is no end of the answer", function()
    local raw = "SFRUUC8xLjEgMjAwIE9LDQpDb250ZW50LUxlbmd0aDogOTk5OTk5OTk5OQ0K"
      .. "DQp4" -- HTTP/1.1 200 OK, Content-Length: 9999999999, x
    service:script { { raw = raw } }
    local found, err = ask(service.mtls)
    assert.is_nil(found)
    assert.equal("HTTPClientError", err.name)
  end)
end)
