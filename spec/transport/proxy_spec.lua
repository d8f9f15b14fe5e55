local child = require "spec.support.child"
local leaks = require "spec.support.fault_leaks"
local new = require "iotdataplane.transport.curl"
local proxies = require "spec.support.proxy"

local USER = "k\195\164the o'neil"
local PASSWORD = "p@ss: w/%rd?#\240\159\148\145"
local BASIC = "Basic a8OkdGhlIG8nbmVpbDpwQHNzOiB3LyVyZD8j8J+UkQ=="

local SOON = 0.1 -- seconds, of a time-out that is meant to be seen

local function new_transport()
  return new { max_idle_time = 50, max_pool_connections = 10 }
end

describe("through a proxy", function()
  local world, transport

  local function request(scheme, proxy, changes)
    local made = {
      method = "POST", scheme = scheme, host = "127.0.0.1", path = "/echo",
      query = "a=b", headers = { { "host", "here" } }, body = "x",
      connect_timeout = 10, read_timeout = 10, replay = true,
      tls = { verify = world.ca_pem }, tcp_keepalive = false,
      proxy = type(proxy) == "string" and world:proxy(proxy) or proxy,
    }
    for name, value in next, changes or {} do made[name] = value end
    made.port = made.port or world[scheme]
    return made
  end

  local function send(...)
    return transport:send(request(...))
  end

  -- Sends, and has an answer of the origin's.
  local function ok(...)
    local response, failure = send(...)
    assert.is_nil(failure and failure.name .. ": " .. failure.message)
    assert.equal(200, response.status)
    return response.body
  end

  -- Sends, and has that failure; the message tells of no password.
  local function fails(name, sent, ...)
    local response, failure = send(...)
    assert.is_nil(response)
    assert.same({ name, sent }, { failure.name, failure.sent })
    assert.is_truthy(failure.message:find "%w")
    assert.is_nil(failure.message:find("p@ss", 1, true))
  end

  local function head(...)
    return table.concat({ ... }, "\r\n") .. "\r\n\r\n"
  end

  local function somebody(name, changes)
    local proxy = world:proxy(name, { user = USER, password = PASSWORD })
    for key, value in next, changes or {} do proxy[key] = value end
    return proxy
  end

  setup(function() world = proxies.start(new_transport()) end)

  teardown(function() world:stop() end)

  before_each(function()
    world:clear()
    transport = new_transport()
  end)

  after_each(function() transport = nil end)

  -- ---- what is sent ----

  local ECHO = head("POST /echo?a=b HTTP/1.1", "host: here",
                    "Content-Length: 1") .. "x"

  for _, name in ipairs { "open", "old", "wordy", "tls" } do
    it("https goes by CONNECT: " .. name, function()
      assert.equal(ECHO, ok("https", name))
      local far = "127.0.0.1:" .. world.https
      assert.same({
        head("CONNECT " .. far .. " HTTP/1.1", "Host: " .. far,
             "Proxy-Connection: Keep-Alive"),
      }, world:heads(name))
      assert.same({ 1, 1 }, { world:origin "https" })
    end)
  end

  for _, name in ipairs { "open", "tls" } do
    it("http goes in the absolute form: " .. name, function()
      assert.equal(ECHO, ok("http", name))
      assert.same({
        head("POST http://127.0.0.1:" .. world.http .. "/echo?a=b HTTP/1.1",
             "host: here", "Content-Length: 1"),
      }, world:heads(name))
    end)
  end

  local lines = {
    { "http", "a.invalid", 80, "POST http://a.invalid/echo?a=b HTTP/1.1" },
    { "http", "a.invalid", 443,
      "POST http://a.invalid:443/echo?a=b HTTP/1.1" },
    { "http", "::1", 80, "POST http://[::1]/echo?a=b HTTP/1.1" },
    { "http", "::1", 81, "POST http://[::1]:81/echo?a=b HTTP/1.1" },
    { "https", "a.invalid", 443, "CONNECT a.invalid:443 HTTP/1.1" },
    { "https", "::1", 444, "CONNECT [::1]:444 HTTP/1.1" },
  }

  for _, case in ipairs(lines) do
    it("the proxy is told the origin's name: " .. case[4], function()
      send(case[1], "says_502", { host = case[2], port = case[3] })
      assert.equal(case[4], world:heads("says_502")[1]:match "^[^\r]*")
    end)
  end

  it("sends a large body, and reads a large answer", function()
    local body = ("0123456789abcdef"):rep(64 * 1024)
    for _, name in ipairs { "open", "tls" } do
      for _, scheme in ipairs { "https", "http" } do
        local echoed = ok(scheme, name, { body = body })
        assert.is_true(echoed:sub(-#body) == body)
      end
    end
  end)

  -- ---- who we are ----

  local function authorizations(name)
    local found = {}
    for _, seen in ipairs(world:heads(name)) do
      for value in seen:gmatch "[Pp]roxy%-[Aa]uthorization: ([^\r]*)" do
        found[#found + 1] = value
      end
    end
    return found
  end

  for _, name in ipairs { "auth", "tls_auth" } do
    for _, scheme in ipairs { "https", "http" } do
      it(("says who we are to %s before %s, only"):format(name, scheme),
        function()
          assert.equal(ECHO, ok(scheme, somebody(name)))
          assert.same({ BASIC }, authorizations(name))
        end)
    end

    it("is not let through by " .. name .. " with a wrong password",
      function()
        fails("ProxyConnectionError", false, "https",
          somebody(name, { password = "p@ss" }))
        fails("ProxyConnectionError", false, "https", name)
        assert.equal(2, #world:heads(name)) -- it was not tried again
        assert.same({ 0, 0 }, { world:origin "https" })
      end)

    it("has the answer of " .. name .. " to a wrong password", function()
      local response = send("http", somebody(name, { password = "p@ss" }))
      assert.equal(407, response.status)
      assert.equal(1, #world:heads(name))
    end)
  end

  it("says who we are with an empty password, too", function()
    ok("https", world:proxy("open", { user = "us" }))
    ok("https", world:proxy("open", { user = "us", password = "" }))
    ok("http", world:proxy("other", { user = "us" }))
    ok("http", world:proxy("other", { user = "us", password = "" }))
    assert.same({ "Basic dXM6" }, authorizations "open")
    assert.same({ "Basic dXM6", "Basic dXM6" }, authorizations "other")
  end)

  it("leaves the request as it was", function()
    local made = request("http", somebody "auth")
    assert.equal(200, transport:send(made).status)
    assert.same({ { "host", "here" } }, made.headers)
  end)

  it("says it at each request, and never to the origin itself", function()
    local made = request("http", somebody "open")
    for _ = 1, 2 do assert.equal(200, transport:send(made).status) end
    assert.same({ BASIC, BASIC }, authorizations "open")
    assert.equal(ECHO, ok("http"))
    assert.equal(ECHO, ok("https"))
  end)

  it("takes no NUL in a name or password", function()
    for _, changes in ipairs { { user = "a\0b" }, { password = "a\0b" },
                               { host = "127.0.0.1\0" } } do
      fails("HTTPClientError", false, "https", somebody("open", changes))
      assert.same({}, world:heads "open")
    end
  end)

  -- ---- connections that are kept ----

  for _, name in ipairs { "open", "tls" } do
    for _, scheme in ipairs { "https", "http" } do
      it(("keeps the connection by %s to %s"):format(name, scheme), function()
        for _ = 1, 3 do ok(scheme, name) end
        assert.equal(1, #world:heads(name))
      end)
    end
  end

  -- Any two of these.
  local function ways()
    return {
      nil, world:proxy "open", world:proxy "other", world:proxy "tls",
      world:proxy("open", { host = "localhost" }),
      world:proxy("open", { user = "a", password = "b" }),
      world:proxy("open", { user = "a", password = "c" }),
      world:proxy("open", { user = "ab", password = "" }),
    }, 8
  end

  for _, scheme in ipairs { "https", "http" } do
    it("no two ways share a connection to " .. scheme, function()
      local way, n = ways()
      local tls = { verify = world.ca_pem } -- a client's own, for all of them
      for _ = 1, 2 do
        for i = 1, n do ok(scheme, way[i], { tls = tls }) end
      end
      local count = #world:heads "open" + #world:heads "other"
        + #world:heads "tls"
      assert.equal(n - 1, count)
      if scheme == "https" then
        assert.same({ n, 2 * n }, { world:origin "https" })
      end
    end)
  end

  it("an equal proxy has the same connection", function()
    for _ = 1, 3 do ok("https", somebody "auth") end
    assert.equal(1, #world:heads "auth")
  end)

  it("asks for another tunnel where the origin closed the first", function()
    ok("https", "open")
    world:close_origins()
    ok("https", "open")
    assert.equal(2, #world:heads "open")
    assert.same({ 2, 2 }, { world:origin "https" })
  end)

  -- ---- what fails before there is a tunnel ----

  local refusals = {
    "says_407", "says_407_and_goes", "says_502", "says_302", "says_204",
    "says_201", "goes", "resets", "garbage", "binary", "half", "half_resets",
    "endless", "tls_expired", "tls_wrong_name",
    "closed", "closes_at_once", "resets_at_once", -- no proxies at all
  }

  for _, name in ipairs(refusals) do
    it("https fails by the proxy: " .. name, function()
      fails("ProxyConnectionError", false, "https", somebody(name))
      assert.is_true(#world:connections(name) <= 1)
    end)
  end

  local hangs = { "hangs", "half_hangs", "says_half_a_page", "mute", "deaf" }

  for _, name in ipairs(hangs) do
    it("https fails by the proxy in time: " .. name .. " #timing", function()
      local start = transport:monotonic()
      fails("ProxyConnectionError", false, "https", name,
        { connect_timeout = SOON })
      local took = transport:monotonic() - start
      assert.is_true(took >= SOON and took < SOON + 0.1)
    end)
  end

  it("fails by a TLS proxy that is none, or hangs", function()
    for _, name in ipairs { "open", "mute", "hangs" } do
      for _, scheme in ipairs { "https", "http" } do
        fails("ProxyConnectionError", false, scheme,
          world:proxy(name, { scheme = "https" }), { connect_timeout = SOON })
      end
    end
  end)

  it("fails by the proxy where its name is unknown", function()
    for _, scheme in ipairs { "https", "http" } do
      fails("ProxyConnectionError", false, scheme,
        world:proxy("open", { host = "nowhere.invalid" }))
    end
  end)

  for _, name in ipairs { "closed", "tls_expired", "tls_wrong_name" } do
    it("http fails by the proxy: " .. name, function()
      fails("ProxyConnectionError", false, "http", somebody(name))
    end)
  end

  it("http fails by a proxy that is deaf", function()
    fails("ProxyConnectionError", false, "http", "deaf",
      { connect_timeout = SOON })
  end)

  it("has a deadline of the call's", function()
    for _, name in ipairs { "hangs", "deaf", "then_hangs" } do
      fails("ApiCallTimeoutError", false, "https", name,
        { deadline = transport:monotonic() + SOON })
    end
  end)

  it("a proxy's certificate is held to `verify`", function()
    fails("ProxyConnectionError", false, "https", "tls",
      { tls = { verify = world.other_ca_pem } })
    fails("ProxyConnectionError", false, "http", "tls",
      { tls = { verify = true } })
    ok("https", "tls_expired", { tls = { verify = false } })
    ok("http", "tls_wrong_name", { tls = { verify = false } })
  end)

  it("a proxy does not get our certificate", function()
    local tls = { verify = world.ca_pem, cert = world.client_pem,
                  key = world.client_key }
    ok("https", "tls_curious", { tls = tls, port = world.mutual })
    ok("http", "tls_curious", { tls = tls })
    local seen = world:connections "tls_curious"
    assert.same({ false, false }, { seen[1].certificate, seen[2].certificate })
  end)

  it("ALPN is for the origin, whatever leads there", function()
    local tls = { verify = world.ca_pem, alpn = { "x-amzn-http-ca" } }
    for _, name in ipairs { "open", "tls_curious" } do
      ok("https", name, { tls = tls, port = world.alpn })
      fails("SSLError", false, "https", name, { tls = tls })
    end
    ok("http", "tls_curious", { tls = tls })
    for _, seen in ipairs(world:connections "tls_curious") do
      assert.not_equal("x-amzn-http-ca", seen.alpn)
    end
  end)

  it("fails by a proxy that wants our certificate", function()
    local tls = { verify = world.ca_pem, cert = world.client_pem,
                  key = world.client_key }
    for _, name in ipairs { "mutual", "mutual_12" } do
      local proxy = world:proxy(name, { scheme = "https" })
      fails("ProxyConnectionError", false, "https", proxy, { tls = tls })
      fails("ProxyConnectionError", name == "mutual", "http", proxy,
        { tls = tls })
    end
  end)

  -- ---- and after it ----

  local broken = {
    then_closes = "SSLError", then_goes = "SSLError",
    then_resets = "SSLError", then_talks = "SSLError",
    then_hangs = "ConnectTimeoutError",
  }

  for name, class in next, broken do
    it("fails by the origin, for all we know: " .. name, function()
      fails(class, false, "https", somebody(name),
        { connect_timeout = class ~= "SSLError" and SOON or nil })
    end)
  end

  local origins = {
    { "ConnectTimeoutError", "mute" }, { "SSLError", "closes_at_hello" },
    { "SSLError", "plain_at_hello" }, { "SSLError", "expired" },
    { "SSLError", "wrong_name" }, { "SSLError", "untrusted" },
    -- it is the proxy that could not go there
    { "ProxyConnectionError", "closed" },
  }

  for _, case in ipairs(origins) do
    it(("an origin that is %s is a %s"):format(case[2], case[1]), function()
      for _, name in ipairs { "open", "tls" } do
        fails(case[1], false, "https", name, {
          port = world[case[2]],
          connect_timeout = case[2] == "mute" and 2 * SOON or nil,
        })
      end
    end)
  end

  it("an origin that wants a certificate is an SSLError", function()
    fails("SSLError", true, "https", "open", { port = world.mutual })
  end)

  it("an answer is an answer, whoever gives it", function()
    for name, status in next, { says_407 = 407, says_502 = 502,
                                says_302 = 302 } do
      assert.equal(status, send("http", name).status)
    end
    assert.equal(502, send("http", "open", { port = world.closed }).status)
  end)

  it("fails as without a proxy, once it is sent", function()
    for _, name in ipairs { "open", "tls" } do
      fails("ConnectionClosedError", true, "https", name,
        { path = "/closes" })
      fails("ReadTimeoutError", true, "https", name,
        { path = "/silent", read_timeout = SOON })
    end
    fails("ReadTimeoutError", true, "http", "hangs", { read_timeout = SOON })
    fails("ConnectionClosedError", true, "http", "resets")
    fails("HTTPClientError", true, "http", "garbage")
  end)

  -- ---- the environment ----

  -- What spec/support/proxy_child.lua prints in that environment.
  local function in_environment(environment, ...)
    return child.output(environment, "spec/support/proxy_child.lua", ...)
  end

  it("is the one that is given, whatever the environment says", function()
    local other = ("http://127.0.0.1:%d"):format(world.proxy_other)
    local environment = "NO_PROXY='*' no_proxy='*' http_proxy=" .. other
      .. " https_proxy=" .. other .. " all_proxy=" .. other
    for _, scheme in ipairs { "https", "http" } do
      assert.equal("200\n", in_environment(environment, scheme, world[scheme],
        "/ok", world.ca_pem, world.proxy_open))
    end
    assert.equal(2, #world:heads "open")
    assert.equal(0, #world:heads "other")
  end)

  it("prints nothing of what a proxy says", function()
    assert.equal("ProxyConnectionError\n", in_environment("", "https",
      world.https, "/ok", world.ca_pem, world.proxy_says_407_and_goes))
  end)

  -- ---- descriptors ----

  local rounds = {
    "open", "tls", "auth", "says_407_and_goes", "says_502", "says_201",
    "goes", "resets", "garbage", "half", "tls_expired", "closed",
    "closes_at_once",
  }

  local broken_rounds = {
    "then_goes", "then_resets", "then_talks", "hangs", "half_hangs",
    "then_hangs",
  }

  local function run_rounds(times)
    for _ = 1, times do
      for _, name in ipairs(rounds) do
        send("https", name)
        send("http", name)
      end
      for _, name in ipairs(broken_rounds) do
        local late = name:find "hangs$"
        send("https", name, { connect_timeout = late and 0.002 or nil })
      end
    end
    transport:close()
  end

  it("leaves no descriptor open", function()
    run_rounds(2)
    local before = leaks.fewest_descriptors()
    run_rounds(50)
    assert.is_true(leaks.fewest_descriptors() <= before)
  end)
end)
