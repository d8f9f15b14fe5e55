-- Random URLs are judged by spec/support/presign.py. A failure names the seed:
-- SEED=... repeats it.

local cjson = require "cjson"
local clients = require "spec.support.client"
local core = require "iotdataplane.core"
local endpoint = require "iotdataplane.endpoint"
local iotdataplane = require "iotdataplane"
local presign = require "iotdataplane.presign"
local server = require "spec.support.server"
local stub = require "iotdataplane.transport.stub"

local COUNT = 300
local SEED = os.getenv("SEED") or tostring(math.floor(core.random() * 2 ^ 31))
local PYTHON = os.getenv("PYTHON") or "/usr/bin/python3"

local NOW = 1440938160 -- 2015-08-30T12:36:00Z, as the stub's
local HOST = "data-ats.iot.eu-west-1.amazonaws.com"
local URL = "wss://" .. HOST .. "/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
  .. "&X-Amz-Credential=AKID%2F20150830%2Feu-west-1%2Fiotdevicegateway"
  .. "%2Faws4_request&X-Amz-Date=20150830T123600Z"

-- A client in an environment; its options, but for the usual ones.
local function new(options, environment, config)
  local all = { region_name = "eu-west-1", config = config }
  all.transport = stub()
  for name, value in next, options or {} do all[name] = value end
  return assert(clients.new(environment or {
    AWS_ACCESS_KEY_ID = "AKID", AWS_SECRET_ACCESS_KEY = "hush",
    AWS_EC2_METADATA_DISABLED = "true",
  }, all))
end

local function values_of(url)
  local values = {}
  for name, value in url:gmatch "[?&]([%w-]+)=([^&]*)" do
    values[name] = value
  end
  return values
end

-- ---- what it is ----

