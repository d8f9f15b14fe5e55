-- A custom authorizer of AWS IoT's: who we are stands in config.headers, and
-- nowhere else.

local clients = require "spec.support.client"
local iotdataplane = require "iotdataplane"
local new_transport = require "iotdataplane.transport.curl"
local scripted = require "spec.support.scripted"

local NAME, SIGNATURE = "x-amz-customauthorizer-name",
                        "x-amz-customauthorizer-signature"

local TOKEN, SIGNED = "hush-token", "hush/signature+=="

local HEADERS = {
  ["X-Amz-CustomAuthorizer-Name"] = "MyAuthorizer", ["MyToken"] = TOKEN,
  [SIGNATURE] = SIGNED,
}

describe("a custom authorizer", function()
  local service

  setup(function()
    service = scripted.start(new_transport {
      max_idle_time = 50, max_pool_connections = 1,
    })
  end)

  teardown(function() service:stop() end)

  local heard

  before_each(function() heard = {} end)

  -- A client at that port; everything that it says is heard.
  local function new(port, config, changes)
    local all = {
      signature_version = "unsigned", headers = HEADERS, read_timeout = 10,
      retries = { total_max_attempts = 1 },
      logger = function(level, text) heard[#heard + 1] = level .. text end,
    }
    for name, value in next, config or {} do all[name] = value end
    local options = {
      endpoint_url = ("https://127.0.0.1:%d"):format(service[port]),
      verify = service.ca_pem, config = all, transport = "curl",
    }
    for name, value in next, changes or {} do options[name] = value end
    return assert(clients.new({}, options))
  end

  local function by_name(headers)
    local values = {}
    for _, header in ipairs(headers) do values[header[1]] = header[2] end
    return values
  end

  it("is told who we are, at every attempt", function()
    service:script { { status = 503 }, { status = 200 } }
    local client = new("https", { retries = { total_max_attempts = 2 } })
    assert(client:try("publish", { topic = "a/b", payload = "hi" }))
    local asked = service:requests()
    assert.equal(2, #asked)
    for _, request in ipairs(asked) do
      local values = by_name(request.headers)
      assert.equal("/topics/a%2Fb", request.target)
      assert.same({ "MyAuthorizer", TOKEN, SIGNED },
        { values[NAME], values.mytoken, values[SIGNATURE] })
      for _, name in ipairs { "authorization", "x-amz-date",
                              "x-amz-security-token" } do
        assert.is_nil(values[name])
      end
    end
  end)

  it("may have its token in Authorization", function()
    service:script { {} }
    local client = new("https", {
      headers = { [NAME] = "MyAuthorizer", Authorization = "Bearer hush" },
    })
    assert(client:try("publish", { topic = "a" }))
    assert.equal("Bearer hush",
      by_name(service:requests()[1].headers).authorization)
  end)

  it("asks for neither region nor credentials", function()
    service:script { {} }
    local client = new "https"
    assert.is_nil(client.meta.region_name)
    assert(client:try("publish", { topic = "a" }))
  end)

  -- Is a secret anywhere in the value? In keys, in what is in it, in its text.
  local function tells(value, seen)
    seen = seen or {}
    if type(value) == "string" then return value:find("hush", 1, true) end
    if type(value) ~= "table" or seen[value] then return nil end
    seen[value] = true
    for key, item in next, value do
      if tells(key, seen) or tells(item, seen) then return true end
    end
    return tells(tostring(value), seen)
  end

  local function stays_secret(name, client, params)
    local result, err =
      client:try("publish", params or { topic = "a", payload = "x" })
    assert.is_nil(result)
    assert.equal(name, err.name)
    assert.is_nil(tells(err))
    assert.is_true(#heard > 0)
    assert.is_nil(tells(heard))
  end

  it("has its secrets in no error and in no log", function()
    service:script { { status = 403, body = { message = "Forbidden" } } }
    stays_secret("ClientError", new "https")
    service:script { { fail = "close" }, { fail = "close" } }
    stays_secret("ConnectionClosedError", new "https")
    service:script { { raw = "AAAA" }, { raw = "AAAA" } }
    stays_secret("HTTPClientError", new "https")
    service:script { { fail = "hang" }, { fail = "hang" } }
    stays_secret("ReadTimeoutError", new("https", { read_timeout = 0.1 }))
    stays_secret("EndpointConnectionError", new "closed")
    stays_secret("SSLError", new("https", nil, { verify = true }))
    stays_secret("ParamValidationError", new "https", {})
  end)

  it("has them in no log where nobody waits", function()
    local client = new "closed"
    client:publish_later { topic = "a" }
    client:flush()
    assert.is_true(#heard > 0)
    assert.is_nil(tells(heard))
  end)

  for what, headers in pairs {
    ["a line's end"] = { MyToken = "hush\r\nx: y" },
    ["a NUL"] = { MyToken = "hush\0" },
    ["a value of no text"] = { MyToken = { "hush" } },
    ["a name that is none"] = { ["hush: x"] = "y" },
  } do
    it(("has no header with %s, and says so at once"):format(what), function()
      local ok, err = pcall(iotdataplane.client, {
        endpoint_url = "https://localhost",
        config = { signature_version = "unsigned", headers = headers },
      })
      assert.is_false(ok)
      assert.is_truthy(err:find("option 'config.headers'", 1, true), err)
      assert.is_nil(tells(err))
    end)
  end
end)
