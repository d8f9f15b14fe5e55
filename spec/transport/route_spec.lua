local core = require "iotdataplane.core"
local route = require "iotdataplane.transport.route"

local function copy(t, changes)
  local new = {}
  for key, value in pairs(t) do new[key] = value end
  for key, value in pairs(changes or {}) do new[key] = value end
  return new
end

local proxy = { scheme = "http", host = "p.example", port = 3128 }
local user = copy(proxy, { user = "me", password = "secret" })
local plain = { scheme = "http", host = "b.example", port = 80 }

local function header(text)
  return { "Proxy-Authorization", "Basic " .. core.base64_encode(text) }
end

describe("route.for_proxy", function()
  -- what is not as in `plain`, the authority, the header
  for what, case in pairs {
    ["no proxy"] = { {} },
    ["a proxy that only passes on"] = { { proxy = user, scheme = "https" } },
    ["the default port"] = { { proxy = proxy }, "http://b.example" },
    ["another port"] = {
      { proxy = proxy, port = 443 }, "http://b.example:443" },
    ["an IPv6 address"] = {
      { proxy = proxy, host = "::1", port = 81 }, "http://[::1]:81" },
    ["a user"] = {
      { proxy = user }, "http://b.example", header "me:secret" },
    ["a user without a password"] = {
      { proxy = copy(proxy, { user = "me" }) }, "http://b.example",
      header "me:" },
  } do
    it("knows " .. what, function()
      local authority, authorization = route.for_proxy(copy(plain, case[1]))
      assert.equal(case[2], authority)
      assert.same(case[3], authorization)
    end)
  end
end)

describe("route.with", function()
  it("adds a header and leaves the request its own", function()
    local headers = { { "a", "1" }, { "b", "2" } }
    assert.same({ { "a", "1" }, { "b", "2" }, { "c", "3" } },
                route.with(headers, { "c", "3" }))
    assert.equal(2, #headers)
  end)
end)

describe("route.parts", function()
  it("come in the order of iot_pool_open", function()
    assert.same({ "https", "h", "8443", "1", "/ca", "/cert", "/key", "1",
                  "http", "p.example", "3128", "me", "secret", "\3a/1\1b" },
      route.parts({
        scheme = "https", host = "h", port = 8443, tcp_keepalive = true,
        tls = { cert = "/cert", key = "/key", alpn = { "a/1", "b" } },
        proxy = user,
      }, "/ca"))
  end)

  it("are all there where a request has next to nothing", function()
    assert.same({ "http", "b.example", "80", "1", "", "", "", "0", "", "",
                  "", "", "", "" }, route.parts(plain, ""))
  end)

  for verify, flag in pairs { [true] = "1", [false] = "0", ["/ca"] = "1" } do
    it("have a flag for verify = " .. tostring(verify), function()
      local request = copy(plain, { tls = { verify = verify } })
      assert.equal(flag, route.parts(request, "")[4])
    end)
  end
end)
