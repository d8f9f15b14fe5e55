local clients = require "spec.support.client"
local clock = require "iotdataplane.clock"
local date = require "iotdataplane.date"
local stub = require "iotdataplane.transport.stub"

local NOW = 1440938160 -- 2015-08-30T12:36:00Z

describe("date.from_http", function()
  for text, seconds in pairs {
    ["Sun, 30 Aug 2015 12:36:00 GMT"] = NOW,
    ["Thu, 01 Jan 1970 00:00:00 GMT"] = 0,
    ["Tue, 29 Feb 2000 23:59:59 GMT"] = 951868799,
    ["Fri, 31 Dec 9999 23:59:59 GMT"] = 253402300799,
  } do
    it("reads " .. text, function()
      assert.equal(seconds, date.from_http(text))
    end)
  end

  for _, text in ipairs { "", "yesterday", "Sun, 30 Foo 2015 12:36:00 GMT",
      "Sun, 30 Aug 2015 12:36:00 CET", "Sun, 30 Aug 2015 24:00:00 GMT",
      "Sunday, 30-Aug-15 12:36:00 GMT", "Sun, 00 Aug 2015 12:36:00 GMT",
      "Sun Aug 30 12:36:00 2015", "x Sun, 30 Aug 2015 12:36:00 GMT" } do
    it(("refuses %q"):format(text), function()
      assert.is_nil(date.from_http(text))
    end)
  end

  it("refuses what is no text", function()
    assert.is_nil(date.from_http(nil))
    assert.is_nil(date.from_http(5))
  end)
end)

describe("date.from_iso", function()
  for text, seconds in pairs {
    ["2015-08-30T12:36:00Z"] = NOW, ["2015-08-30T12:36:00"] = NOW,
    ["2015-08-30 12:36:00Z"] = NOW, ["2015-08-30T14:36:00+02:00"] = NOW,
    ["2015-08-30T11:06:00-0130"] = NOW, ["2015-08-30T12:36:00.5Z"] = NOW + 0.5,
    ["1969-12-31T23:59:59Z"] = -1, ["2000-02-29T00:00:00Z"] = 951782400,
    ["2015-08-30T12:36:00UTC"] = NOW,
  } do
    it("reads " .. text, function()
      assert.equal(seconds, date.from_iso(text))
    end)
  end

  for _, text in ipairs { "", "soon", "2015-08-30", "2015-13-30T12:36:00Z",
      "2015-08-32T12:36:00Z", "2015-08-30T24:36:00Z", "2015-08-30T12:60:00Z",
      "2015-08-30T12:36:61Z", "2015-08-30T12:36:00 here", "99991231" } do
    it(("refuses %q"):format(text), function()
      assert.is_nil(date.from_iso(text))
    end)
  end
end)

-- ---- the service's word for it ----

local function refusal(code, when, status)
  return {
    status = status or 403, headers = { { "x-amzn-ErrorType", code },
      when and { "Date", when } }, body = '{"message": "m"}',
  }
end

local function client_of(answers, config)
  local client = assert(clients.new({}, {
    region_name = "us-east-1", transport = stub(answers), config = config,
    aws_access_key_id = "AK", aws_secret_access_key = "SK",
  }))
  return client, client.transport
end

local function date_of(request)
  for _, header in ipairs(request.headers) do
    if header[1] == "x-amz-date" then return header[2] end
  end
end

local LATER = "Sun, 30 Aug 2015 13:36:00 GMT"

