-- gnutls_spec.lua - over a libcurl whose TLS is GnuTLS's, ALPN is an error
-- that says what to do: what it hands out is no SSL_CTX, and to treat it as
-- one would crash

local server = require "spec.support.server"

local SECONDS = 20 -- that nothing here takes

local CHILD = [[
  local ports, directory = { select(2, ...) }, (...)
  local transport = require "iotdataplane.transport.curl" {
    max_idle_time = 1, max_pool_connections = 1,
  }
  local function send(port, alpn)
    local response, failure = transport:send {
      method = "POST", scheme = "https", host = "127.0.0.1", path = "/",
      port = tonumber(port), query = "", headers = {}, body = "",
      connect_timeout = 5, read_timeout = 5, replay = true,
      tls = {
        verify = directory .. "/ca.pem", cert = directory .. "/client.pem",
        key = directory .. "/client.key", alpn = alpn,
      },
    }
    print(response and response.status
      or failure.name .. ": " .. failure.message)
  end
  send(ports[1], { "x-amzn-http-ca" })
  send(ports[2])
]]

local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "*a"
  pipe:close()
  return (text:gsub("%s+$", ""))
end

-- The work is the same in every Lua.
local is_there = _VERSION == "Lua 5.4"
  and output "ldconfig -p":find("libcurl-gnutls.so.4", 1, true)

describe("a libcurl over GnuTLS", function()
  if not is_there then
    pending "needs libcurl3-gnutls, and is run in Lua 5.4"
    return
  end

  local doors, build

  setup(function()
    doors = server.start "tls_doors.py"
    build = output "mktemp -d"
    local made = output(("env -u MAKEFLAGS make -s LUA=5.4 BUILD=%s "
      .. "CURL_LIBS='-l:libcurl-gnutls.so.4 -lpthread' all"):format(build))
    assert.equal("", made)
  end)

  teardown(function()
    server.run("rm -rf " .. server.quote(build))
    doors:stop()
  end)

  it("refuses ALPN, and takes a certificate", function()
    local script = build .. "/child.lua"
    local file = assert(io.open(script, "w"))
    file:write(("package.path = %q package.cpath = %q "):format(package.path,
      build .. "/5.4/?.so;" .. package.cpath), CHILD)
    file:close()
    local said = output(("timeout %d lua5.4 %s %s %d %d"):format(SECONDS,
      script, server.quote(doors.directory), doors.openssl_alpn,
      doors.openssl))
    assert.equal("SSLError: config.alpn needs a libcurl that has its TLS from "
      .. "OpenSSL: use port 8443 without it\n200", said)
  end)
end)
