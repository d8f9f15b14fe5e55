-- AWS IoT's limits, which config.strict checks before a byte is sent.

local iotdataplane = require "iotdataplane"
local stub = require "iotdataplane.transport.stub"

local function client_of(transport, config)
  return iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = transport, config = config,
  }
end

---The lines of what is wrong with a call, and how many requests were sent.
local function lines_of(name, params, config)
  local transport = stub()
  local _, err = client_of(transport, config or { strict = true })
    :try(name, params)
  if not err then return nil, #transport.requests end
  assert.equal("ParamValidationError", err.name)
  assert.equal("not_sent", err.delivery)
  local lines = {}
  for line in err.message:gmatch "[^\n]+" do lines[#lines + 1] = line end
  assert.equal("Parameter validation failed:", table.remove(lines, 1))
  return lines, #transport.requests
end

local function value(name, reason)
  return ("Invalid value for parameter %s: %s"):format(name, reason)
end

local function temporary(bytes, read)
  local file = assert(io.tmpfile())
  file:write(("x"):rep(bytes))
  file:seek("set", read)
  return file
end

local KB = 1024
local NUL = "\0"
local e_acute = "\195\169"

local with_thing = { thingName = "t" }

local function call(params, base)
  local new = {}
  for key, item in pairs(base) do new[key] = item end
  for key, item in pairs(params) do new[key] = item end
  return new
end

local function publish(params)
  return { "publish", call(params, { topic = "t" }) }
end

local function direct(params)
  return { "send_direct_message",
           call(params, { topic = "t", clientId = "c" }) }
end

local function shadow(params)
  return { "update_thing_shadow",
           call(params, { thingName = "t", payload = "{}" }) }
end

-- What is just within the limits.
local fine = {
  publish { topic = ("x"):rep(256) },
  publish { topic = e_acute:rep(128) },
  publish { topic = "a/b/c/d/e/f/g/h" },
  publish { topic = "$aws/things/t/shadow/name/n/update/accepted" },
  publish { topic = "$aws/rules/my_rule/" .. ("x"):rep(256) },
  publish { topic = "$aws/rules/my_rule/a/b/c/d/e/f/g/h" },
  publish { topic = "a$b/$c" },
  publish { payload = ("x"):rep(128 * KB) },
  publish { payload = temporary(128 * KB + 5, 5) },
  publish { messageExpiry = 1 }, publish { messageExpiry = 604800 },
  publish { qos = 0 }, publish { qos = 1 },
  publish { payloadFormatIndicator = "UTF8_DATA" },
  publish { payloadFormatIndicator = "UNSPECIFIED_BYTES" },
  publish { correlationData = "cmVhZGluZy00Mg==" },
  publish { responseTopic = "answers/1" },
  direct { clientId = ("x"):rep(128) }, direct { clientId = "a$ b/" },
  direct { clientId = e_acute:rep(128) },
  direct { timeout = 1 }, direct { timeout = 15 },
  shadow { thingName = ("x"):rep(128) },
  shadow { thingName = "aZ09:_-" }, shadow { shadowName = "$aZ09:_-" },
  shadow { shadowName = ("x"):rep(64) },
  shadow { payload = ("x"):rep(8 * KB) },
  { "list_named_shadows_for_thing", { thingName = "t", pageSize = 100 } },
  { "list_retained_messages", { maxResults = 200 } },
  { "list_subscriptions", { clientId = "c", maxResults = 200 } },
  { "get_retained_message", { topic = "$SYS/x" } },
}

-- And what is just beyond them.
local beyond = {
  { publish { topic = "" }, value("topic", "it is empty") },
  { publish { topic = "a\255" }, value("topic", "it is not valid UTF-8") },
  { publish { topic = "a" .. NUL }, value("topic", "it has a NUL") },
  { publish { topic = "a/+/b" },
    value("topic", "it has a wildcard, + or #") },
  { publish { topic = "a/#" }, value("topic", "it has a wildcard, + or #") },
  { publish { topic = ("x"):rep(257) },
    value("topic", "it has 257 bytes, of at most 256") },
  { publish { topic = e_acute:rep(129) },
    value("topic", "it has 258 bytes, of at most 256") },
  { publish { topic = "a/b/c/d/e/f/g/h/i" },
    value("topic", "it has 8 slashes, of at most 7") },
  { publish { topic = "$aws/rules/my_rule/" .. ("x"):rep(257) },
    value("topic", "it has 257 bytes, of at most 256") },
  { publish { topic = "$aws/rules/my_rule/a/b/c/d/e/f/g/h/i" },
    value("topic", "it has 8 slashes, of at most 7") },
  { publish { topic = "$SYS/x" },
    value("topic", "it begins with $, and not with $aws/") },
  { publish { topic = "$awsome/x" },
    value("topic", "it begins with $, and not with $aws/") },
  { publish { payload = ("x"):rep(128 * KB + 1) },
    value("payload", "it has 131073 bytes, of at most 131072") },
  { publish { payload = temporary(128 * KB + 5, 4) },
    value("payload", "it has 131073 bytes, of at most 131072") },
  { publish { messageExpiry = 0 },
    value("messageExpiry", "0 is not within 1 and 604800") },
  { publish { messageExpiry = 604801 },
    value("messageExpiry", "604801 is not within 1 and 604800") },
  { publish { qos = 2 },
    "Invalid value for parameter qos, value: 2, valid max value: 1" },
  { publish { payloadFormatIndicator = "utf8" },
    "Invalid value for parameter payloadFormatIndicator, value: utf8, "
    .. "must be one of: UNSPECIFIED_BYTES, UTF8_DATA" },
  { publish { correlationData = "not base64" },
    value("correlationData", "it is no base64") },
  { publish { responseTopic = "answers/#" },
    value("responseTopic", "it has a wildcard, + or #") },
  { publish { responseTopic = "" }, value("responseTopic", "it is empty") },
  { direct { topic = "$aws/things/t/shadow/get" },
    value("topic", "it begins with $") },
  { direct { topic = ("x"):rep(257) },
    value("topic", "it has 257 bytes, of at most 256") },
  { direct { clientId = "$c" },
    "Invalid value for parameter clientId, value: $c, must match: ^[^$].*" },
  { direct { clientId = e_acute:rep(129) },
    "Invalid length for parameter clientId, value: 129, "
    .. "valid max length: 128" },
  { direct { timeout = 0 }, value("timeout", "0 is not within 1 and 15") },
  { direct { timeout = 16 }, value("timeout", "16 is not within 1 and 15") },
  { direct { payload = ("x"):rep(128 * KB + 1) },
    value("payload", "it has 131073 bytes, of at most 131072") },
  { shadow { thingName = ("x"):rep(129) },
    "Invalid length for parameter thingName, value: 129, "
    .. "valid max length: 128" },
  { shadow { thingName = "a b" },
    "Invalid value for parameter thingName, value: a b, "
    .. "must match: [a-zA-Z0-9:_-]+" },
  { shadow { thingName = "a" .. NUL },
    "Invalid value for parameter thingName, value: a" .. NUL
    .. ", must match: [a-zA-Z0-9:_-]+" },
  { shadow { shadowName = ("x"):rep(65) },
    "Invalid length for parameter shadowName, value: 65, "
    .. "valid max length: 64" },
  { shadow { payload = ("x"):rep(8 * KB + 1) },
    value("payload", "it has 8193 bytes, of at most 8192") },
  { { "list_named_shadows_for_thing", { thingName = "t", pageSize = 101 } },
    "Invalid value for parameter pageSize, value: 101, "
    .. "valid max value: 100" },
  { { "list_retained_messages", { maxResults = 201 } },
    "Invalid value for parameter maxResults, value: 201, "
    .. "valid max value: 200" },
  { { "get_retained_message", { topic = "a/+" } },
    value("topic", "it has a wildcard, + or #") },
}

describe("strict mode", function()
  for i, case in ipairs(fine) do
    it(("lets through what is within the limits: %s, %d"):format(case[1], i),
       function()
      local lines, sent = lines_of(case[1], case[2])
      assert.same(nil, lines)
      assert.equal(1, sent)
    end)
  end

  for _, case in ipairs(beyond) do
    it(("refuses, of %s: %s"):format(case[1][1], case[2]), function()
      local lines, sent = lines_of(case[1][1], case[1][2])
      assert.same({ case[2] }, lines)
      assert.equal(0, sent)
    end)
  end

  it("is off by default, as boto3 is", function()
    for _, case in ipairs(beyond) do
      for _, config in ipairs { {}, { strict = false } } do
        local lines, sent = lines_of(case[1][1], case[1][2], config)
        assert.same(nil, lines)
        assert.equal(1, sent)
      end
    end
  end)

  it("tells of everything at once, boto3's complaints among it", function()
    assert.same({
      'Missing required parameter in input: "clientId"',
      'Unknown parameter in input: "bogus", must be one of: clientId, topic, '
      .. "contentType, responseTopic, confirmation, timeout, payload, "
      .. "userProperties, payloadFormatIndicator, correlationData",
      value("topic", "it has a wildcard, + or #"),
      value("topic", "it has 261 bytes, of at most 256"),
      value("topic", "it has 9 slashes, of at most 7"),
      "Invalid type for parameter confirmation, value: yes, type: string, "
      .. "valid types: boolean",
      value("timeout", "99 is not within 1 and 15"),
      value("correlationData", "it is no base64"),
    }, (lines_of("send_direct_message", {
      topic = "#/" .. ("/"):rep(8) .. ("x"):rep(251), bogus = 1,
      confirmation = "yes", timeout = 99, correlationData = "?",
    })))
    assert.same({
      "Invalid length for parameter shadowName, value: 65, "
      .. "valid max length: 64",
      "Invalid value for parameter shadowName, value: " .. (" "):rep(65)
      .. ", must match: [$a-zA-Z0-9:_-]+",
    }, (lines_of("get_thing_shadow", call({ shadowName = (" "):rep(65) },
                                          with_thing))))
  end)

  it("leaves to boto3's rules what is not of the right type", function()
    local types = {}
    for i, line in ipairs(lines_of("publish", {
      topic = 5, qos = "1", payload = 5, correlationData = 5,
      payloadFormatIndicator = true, messageExpiry = "0",
    })) do
      types[i] = line:match "^Invalid type for parameter (%w+)"
    end
    assert.same({ "topic", "qos", "payload", "payloadFormatIndicator",
                  "correlationData", "messageExpiry" }, types)
  end)

  it("checks every call of a client's, not only the first", function()
    local transport = stub()
    local real = package.loaded["iotdataplane.transport.curl"]
    package.loaded["iotdataplane.transport.curl"] =
      function() return transport end
    local c = client_of(nil, { strict = true })
    package.loaded["iotdataplane.transport.curl"] = real
    for _ = 1, 2 do
      assert.truthy(c:publish { topic = "t" })
      local _, err = c:try("publish", { topic = "#" })
      assert.equal("ParamValidationError", err.name)
    end
    assert.equal(2, #transport.requests)
  end)

  it("checks where boto3's own validation is off, too", function()
    local config = { strict = true, parameter_validation = false }
    assert.same({ value("topic", "it is empty") },
                (lines_of("publish", { topic = "" }, config)))
  end)

  it("checks what is queued", function()
    local c = client_of(stub(), { strict = true })
    local ok, err = pcall(c.publish_later, c, { topic = "#" })
    assert.is_false(ok)
    assert.equal("ParamValidationError", err.name)
    assert.is_true(c:publish_later { topic = "t" })
  end)

  it("reads a file from where it stood, whatever it was measured", function()
    local transport, file = stub(), temporary(10, 4)
    client_of(transport, { strict = true })
      :publish { topic = "t", payload = file }
    assert.equal("xxxxxx", transport.requests[1].body)
  end)

  it("asks no file that cannot tell its size", function()
    local file = {
      read = function() return ("x"):rep(200 * KB) end,
      seek = function() error "no" end,
    }
    local lines, sent = lines_of("publish", { topic = "t", payload = file })
    assert.same(nil, lines)
    assert.equal(1, sent)
  end)
end)
