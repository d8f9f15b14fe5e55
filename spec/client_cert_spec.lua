local clients = require "spec.support.client"
local cjson = require "cjson"
local files = require "spec.support.files"
local iotdataplane = require "iotdataplane"
local nginx = require "spec.support.nginx"
local server = require "spec.support.server"
local stub = require "iotdataplane.transport.stub"

local ALPN = { "x-amzn-http-ca" }

local doors

setup(function() doors = server.start "tls_doors.py" end)

teardown(function() doors:stop() end)

local function at(name)
  return doors.directory .. "/" .. name
end

-- As iotdataplane.client, in an empty environment; nil and an error.
local function new(config, options)
  config.signature_version = "unsigned"
  config.retries, config.read_timeout = { total_max_attempts = 1 }, 10
  local all = { config = config, endpoint_url = "https://127.0.0.1" }
  for name, value in next, options or {} do all[name] = value end
  return clients.new({}, all)
end

-- ---- the files ----

local good = {
  { "rsa.pem", "rsa.key" }, { "rsa.pem", "rsa_pkcs8.key" },
  { "rsa.pem", "rsa_old.key" }, { "client.pem", "client.key" },
  { "client.pem", "client_pkcs8.key" }, { "client.pem", "client_old.key" },
}

local ENCRYPTED = "it is encrypted, and no pass phrase can be given"
local OTHERS = "it is not the key of the certificate"
local NO_KEY = "it has no private key in PEM that can be read"
local NO_CERT = "it has no certificate in PEM that can be read"
local CERT, KEY = "certificate", "private key"

-- certificate, key, what is wrong with which, and how
local bad = {
  { "rsa.pem", "rsa_locked.key", KEY, ENCRYPTED },
  { "rsa.pem", "rsa_old_locked.key", KEY, ENCRYPTED },
  { "client.pem", "client_locked.key", KEY, ENCRYPTED },
  { "client.pem", "client_old_locked.key", KEY, ENCRYPTED },
  { "client.pem", "rsa.key", KEY, OTHERS },
  { "client.pem", "other.key", KEY, OTHERS },
  { "client.pem", "client.pem", KEY, NO_KEY },
  { "client.pem", "openssl.cnf", KEY, NO_KEY },
  { "client.pem", "no.key", KEY, "No such file or directory" },
  { "client.pem", ".", KEY, "Is a directory" },
  { "client.key", "client.key", CERT, NO_CERT },
  { "openssl.cnf", "client.key", CERT, NO_CERT },
  { "no.pem", "no.key", CERT, "No such file or directory" },
}

describe("the files of config.client_cert", function()
  local function made(config)
    local transport = stub()
    local client, err = new(config, { transport = transport })
    if not client then return nil, err end
    assert(client:try("publish", { topic = "a" }))
    return transport.requests[1].tls
  end

  for _, pair in ipairs(good) do
    it(("may be %s and %s"):format(pair[1], pair[2]), function()
      local cert, key = at(pair[1]), at(pair[2])
      assert.same({ verify = true, cert = cert, key = key },
        made { client_cert = { cert, key } })
    end)
  end

  for _, name in ipairs { "rsa_both.pem", "client_both.pem" } do
    it("may be one: " .. name, function()
      local both = at(name)
      assert.same({ verify = true, cert = both, key = both },
        made { client_cert = both })
    end)
  end

  for _, case in ipairs(bad) do
    it(("cannot be %s and %s"):format(case[1], case[2]), function()
      local cert, key = at(case[1]), at(case[2])
      local tls, err = made { client_cert = { cert, key } }
      assert.is_nil(tls)
      assert.equal("InvalidConfigError", err.name)
      assert.equal(("The %s of client_cert cannot be used: %s: %s"):format(
        case[3], case[3] == KEY and key or cert, case[4]), err.message)
    end)
  end

  it("are looked at when the client is made", function()
    local ok, err = pcall(iotdataplane.client, {
      endpoint_url = "https://127.0.0.1", config = {
        signature_version = "unsigned", client_cert = at "no.pem",
      },
    })
    assert.is_false(ok)
    assert.equal("InvalidConfigError", err.name)
    assert.is_truthy(err:is_a "BotoCoreError")
  end)
end)

-- ---- at the doors ----

-- Of a client whose certificate is `name`'s, at that server.
local function options_for(name, door)
  return {
    verify = at "ca.pem", transport = "curl",
    endpoint_url = ("https://127.0.0.1:%d"):format(doors[door]),
  }, { client_cert = { at(name .. ".pem"), at(name .. ".key") } }
end

local function publish(name, door, changes)
  local options, config = options_for(name, door)
  for key, value in next, changes or {} do config[key] = value end
  local client = assert(new(config, options))
  local result, err = client:try("publish", { topic = "a/b", payload = "hi" })
  client:close()
  return result, err
end

