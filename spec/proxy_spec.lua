local proxy = require "iotdataplane.proxy"

-- What proxy.of makes of an environment {NAME = value}, which it may not ask
-- where there is none.
local function of(target, proxies, environment)
  local scheme, host, port = target:match "^(%a+)://%[?(.-)%]?:(%d+)$"
  return proxy.of(scheme, host, tonumber(port), proxies, function(name)
    return assert(environment, "the environment was asked")[name]
  end)
end

local function url_of(...)
  local found, err = of(...)
  assert.is_nil(err)
  return found and found.url
end

local HTTPS, HTTP = "https://a.b.example:443", "http://a.b.example:80"

describe("a proxy's URL", function()
  local cases = {
    { "http://p.example", { "http", "p.example", 80 } },
    { "https://p.example", { "https", "p.example", 443 } },
    { "http://p.example:3128", { "http", "p.example", 3128 } },
    { "http://p.example:3128/", { "http", "p.example", 3128 },
      "http://p.example:3128" },
    { "http://p.example:/a?b#c", { "http", "p.example", 80 },
      "http://p.example:" },
    { "http://p.example:0", { "http", "p.example", 80 } },
    { "https://p.example:0", { "https", "p.example", 443 } },
    { "http://p.example:65535", { "http", "p.example", 65535 } },
    { "HTTP://P.Example:3128", { "http", "p.example", 3128 },
      "http://P.Example:3128" },
    { "HttpS://p.example", { "https", "p.example", 443 },
      "https://p.example" },
    { "p.example:3128", { "http", "p.example", 3128 },
      "http://p.example:3128" },
    { "p.example", { "http", "p.example", 80 }, "http://p.example" },
    { "httpd:3128", { "http", "httpd", 3128 }, "http://httpd:3128" },
    { "//p.example:3128", { "http", "p.example", 3128 },
      "http://p.example:3128" },
    { "http://127.0.0.1:3128", { "http", "127.0.0.1", 3128 } },
    { "http://[::1]:3128", { "http", "::1", 3128 } },
    { "https://[FE80::1.2.3.4]", { "https", "fe80::1.2.3.4", 443 } },
    { "[::1]:3128", { "http", "::1", 3128 }, "http://[::1]:3128" },
    { "http://my_proxy-1:3128", { "http", "my_proxy-1", 3128 } },
    { "http://pr\195\188fung:1", { "http", "pr\195\188fung", 1 } },
    { "http://us:pw@p.example:3128",
      { "http", "p.example", 3128, "us", "pw" },
      "http://***:***@p.example:3128" },
    { "us:pw@p.example", { "http", "p.example", 80, "us", "pw" },
      "http://***:***@p.example" },
    { "http://u%3As%40x:p%2fw%25%C3%A9%zz%4@[::1]",
      { "http", "::1", 80, "u:s@x", "p/w%\195\169%zz%4" },
      "http://***:***@[::1]" },
    { "http://us:p@w:x@p.example", { "http", "p.example", 80, "us", "p@w:x" },
      "http://***:***@p.example" },
    -- as in boto3, nobody is who lacks one of both
    { "http://us@p.example", { "http", "p.example", 80 },
      "http://***@p.example" },
    { "http://us:@p.example", { "http", "p.example", 80 },
      "http://***:@p.example" },
    { "http://:pw@p.example", { "http", "p.example", 80 },
      "http://:***@p.example" },
    { "http://@p.example", { "http", "p.example", 80 },
      "http://@p.example" },
  }

  for _, case in ipairs(cases) do
    it("is read: " .. case[1], function()
      local w = case[2]
      assert.same({
        scheme = w[1], host = w[2], port = w[3], user = w[4], password = w[5],
        url = case[3] or case[1],
      }, (of(HTTPS, { https = case[1] })))
    end)
  end

  local PARSE = "An HTTP Client raised an unhandled exception: "
    .. "Failed to parse: "
  local NO_HOST = "An HTTP Client raised an unhandled exception: "
    .. "No host specified."

  local wrong = {
    { "http://", NO_HOST }, { "http:///", NO_HOST }, { "//", NO_HOST },
    { "http:p.example", NO_HOST }, { "https:", NO_HOST },
    { "http://p.example:65536", PARSE .. "http://p.example:65536" },
    { "http://:3128", PARSE .. "http://:3128" },
    { "http://us:pw@", PARSE .. "http://***@" },
    { "http://us:pw@:80", PARSE .. "http://***@:80" },
    { " ", PARSE .. "http:// " },
    { "http://p example:80", PARSE .. "http://p example:80" },
    { "http://p.example\n:80", PARSE .. "http://p.example\n:80" },
    { "http://p%41.example", PARSE .. "http://p%41.example" },
    { "http://[::1", PARSE .. "http://[::1" },
    { "http://[]:80", PARSE .. "http://[]:80" },
    { "http://[p.example]", PARSE .. "http://[p.example]" },
    { "http://[beef]:80", PARSE .. "http://[beef]:80" },
    { "http://[::1]x:80", PARSE .. "http://[::1]x:80" },
    { "http://::1:80", PARSE .. "http://:***" },
    { "socks5h://us:pw@p.example:1080", "An HTTP Client raised an unhandled "
      .. "exception: Not supported proxy scheme socks5h" },
    { "http://us:se%00cret@p.example", PARSE .. "http://***@p.example" },
    { "http://us%00:secret@p.example", PARSE .. "http://***@p.example" },
    -- a password that was not encoded
    { "http://us:se/cret@p.example:80", PARSE .. "http://***@p.example:80" },
    { "http://us:80/secret@p.example", PARSE .. "http://***@p.example" },
    { "http://us:80?secret@p.example", PARSE .. "http://***@p.example" },
    { "http://us:80#secret@p.example", PARSE .. "http://***@p.example" },
    { "us:se/cret@p.example:80", PARSE .. "http://***@p.example:80" },
    { "http://us:secret@p.example:9x", PARSE .. "http://***@p.example:***" },
    { "http://us:secret", PARSE .. "http://us:***" },
    { "http://us:5ecret", PARSE .. "http://us:***" },
    { "us:secret", PARSE .. "http://us:***" },
  }

  for _, case in ipairs(wrong) do
    it(("is refused: %q"):format(case[1]), function()
      local found, err = of(HTTPS, { https = case[1] })
      assert.is_nil(found)
      assert.equal("HTTPClientError", err.name)
      assert.equal(case[2], err.message)
      assert.equal("not_sent", err.delivery)
    end)
  end
end)

