-- nginx_beyond_tls.lua - beyond the contract: TLS and proxies of cosockets;
-- see nginx_beyond.lua

local luassert = require "luassert"
local proxies = require "spec.support.proxy"
local shake_hands = require "iotdataplane.transport.nginx_tls"

local SOON = 0.1 -- seconds

-- ---- TLS ----

local function own(t, port, changes)
  local tls = { cert = t.hosts.client_pem, key = t.hosts.client_key }
  for name, value in next, changes or {} do tls[name] = value end
  return { scheme = "https", port = t.hosts[port], tls = tls }
end

local function describe_tls(it, t)
  local ok, fails, has = t.ok, t.fails, t.has

  it("resumes a session of before", function()
    for _ = 1, 2 do
      ok("/ok", own(t, "mutual_12"))
      t.transport:close()
    end
    local seen = t.hosts:stats().connections
    luassert.same({ false, true }, { seen[1].resumed, seen[2].resumed })
  end)

  it("resumes none that was not verified", function()
    local whose = own(t, "mutual_12")
    whose.tls.verify = false
    ok("/ok", whose)
    t.transport:close()
    ok("/ok", own(t, "mutual_12"))
    local seen = t.hosts:stats().connections
    luassert.same({ false, false }, { seen[1].resumed, seen[2].resumed })
  end)

  it("never takes a connection that was not verified", function()
    local untrusted = { scheme = "https", port = t.hosts.untrusted,
                        tls = { verify = false } }
    ok("/ok", untrusted)
    untrusted.tls = { verify = true }
    fails("SSLError", false, "/ok", untrusted)
    untrusted.tls = { verify = "/a/bundle.pem" }
    has(fails("SSLError", false, "/ok", untrusted), "`verify`")
  end)

  it("says that it cannot read a certificate or key", function()
    local encrypted = os.tmpname()
    local file = assert(io.open(encrypted, "w"))
    file:write "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    file:close()
    for _, changes in ipairs {
      { cert = "/nowhere.pem" }, { key = "/nowhere.pem" }, { key = "/" },
      { cert = t.hosts.client_key }, { key = t.hosts.ca_pem },
    } do
      local path = changes.cert or changes.key
      has(fails("SSLError", false, "/ok", own(t, "mutual", changes)),
        "the worker cannot read", path)
    end
    has(fails("SSLError", false, "/ok",
      own(t, "mutual", { key = encrypted })), "the worker cannot read",
      encrypted, "it is encrypted")
    os.remove(encrypted)
    has(fails("SSLError", false, "/ok",
      own(t, "mutual", { cert = encrypted })), "the worker cannot read")
  end)

  it("says that it knows no ALPN, and what to do", function()
    local alpn = { alpn = { "x-amzn-http-ca" } }
    has(fails("SSLError", false, "/ok", { scheme = "https", tls = alpn }),
      "ALPN", "port 8443")
    ok("/ok", own(t, "mutual_12")) -- nor is it sent over a kept connection
    has(fails("SSLError", false, "/ok", own(t, "mutual_12", alpn)), "ALPN")
  end)

  local reasons = {
    { "22: certificate chain too long", "lua_ssl_verify_depth" },
    { "20: unable to get local issuer certificate",
      "lua_ssl_trusted_certificate" },
    { "handshake failed", "error log" },
  }
  for _, case in ipairs(reasons) do
    it("says what to do: " .. case[1], function()
      local sock = { sslhandshake = function() return nil, case[1] end }
      local _, reason = shake_hands(sock, "here", {})
      has(reason, case[1], case[2])
    end)
  end

  it("takes a handshake that raises as one that failed", function()
    local sock = { sslhandshake = function() error "certificate" end }
    local session, reason = shake_hands(sock, "here", {})
    luassert.is_nil(session)
    has(reason, "certificate")
  end)
end

-- ---- proxies ----

-- What the spec of proxies has of these goes through two TLS at once.
local origins = {
  mute = "ConnectTimeoutError", closes_at_hello = "SSLError",
  plain_at_hello = "SSLError", expired = "SSLError", wrong_name = "SSLError",
  untrusted = "SSLError", mutual_12 = "SSLError",
  closed = "ProxyConnectionError",
}

local function describe_proxies(it, t)
  local ok, fails, has = t.ok, t.fails, t.has

  local function by(name)
    return proxies.start(t.new_transport()):proxy(name)
  end

  for name, class in pairs(origins) do
    it(("an origin that is %s is a %s"):format(name, class), function()
      fails(class, false, "/ok", {
        scheme = "https", port = t.hosts[name], proxy = by "open",
        connect_timeout = name == "mute" and SOON or nil,
      })
    end)
  end

  it("fails as without a proxy, once it is sent", function()
    local way = { scheme = "https", proxy = by "open" }
    fails("ConnectionClosedError", true, "/closes", way)
    way.read_timeout = SOON
    fails("ReadTimeoutError", true, "/silent", way)
  end)

  it("says that it cannot speak TLS twice", function()
    has(fails("ProxyConnectionError", false, "/ok",
      { scheme = "https", proxy = by "tls" }), "cosockets", "TLS")
  end)

  it("a proxy's certificate is held to `verify`", function()
    fails("ProxyConnectionError", false, "/ok", { proxy = by "tls_expired" })
    ok("/ok", { proxy = by "tls_expired", tls = { verify = false } })
  end)

  it("a proxy does not get our certificate", function()
    local way = own(t, "http")
    way.scheme, way.proxy = "http", by "tls_curious"
    ok("/ok", way)
    local world = proxies.start(t.new_transport())
    luassert.is_false(world:connections "tls_curious"[1].certificate)
  end)

  it("sends a large body, and reads a large answer", function()
    local body = ("0123456789abcdef"):rep(64 * 1024)
    for _, scheme in ipairs { "https", "http" } do
      local echoed = ok("/echo",
        { scheme = scheme, proxy = by "open", body = body }).body
      luassert.is_true(echoed:sub(-#body) == body)
    end
  end)
end

return { tls = describe_tls, proxies = describe_proxies }