-- What the s_server has said since.
local function listen(door)
  local before = #files.read(at(door .. ".log"))
  return function() return files.read(at(door .. ".log")):sub(before + 1) end
end

local function refused(reason, ...)
  local result, err = publish(...)
  assert.is_nil(result)
  assert.equal("SSLError", err.name)
  assert.is_truthy(err.message:find(reason, 1, true), err.message)
end

describe("a client with a certificate", function()
  for _, name in ipairs { "rsa", "client" } do
    it(("publishes with %s.pem, by ALPN"):format(name), function()
      local said = listen "openssl_alpn"
      assert(publish(name, "openssl_alpn", { alpn = ALPN }))
      said = said()
      assert.is_truthy(said:find("ALPN protocols selected: x-amzn-http-ca", 1,
        true), said)
      assert.is_truthy(said:find("subject=CN = " .. name, 1, true), said)
      assert.is_truthy(said:find("POST /topics/a%2Fb HTTP/1.1\r\n", 1, true))
      assert.is_nil(said:lower():find("authorization:", 1, true))
    end)

    it(("publishes with %s.pem, without"):format(name), function()
      local said = listen "openssl"
      assert(publish(name, "openssl"))
      assert.is_truthy(said():find("subject=CN = " .. name, 1, true))
    end)
  end

  it("needs ALPN where only that is spoken", function()
    refused("no application protocol", "client", "openssl_alpn")
    refused("no application protocol", "client", "openssl_alpn",
      { alpn = { "x-other" } })
  end)

  it("is not sent to a server that knows no ALPN", function()
    local said = listen "openssl"
    refused("the server agreed to none of the protocols of config.alpn",
      "client", "openssl", { alpn = ALPN })
    assert.is_nil(said():find("POST", 1, true))
  end)

  it("must be known", function()
    refused("unknown ca", "self_signed", "openssl", {
      client_cert = { at "self_signed.pem", at "server.key" },
    })
  end)

  it("is needed", function()
    local options = options_for("client", "openssl")
    local client = assert(new({}, options))
    local result, err = client:try("publish", { topic = "a" })
    assert.is_nil(result)
    assert.equal("SSLError", err.name)
    assert.is_truthy(err.message:find("certificate required", 1, true))
  end)
end)

-- Copies a certificate and its key to where a client looks for them.
local function install(name)
  for _, kind in ipairs { ".pem", ".key" } do
    files.write(at("renewed" .. kind), files.read(at(name .. kind)))
  end
end

describe("a certificate in nginx's hands", function()
  if os.execute "command -v nginx >/dev/null" ~= 0
     and os.execute "command -v nginx >/dev/null" ~= true then
    pending "needs nginx"
    return
  end

  local function shown(client)
    local result = assert(client:try("publish", { topic = "a" }))
    local fields = result.ResponseMetadata.HTTPHeaders
    return fields["x-client"], fields["x-resumed"]
  end

  it("is shown", function()
    local headers = assert(publish("rsa", "nginx")).ResponseMetadata
      .HTTPHeaders
    assert.equal("CN=rsa", headers["x-client"])
  end)

  it("may be renewed while the client is there", function()
    install "client"
    local options, config = options_for("renewed", "nginx")
    local client = assert(new(config, options))
    assert.equal("CN=client", (shown(client)))
    client:close()
    assert.equal("CN=client", (shown(client)))
    install "other"
    client:close()
    assert.same({ "CN=other", "." }, { shown(client) })
  end)

  it("has a protocol that nginx knows not", function()
    refused("no application protocol", "client", "nginx", { alpn = ALPN })
  end)
end)

-- ---- cosockets ----

local HTTP = [[
  lua_ssl_protocols TLSv1.2 TLSv1.3;
  lua_ssl_trusted_certificate $ca;
  lua_ssl_verify_depth 3;
]]

local LOCATIONS = [[
  location = /publish { content_by_lua_block {
    require "spec.support.nginx_doors".publish "$dir/options.json"
  } }
]]

describe("a client with a certificate in a worker", function()
  if not nginx.is_there() then
    pending "needs LuaJIT, nginx and its module for Lua"
    return
  end

  local worker, shown

  setup(function()
    install "client"
    worker = nginx.start {
      http = HTTP:gsub("%$ca", at "ca.pem"), locations = LOCATIONS,
      files = { ["options.json"] = cjson.encode {
        port = doors.nginx, cert = at "renewed.pem", key = at "renewed.key",
      } },
    }
    function shown() return (worker:get "/publish") end
  end)

  teardown(function() worker:stop() end)

  it("shows it, and another once it is renewed", function()
    assert.equal("CN=client", shown())
    assert.equal("CN=client", shown())
    install "rsa"
    assert.equal("CN=rsa", shown())
  end)

  it("says what to do about ALPN", function()
    local said = worker:get "/publish?alpn"
    assert.is_truthy(said:find("^SSLError: .*ALPN: use port 8443"), said)
  end)
end)
