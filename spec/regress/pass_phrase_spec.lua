-- pass_phrase_spec.lua - an encrypted key asks nobody for its pass phrase,
-- neither on the terminal nor, where there is none, on standard input: OpenSSL
-- would do both, and a service would hang at its start for ever

local child = require "spec.support.child"
local files = require "spec.support.files"
local server = require "spec.support.server"

local SECONDS = 20 -- that nothing here takes

local CHILD = [[
  local core = require "iotdataplane.core"
  local read = require "spec.support.files".read
  local port, directory, name = ...
  local cert, key = directory .. "/rsa.pem", directory .. "/" .. name
  print((select(2, core.check_certificate(read(cert), read(key)))))
  local transport = require "iotdataplane.transport.curl" {
    max_idle_time = 1, max_pool_connections = 1,
  }
  local _, failure = transport:send {
    method = "POST", scheme = "https", host = "127.0.0.1", path = "/",
    port = tonumber(port), query = "", headers = {}, body = "",
    connect_timeout = 5, read_timeout = 5, replay = true,
    tls = { verify = directory .. "/ca.pem", cert = cert, key = key },
  }
  print(failure and failure.name or "sent")
]]

describe("an encrypted key", function()
  local doors

  setup(function() doors = server.start "tls_doors.py" end)

  teardown(function() doors:stop() end)

  -- `setsid` takes the terminal away, and the pass phrase lies ready.
  local function try(name)
    local script = os.tmpname()
    files.write(script, CHILD)
    local said = child.output(
      ("yes sesame | timeout %d setsid"):format(SECONDS),
      script, doors.openssl, doors.directory, name)
    os.remove(script)
    return said
  end

  for _, name in ipairs { "rsa_locked.key", "rsa_old_locked.key" } do
    it("is not asked for: " .. name, function()
      assert.equal("it is encrypted, and no pass phrase can be given\n"
        .. "SSLError\n", try(name))
    end)
  end

  it("would be sent, were it not", function()
    assert.equal("nil\nsent\n", try "rsa.key")
  end)
end)