describe("config.proxies", function()
  local both = { http = "http://one:1", https = "http://two:2" }

  it("is by the target's scheme", function()
    assert.equal("http://one:1", url_of(HTTP, both))
    assert.equal("http://two:2", url_of(HTTPS, both))
  end)

  it("leaves the way direct where it names no proxy", function()
    for _, proxies in ipairs {
      {}, { https = "" }, { http = "http://one:1" }, { all = "http://one:1" },
      { [HTTPS] = "http://one:1" }, { HTTPS = "http://one:1" },
    } do
      assert.same({ n = 1 }, { n = select("#", of(HTTPS, proxies)),
                               of(HTTPS, proxies) })
    end
  end)
end)

describe("the environment's proxy", function()
  local P, Q = "http://p:1", "http://q:2"

  local cases = {
    { HTTPS, {}, nil },
    { HTTPS, { https_proxy = P }, P },
    { HTTPS, { HTTPS_PROXY = P }, P },
    { HTTPS, { https_proxy = P, HTTPS_PROXY = Q }, P },
    { HTTPS, { https_proxy = "", HTTPS_PROXY = Q }, nil },
    { HTTPS, { https_proxy = P, HTTPS_PROXY = "" }, P },
    { HTTPS, { HTTPS_PROXY = "" }, nil },
    { HTTPS, { http_proxy = P, HTTP_PROXY = P }, nil },
    { HTTPS, { all_proxy = P, ALL_PROXY = P }, nil },
    { HTTP, { http_proxy = P }, P },
    { HTTP, { HTTP_PROXY = P }, P },
    { HTTP, { https_proxy = P, HTTPS_PROXY = P }, nil },
    -- a CGI script's HTTP_PROXY is a header of the request's
    { HTTP, { HTTP_PROXY = P, REQUEST_METHOD = "GET" }, nil },
    { HTTP, { HTTP_PROXY = P, REQUEST_METHOD = "" }, nil },
    { HTTP, { http_proxy = P, REQUEST_METHOD = "GET" }, P },
    { HTTPS, { HTTPS_PROXY = P, REQUEST_METHOD = "GET" }, P },
    { HTTPS, { https_proxy = "p:1" }, P },
  }

  for i, case in ipairs(cases) do
    it("is botocore's: case " .. i, function()
      assert.equal(case[3], url_of(case[1], nil, case[2]))
    end)
  end

  it("is an error where it is malformed", function()
    local found, err = of(HTTPS, nil, { https_proxy = "http://us:secret" })
    assert.is_nil(found)
    assert.equal("HTTPClientError", err.name)
  end)

  -- target, NO_PROXY, is it excepted?
  local exceptions = {
    { HTTPS, "*", true },
    { HTTPS, " *", false },
    { HTTPS, "*,x", false },
    { HTTPS, "a.b.example", true },
    { HTTPS, "A.B.Example", true },
    { HTTPS, ".a.b.example", true },
    { HTTPS, "..a.b.example", true },
    { HTTPS, "b.example", true },
    { HTTPS, ".b.example", true },
    { HTTPS, "example", true },
    { HTTPS, ".example.", false },
    { HTTPS, ".b.exampl", false },
    { HTTPS, "x.a.b.example", false },
    { HTTPS, "*.b.example", false },
    { HTTPS, ".", false },
    { HTTPS, "", false },
    { HTTPS, ",", false },
    { HTTPS, "x, ,\tb.example ,y", true },
    { HTTPS, "x b.example", false },
    { HTTPS, "a%.b.example", false },
    { "https://xb.example:443", "b.example", false },
    { "https://A.example:443", "a.example", true },
    { "https://a.example:8443", "a.example:8443", true },
    { "https://a.example:8443", "example:8443", true },
    { "https://a.example:8443", "a.example:443", false },
    { "https://a.example:8443", "a.example:84", false },
    { "https://a.example:8443", "a.example", true },
    { "http://127.0.0.1:80", "127.0.0.1", true },
    { "http://127.0.0.1:80", "127.0.0.0/8", false },
    { "http://127.0.0.1:80", "0.1", true },
    { "http://[::1]:8080", "[::1]", true },
    { "http://[::1]:8080", "[::1]:8080", true },
    { "http://[::1]:8080", "[::1]:80", false },
    { "http://localhost:80", "local", false },
  }

  for _, case in ipairs(exceptions) do
    it(("is %s for %s where NO_PROXY is %q"):format(
      case[3] and "none" or "one", case[1], case[2]), function()
      for _, name in ipairs { "no_proxy", "NO_PROXY" } do
        local expected = not case[3] and P or nil
        local environment = { https_proxy = P, http_proxy = P }
        environment[name] = case[2]
        assert.equal(expected, url_of(case[1], nil, environment))
      end
    end)
  end

  -- Beyond Python, which knows a port only where the URL has one.
  it("is none where NO_PROXY has the default port", function()
    local environment = { https_proxy = P, no_proxy = "b.example:443" }
    assert.is_nil(url_of(HTTPS, nil, environment))
  end)

  it("is excepted by the lower-case name", function()
    local environment = { https_proxy = P, no_proxy = "x", NO_PROXY = "*" }
    assert.equal(P, url_of(HTTPS, nil, environment))
    environment.no_proxy = ""
    assert.equal(P, url_of(HTTPS, nil, environment))
  end)
end)