describe("a clock that is wrong", function()
  for _, code in ipairs { "RequestTimeTooSkewed", "RequestExpired",
      "RequestInTheFuture", "InvalidSignatureException",
      "SignatureDoesNotMatch", "AuthFailure" } do
    it("is found out by " .. code, function()
      local client, transport = client_of { refusal(code, LATER), {} }
      assert(client:publish { topic = "t" })
      assert.equal(3600, client:clock_offset())
      assert.equal(2, #transport.requests)
      assert.equal("20150830T123600Z", date_of(transport.requests[1]))
      assert.equal("20150830T133600Z", date_of(transport.requests[2]))
    end)
  end

  it("is right from then on", function()
    local client, transport =
      client_of { refusal("RequestTimeTooSkewed", LATER), {} }
    client:publish { topic = "t" }
    transport.time = transport.time + 10
    client:publish { topic = "t" }
    assert.equal(3, #transport.requests)
    assert.equal("20150830T133610Z", date_of(transport.requests[3]))
  end)

  it("may be before its time, too", function()
    local client = client_of { refusal("RequestInTheFuture",
      "Sat, 29 Aug 2015 12:36:00 GMT"), {} }
    client:publish { topic = "t" }
    assert.equal(-86400, client:clock_offset())
  end)

  it("is learnt once a call", function()
    local client, transport =
      client_of { refusal("RequestTimeTooSkewed", LATER),
                  refusal("RequestTimeTooSkewed",
                          "Sun, 30 Aug 2015 14:36:00 GMT") }
    local _, err = client:try("publish", { topic = "t" })
    assert.equal(2, #transport.requests)
    assert.equal("RequestTimeTooSkewed", err.response.Error.Code)
    assert.equal("rejected", err.delivery)
  end)

  it("is learnt again, where it steps", function()
    local client = client_of { refusal("RequestTimeTooSkewed", LATER), {},
      refusal("RequestTimeTooSkewed", "Sun, 30 Aug 2015 14:36:00 GMT"), {} }
    client:publish { topic = "t" }
    client:publish { topic = "t" }
    assert.equal(7200, client:clock_offset())
  end)

  it("is repeated beyond the attempts, and without a wait", function()
    local client, transport =
      client_of({ refusal("RequestTimeTooSkewed", LATER), {} },
                { retries = { total_max_attempts = 1 } })
    assert(client:publish { topic = "t" })
    assert.same({ 0 }, transport.sleeps)
    assert.equal(500, client.policy.quota)
  end)

  it("is repeated where nothing may be that could deliver twice", function()
    local client = client_of({ refusal("RequestTimeTooSkewed", LATER), {} },
                             { retries = { resend_unknown = false } })
    assert(client:publish { topic = "t" })
  end)

  for name, answer in pairs {
    ["another code"] = refusal("AccessDeniedException", LATER),
    ["another status"] = refusal("RequestTimeTooSkewed", LATER, 400),
    ["a Date that is near enough"] =
      refusal("SignatureDoesNotMatch", "Sun, 30 Aug 2015 12:40:00 GMT"),
    ["no Date"] = refusal("SignatureDoesNotMatch"),
    ["a Date that is none"] = refusal("SignatureDoesNotMatch", "today"),
  } do
    it("is not what " .. name .. " says", function()
      local client, transport = client_of { answer }
      client:try("publish", { topic = "t" })
      assert.equal(0, client:clock_offset())
      assert.equal(1, #transport.requests)
    end)
  end

  it("is not what an accepted call says", function()
    local client = client_of { { headers = { { "Date", LATER } } } }
    client:publish { topic = "t" }
    assert.equal(0, client:clock_offset())
  end)

  it("counts for what credentials last", function()
    local asked = 0
    local transport = stub { refusal("RequestTimeTooSkewed", LATER), {} }
    local client = assert(clients.new({}, {
      region_name = "us-east-1", transport = transport,
      credentials = function()
        asked = asked + 1
        return { access_key = "AK", secret_key = "SK",
                 expiry_time = NOW + 3600 * asked + 600 }
      end,
    }))
    client:publish { topic = "t" } -- the second attempt is at 13:36
    assert.equal(2, asked)
  end)

  it("is off by the tolerance and a second", function()
    local function offset(seconds)
      return clock.offset_of({ response = { Error = { Code = "AuthFailure" },
        ResponseMetadata = { HTTPStatusCode = 403, HTTPHeaders = {
          date = "Sun, 30 Aug 2015 12:36:00 GMT" } } } }, NOW - seconds, 0)
    end
    assert.is_nil(offset(240))
    assert.equal(241, offset(241))
    assert.is_nil(offset(-240))
    assert.equal(-241, offset(-241))
  end)
end)