describe("a presigned URL", function()
  it("is what an MQTT client connects to", function()
    local url = new():presigned_mqtt_url { expires_in = 60 }
    assert.equal(URL .. "&X-Amz-Expires=60&X-Amz-SignedHeaders=host"
      .. "&X-Amz-Signature=", (url:gsub("%x+$", "")))
    assert.equal(64, #url:match "%x+$")
  end)

  it("lasts an hour, a second or a day", function()
    local client = new()
    for given, expected in pairs { [1] = "1", [86400] = "86400" } do
      local url = client:presigned_mqtt_url { expires_in = given }
      assert.equal(expected, values_of(url)["X-Amz-Expires"])
    end
    for _, url in ipairs { client:presigned_mqtt_url(),
                           client:presigned_mqtt_url {} } do
      assert.equal("3600", values_of(url)["X-Amz-Expires"])
    end
  end)

  it("has the token behind what is signed", function()
    local function sign(token)
      return new { aws_access_key_id = "AKID", aws_secret_access_key = "hush",
                   aws_session_token = token }:presigned_mqtt_url()
    end
    assert.equal(sign() .. "&X-Amz-Security-Token=a%2F%2Bb%3D%3D",
      sign "a/+b==")
  end)

  local hosts = {
    ["https://abc-ats.iot.eu-west-1.amazonaws.com"] =
      "wss://abc-ats.iot.eu-west-1.amazonaws.com/mqtt",
    ["https://localhost:443"] = "wss://localhost/mqtt",
    ["https://localhost:8883"] = "wss://localhost:8883/mqtt",
    ["https://[::1]:8883/"] = "wss://[::1]:8883/mqtt",
    ["http://localhost:8080"] = "ws://localhost:8080/mqtt",
    ["https://localhost/base"] = "wss://localhost/base/mqtt",
  }
  for given, expected in pairs(hosts) do
    it("leads to " .. expected, function()
      local client = new { endpoint_url = given }
      assert.equal(expected, client:presigned_mqtt_url():match "^[^?]*")
    end)
  end

  it("is sent nowhere", function()
    local client = new()
    client:presigned_mqtt_url()
    assert.same({}, client.transport.requests)
  end)

  it("is made by the clock that was set right", function()
    local client = new()
    client.world.clock_offset = 3600
    assert.equal("20150830T133600Z",
      values_of(client:presigned_mqtt_url())["X-Amz-Date"])
  end)
end)

-- ---- who makes it ----

describe("the credentials of a presigned URL", function()
  it("are the provider's, asked again before they end", function()
    local asked = 0
    local client = new { credentials = function()
      asked = asked + 1
      return { access_key = "AKID" .. asked, secret_key = "hush",
               token = "token" .. asked, expiry_time = NOW + asked * 3600 }
    end }
    local function whose()
      local values = values_of(client:presigned_mqtt_url())
      return values["X-Amz-Credential"]:match "^[^%%]*",
        values["X-Amz-Security-Token"]
    end
    assert.same({ "AKID1", "token1" }, { whose() })
    assert.same({ "AKID1", "token1" }, { whose() })
    client.transport.time = NOW + 3600 - 300
    assert.same({ "AKID2", "token2" }, { whose() })
  end)

  it("are those of a publish", function()
    local asked = 0
    local client = new { credentials = function()
      asked = asked + 1
      return { access_key = "AKID", secret_key = "hush" }
    end }
    client:presigned_mqtt_url()
    client:publish { topic = "a" }
    client:presigned_mqtt_url()
    assert.equal(1, asked)
  end)

  it("must be somewhere", function()
    local heard = {}
    local client = new(nil, { AWS_EC2_METADATA_DISABLED = "true" }, {
      logger = function(level, message) heard[#heard + 1] =
        level .. " " .. message end,
    })
    local ok, err = pcall(client.presigned_mqtt_url, client)
    assert.is_false(ok)
    assert.equal("NoCredentialsError", err.name)
    assert.same({ "error " .. tostring(err) }, heard)
  end)

  it("are waited for as long as a call may take", function()
    local client = new({
      credentials = iotdataplane.credentials.iot {
        endpoint = "abc.credentials.iot.eu-west-1.amazonaws.com",
        role_alias = "alias", client_cert = "device.pem",
      },
      transport = stub { { status = 500 } },
    }, nil, { api_call_timeout = 1.5 })
    local ok, err = pcall(client.presigned_mqtt_url, client)
    assert.is_false(ok)
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal(2, #client.transport.requests)
  end)

  it("are none where nothing is signed", function()
    local client = new(nil, nil, { signature_version = "unsigned" })
    local ok, err = pcall(client.presigned_mqtt_url, client)
    assert.is_false(ok)
    assert.equal("InvalidConfigError: A URL cannot be presigned: this "
      .. "client's requests are unsigned", tostring(err))
  end)

  it("are told to no logger", function()
    local heard = {}
    local client = new({
      aws_access_key_id = "AKID", aws_secret_access_key = "hush-hush",
      aws_session_token = "token-token",
    }, nil, { logger = function(_, text) heard[#heard + 1] = text end })
    client:presigned_mqtt_url()
    assert.same({}, heard)
  end)
end)

-- ---- misuse ----

describe("presigned_mqtt_url", function()
  local RANGE = "'expires_in' must be a whole number from 1 to 86400"
  local mistaken = {
    { 60, "table expected, got number" },
    { { expires = 60 }, "unknown parameter 'expires'" },
    { { expires_in = "60" }, RANGE }, { { expires_in = 0 }, RANGE },
    { { expires_in = 86401 }, RANGE }, { { expires_in = 1.5 }, RANGE },
    { { expires_in = -1 }, RANGE }, { { expires_in = math.huge }, RANGE },
    { { expires_in = 0 / 0 }, RANGE }, { { expires_in = true }, RANGE },
  }
  for i, case in ipairs(mistaken) do
    it(("says what is wrong (%d): %s"):format(i, case[2]), function()
      local client = new()
      local ok, err = pcall(function()
        client:presigned_mqtt_url(case[1]) -- no tail call: its line is told
      end)
      assert.is_false(ok)
      assert.is_truthy(err:find("presign_spec.lua:%d+: bad argument #1 to "
        .. "'presigned_mqtt_url' %("), err)
      assert.is_truthy(err:find("(" .. case[2] .. ")", 1, true), err)
    end)
  end

  it("is called with a colon", function()
    local ok, err = pcall(new().presigned_mqtt_url, { expires_in = 60 })
    assert.is_false(ok)
    assert.is_truthy(err:find("use client:presigned_mqtt_url{...}", 1, true))
  end)

  it("is a method of what iotdataplane.client makes", function()
    local client = iotdataplane.client {
      region_name = "eu-west-1", aws_access_key_id = "AKID",
      aws_secret_access_key = "hush", transport = stub(),
    }
    assert.equal(URL, client:presigned_mqtt_url():sub(1, #URL))
  end)
end)

-- ---- who is let in ----

describe("an MQTT client with a presigned URL", function()
  local door

  setup(function() door = server.start "mqtt_door.py" end)

  teardown(function() door:stop() end)

  local function visit(secret)
    local client = iotdataplane.client {
      endpoint_url = ("http://127.0.0.1:%d"):format(door.port),
      region_name = "eu-west-1", aws_access_key_id = "AKID",
      aws_secret_access_key = secret, aws_session_token = "token/+=",
      transport = "curl",
    }
    local url = client:presigned_mqtt_url { expires_in = 60 }
    local pipe = assert(io.popen(("%s -B spec/support/mqtt_door.py --visit %s")
      :format(PYTHON, server.quote(url))))
    local said = pipe:read "*l"
    pipe:close()
    return said
  end

  it("is let in, and publishes", function()
    assert.equal("knock", visit "hush")
  end)

  it("is not with another's", function()
    assert.equal("refused", visit "loud")
  end)
end)

-- ---- is it right? ----

local seed = tonumber(SEED) % 2147483646 + 1

-- Park and Miller's, the same on every Lua.
local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n + 1
end

local function pick(list) return list[random(#list)] end

local function text(alphabet, n)
  local out = {}
  for i = 1, n do
    local at = random(#alphabet)
    out[i] = alphabet:sub(at, at)
  end
  return table.concat(out)
end

local UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
local BASE64 = UPPER .. "abcdefghijklmnopqrstuvwxyz0189+/="

local function make_case()
  local region = pick { "eu-west-1", "us-gov-east-1", "cn-north-1", "x" }
  local case = {
    host = pick {
      ("data-ats.iot.%s.amazonaws.com"):format(region), "localhost:8443",
      text("abcdefghij0123456789", 14) .. "-ats.iot.example", "[::1]:9001",
    },
    region = region, access_key = "AKIA" .. text(UPPER, 16),
    secret_key = text(BASE64, 40), now = random(2147483646) * 2,
    token = pick { text(BASE64, random(800)), "" },
    expires = pick { 1, random(86400), 86400 },
  }
  case.url = presign.url(assert(endpoint.parse("https://" .. case.host)), case,
    region, case.now, case.expires)
  return case
end

local function judge(cases)
  local path, verdicts = os.tmpname(), {}
  local file = assert(io.open(path, "w"))
  for _, case in ipairs(cases) do file:write(cjson.encode(case), "\n") end
  file:close()
  local pipe =
    assert(io.popen(PYTHON .. " -B spec/support/presign.py " .. path))
  for line in pipe:lines() do verdicts[#verdicts + 1] = cjson.decode(line) end
  pipe:close()
  os.remove(path)
  return verdicts
end

describe("a signed URL", function()
  it(("is what hmac and botocore make (SEED=%s)"):format(SEED), function()
    local cases = {}
    for i = 1, COUNT do cases[i] = make_case() end
    local verdicts = judge(cases)
    assert.equal(COUNT, #verdicts)
    for i, verdict in ipairs(verdicts) do
      local told = cases[i].url .. ", SEED=" .. SEED
      assert.is_true(verdict.plain, told)
      assert.is_true(verdict.adapted, told)
      assert.equal(cases[i].token ~= "", verdict.signs_token, told)
    end
  end)
end)
