-- docs/authentication.md: its examples run

local files = require "spec.support.files"
local iotdataplane = require "iotdataplane"
local server = require "spec.support.server"
local stub = require "iotdataplane.transport.stub"

local load = loadstring or load -- luacheck: ignore

describe("docs/authentication.md", function()
  local doors, transport, real, said

  setup(function() doors = server.start "tls_doors.py" end)

  teardown(function() doors:stop() end)

  -- The same module, but that nothing is sent, the files are there, and so
  -- are credentials.
  local function stand_in()
    return { client = function(options)
      options.transport = transport
      if options.config and options.config.client_cert then
        options.config.client_cert = {
          doors.directory .. "/client.pem", doors.directory .. "/client.key",
        }
      else
        options.aws_access_key_id = "AKID"
        options.aws_secret_access_key = "hush"
      end
      return iotdataplane.client(options)
    end }
  end

  before_each(function()
    transport, said, real = stub(), {}, package.loaded.iotdataplane
    package.loaded.iotdataplane = stand_in()
  end)

  after_each(function() package.loaded.iotdataplane = real end)

  local examples = {}
  for text in files.read("docs/authentication.md"):gmatch "```lua\n(.-)```" do
    examples[#examples + 1] = text
  end

  local function run(i)
    local real_print = print
    _G.print = function(text) said[#said + 1] = text end -- luacheck: ignore
    local ok, err = pcall(assert(load(examples[i])))
    _G.print = real_print -- luacheck: ignore
    assert.is_true(ok, tostring(err))
    return transport.requests[1]
  end

  local function names_of(request)
    local names = {}
    for _, header in ipairs(request.headers) do names[header[1]] = true end
    return names
  end

  it("has five examples", function() assert.equal(5, #examples) end)

  it("shows AWS credentials", function()
    assert.is_true(names_of(run(1)).authorization)
  end)

  it("shows both doors of a certificate", function()
    local request = run(2)
    assert.equal(8443, request.port)
    assert.is_string(request.tls.cert)
    transport.requests = {}
    request = run(3)
    assert.equal(443, request.port)
    assert.same({ "x-amzn-http-ca" }, request.tls.alpn)
    assert.is_nil(names_of(request).authorization)
  end)

  it("shows a custom authorizer", function()
    local names = names_of(run(4))
    assert.is_true(names["x-amz-customauthorizer-name"])
    assert.is_true(names["x-amz-customauthorizer-signature"])
    assert.is_true(names.MyTokenKeyName)
    assert.is_nil(names.authorization)
  end)

  it("shows a presigned URL", function()
    assert.is_nil(run(5))
    assert.equal(1, #said)
    assert.is_truthy(said[1]:find("^wss://abc123%-ats.iot.eu%-west%-1."
      .. "amazonaws.com/mqtt%?X%-Amz%-"))
  end)
end)
