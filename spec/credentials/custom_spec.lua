local clients = require "spec.support.client"
local errors = require "iotdataplane.errors"
local stub = require "iotdataplane.transport.stub"

local NOW = 1440938160

local function client_of(f)
  local transport = stub()
  return assert(clients.new({}, {
    region_name = "eu-west-1", transport = transport, credentials = f,
  })), transport
end

local function signer(request)
  for _, header in ipairs(request.headers) do
    if header[1] == "authorization" then
      return header[2]:match "Credential=(%w+)/"
    end
  end
end

describe("a credentials function", function()
  it("gives the keys, and is called again before they end", function()
    local n = 0
    local client, transport = client_of(function()
      n = n + 1
      return { access_key = "AK" .. n, secret_key = "S", token = "T",
               expiry_time = NOW + 3600 * n }
    end)
    client:publish { topic = "t" }
    client:publish { topic = "t" }
    transport.time = NOW + 3600 - 60
    client:publish { topic = "t" }
    assert.same({ "AK1", "AK1", "AK2" }, {
      signer(transport.requests[1]), signer(transport.requests[2]),
      signer(transport.requests[3]) })
    assert.equal(2, n)
  end)

  it("may give the end as a date", function()
    local n = 0
    local client, transport = client_of(function()
      n = n + 1
      return { access_key = "AK", secret_key = "S",
               expiry_time = "2015-08-30T13:36:00Z" }
    end)
    client:publish { topic = "t" }
    transport.time = NOW + 3600 - 1000
    client:publish { topic = "t" }
    assert.equal(1, n)
  end)

  it("is called with what a provider may ask", function()
    local seen
    client_of(function(world)
      seen = world
      return { access_key = "A", secret_key = "S" }
    end):publish { topic = "t" }
    assert.equal("eu-west-1", seen.region)
    assert.is_function(seen.ask)
  end)

  it("may yield", function()
    local client = client_of(function()
      assert.equal("resumed", coroutine.yield "yielded")
      return { access_key = "A", secret_key = "S" }
    end)
    local thread = coroutine.wrap(function()
      return client:try("publish", { topic = "t" })
    end)
    assert.equal("yielded", thread())
    assert.equal(200, thread "resumed".ResponseMetadata.HTTPStatusCode)
  end)

  local text = "Error when retrieving credentials from custom: "
  local wrong = {
    { "raises", function() error("out of luck", 0) end, "out of luck" },
    { "gives nil and a reason", function() return nil, "later" end, "later" },
    { "gives nothing", function() end, "it gave nil" },
    { "gives a string", function() return "AKID" end, "it gave string" },
    { "gives no secret", function() return { access_key = "A" } end,
      "it gave no secret_key, or none that is a string" },
    { "gives a token that is none", function()
      return { access_key = "A", secret_key = "S", token = 5 }
    end, "its token is no string" },
    { "gives an end that is none", function()
      return { access_key = "A", secret_key = "S", expiry_time = "soon" }
    end, "its expiry_time is no number, and no date" },
  }
  for _, case in ipairs(wrong) do
    it("that " .. case[1] .. " is an error", function()
      local client, transport = client_of(case[2])
      local response, err = client:try("publish", { topic = "t" })
      assert.is_nil(response)
      assert.equal("CredentialRetrievalError", err.name)
      assert.equal(text .. case[3], err.message)
      assert.equal("not_sent", err.delivery)
      assert.equal(0, #transport.requests)
    end)
  end

  it("may give, or raise, an error of ours", function()
    for _, f in ipairs {
      function() return nil, errors.new("NoCredentialsError") end,
      function() error(errors.new("NoCredentialsError"), 0) end,
    } do
      local _, err = client_of(f):try("publish", { topic = "t" })
      assert.equal("NoCredentialsError", err.name)
      assert.equal("Publish", err.operation_name)
    end
  end)
end)
