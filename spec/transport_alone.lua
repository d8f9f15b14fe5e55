-- transport_alone.lua - what a transport over libcurl does beyond the
-- contract: what it keeps, being collected, Ctrl-C, the environment, fork
--
--   require "spec.transport_alone"("curl")

local child = require "spec.support.child"
local core = require "iotdataplane.core"
local files = require "spec.support.files"
local hostile = require "spec.support.hostile"
local leaks = require "spec.support.fault_leaks"
local server = require "spec.support.server"

local function read_all(pipe)
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local function alone(kind)
  local busted = require "busted"
  local assert, it = busted.assert, busted.it
  local hosts, transport

  local function new_transport(changes)
    local options = { max_idle_time = 50, max_pool_connections = 10 }
    for key, value in next, changes or {} do options[key] = value end
    return require("iotdataplane.transport." .. kind)(options)
  end

  -- Starts spec/support/curl_child.lua: its pid, and the pipe from it.
  local function start_child(environment, ...)
    local pipe = child.start(environment .. " TRANSPORT=" .. kind .. " exec",
      "spec/support/curl_child.lua", ...)
    return pipe:read "*n", pipe
  end

  local function send(path, changes)
    local request = {
      method = "POST", scheme = "http", host = "127.0.0.1", path = path,
      query = "", headers = {}, body = "", connect_timeout = 10,
      read_timeout = 10, replay = true, tls = { verify = hosts.ca_pem },
      tcp_keepalive = false,
    }
    for name, value in next, changes or {} do request[name] = value end
    request.port = request.port or hosts[request.scheme]
    return transport:send(request)
  end

  local function ok(changes)
    assert.equal("ok", send("/ok", changes).body)
  end

  busted.setup(function() hosts = hostile.start() end)

  busted.teardown(function() hosts:stop() end)

  busted.before_each(function()
    hosts:clear()
    transport = new_transport()
  end)

  busted.after_each(function() transport = nil end)

  local function connections()
    return (hosts:arrived "http")
  end

  -- ---- whom it trusts ----

  -- A bundle, by its path, that is there as long as f runs.
  local function with_bundle(text, f)
    local path = os.tmpname()
    files.write(path, text)
    local fine, err = pcall(f, path)
    os.remove(path)
    if not fine then error(err, 0) end
  end

  it("trusts a bundle as it is when it connects", function()
    transport = new_transport { max_idle_time = 1e-9 }
    local ours = files.read(hosts.ca_pem)
    with_bundle(ours, function(path)
      local secure = { scheme = "https", tls = { verify = path } }
      for _ = 1, 2 do ok(secure) end
      files.write(path, files.read(hosts.self_signed_pem))
      for _ = 1, 2 do
        local _, failure = send("/ok", secure)
        assert.equal("SSLError", failure.name)
      end
      files.write(path, ours)
      ok(secure)
      os.remove(path)
      local _, failure = send("/ok", secure)
      assert.equal("SSLError", failure.name)
      assert.is_truthy(failure.message:find(path, 1, true), failure.message)
    end)
  end)

  it("trusts by each bundle for itself", function()
    transport = new_transport { max_idle_time = 1e-9 }
    for _ = 1, 2 do
      ok { scheme = "https" }
      local _, failure = send("/ok",
        { scheme = "https", tls = { verify = hosts.self_signed_pem } })
      assert.equal("SSLError", failure.name)
    end
  end)

  it("says what is wrong with a bundle", function()
    with_bundle("no certificate", function(path)
      for _ = 1, 2 do
        local _, failure = send("/ok",
          { scheme = "https", tls = { verify = path } })
        assert.equal("SSLError", failure.name)
        assert.is_truthy(failure.message:find(path, 1, true),
          failure.message)
      end
    end)
  end)

  -- ---- the pool ----

  it("drops a connection that was idle too long", function()
    transport = new_transport { max_idle_time = 1e-9 }
    for _ = 1, 3 do ok() end
    assert.equal(3, connections())
  end)

  it("keeps no more connections than it may", function()
    transport = new_transport { max_pool_connections = 1 }
    ok()
    ok { host = "localhost" }
    ok()
    assert.equal(3, connections())
  end)

  it("keeps the last ones", function()
    transport = new_transport { max_pool_connections = 1 }
    ok()
    ok { host = "localhost" }
    ok { host = "localhost" }
    assert.equal(2, connections())
  end)

  it("tells connections with TCP's keep-alive from those without", function()
    ok()
    ok { tcp_keepalive = true }
    ok()
    assert.equal(2, connections())
  end)

  it("is not misled by a NUL in what names a connection", function()
    ok()
    for _, changes in ipairs {
      { host = "127.0.0.1\0" }, { host = "127.0.0.1\0x" },
      { tls = { verify = "\0" } },
    } do
      local _, failure = send("/ok", changes)
      assert.equal("HTTPClientError", failure.name)
      assert.is_false(failure.sent)
    end
  end)

  -- ---- closing, and being collected ----

  -- The server has seen that so many connections were closed, and properly.
  local function all_closed(how, count)
    local function is_so(stats)
      local n = 0
      collectgarbage()
      for _, c in ipairs(stats.connections) do
        if c.ended == how then n = n + 1 end
      end
      return n == count
    end
    hosts:wait(is_so)
  end

  it("closes what it keeps, and opens anew", function()
    ok()
    ok { scheme = "https" }
    transport:close()
    transport:close()
    all_closed("eof", 1)
    all_closed("close_notify", 1)
    ok()
    assert.equal(2, connections())
  end)

  it("is collected with what it keeps", function()
    for _ = 1, 20 do
      transport = new_transport()
      ok()
      ok { scheme = "https" }
    end
    transport = nil
    collectgarbage()
    collectgarbage()
    all_closed("eof", 20)
    all_closed("close_notify", 20)
  end)

  it("tells which connection it was", function()
    ok()
    assert.equal("new 1", transport:connection())
    ok()
    assert.equal("kept 1", transport:connection())
    transport:close()
    ok()
    assert.equal("new 2", transport:connection())
  end)

  -- ---- descriptors ----

  local rounds = {
    { path = "/ok" }, { path = "/closes" }, { path = "/resets" },
    { path = "/half_body" }, { path = "/bad_chunk" }, { path = "/early" },
    { path = "/ok", scheme = "https" },
    { path = "/closes", scheme = "https" },
    { path = "/ok", port = "closed" }, { path = "/ok", port = "deaf" },
    { path = "/silent", read_timeout = 0.001 },
    { path = "/ok", scheme = "https", port = "expired" },
    { path = "/ok", scheme = "https", port = "closes_at_hello" },
  }

  local function run_rounds(times)
    for _ = 1, times do
      for _, r in ipairs(rounds) do
        send(r.path, {
          scheme = r.scheme, port = hosts[r.port], body = "x",
          read_timeout = r.read_timeout,
          connect_timeout = r.port == "deaf" and 0.001 or nil,
        })
      end
    end
    transport:close()
  end

  it("leaves no descriptor open", function()
    run_rounds(2)
    local before = leaks.fewest_descriptors()
    run_rounds(100)
    assert.is_true(leaks.fewest_descriptors() <= before)
  end)

  -- ---- Ctrl-C ----

  local function signal(name, pid)
    assert.is_true(server.run(("kill -%s %d"):format(name, pid)))
  end

  -- What the child still has to say once it is interrupted, in time.
  local function ends(pid, pipe)
    signal("INT", pid)
    local start = core.monotonic()
    local text = read_all(pipe)
    assert.is_true(core.monotonic() - start < 2)
    return text
  end

  local function seen(group, name, what)
    hosts:wait(function(stats)
      return stats[group][name] and stats[group][name][what] == 1
    end)
  end

  it("ends at Ctrl-C while it waits for an answer", function()
    local url = ("http://127.0.0.1:%d/silent"):format(hosts.http)
    local pid, pipe = start_child("", "publish", url)
    seen("behaviours", "silent", "requests")
    assert.is_truthy(ends(pid, pipe):find("interrupted!", 1, true))
  end)

  it("goes on where Ctrl-C is caught", function()
    local pid, pipe =
      start_child("", "catch", "http", hosts.http, "/silent", hosts.http)
    seen("behaviours", "silent", "requests")
    local text = ends(pid, pipe)
    assert.is_truthy(text:find("caught\tfalse\t[^\n]*interrupted!"))
    assert.is_truthy(text:find("then\t200", 1, true))
  end)

  it("ends at Ctrl-C while it connects", function()
    local pid, pipe =
      start_child("", "catch", "https", hosts.mute, "/ok", hosts.http)
    seen("listeners", "mute", "connections")
    local text = ends(pid, pipe)
    assert.is_truthy(text:find("caught\tfalse\t[^\n]*interrupted!"))
    assert.is_truthy(text:find("then\t200", 1, true))
  end)

  it("ends at Ctrl-C while it sleeps", function()
    local pid, pipe = start_child("", "sleep")
    assert.equal("", pipe:read "*l") -- the rest of the pid's line
    assert.equal("sleeping", pipe:read "*l")
    assert.is_truthy(ends(pid, pipe):find("interrupted!", 1, true))
  end)

  -- The server was not silent, only we were not there to hear it.
  it("takes what came while it was stopped #timing", function()
    local pid, pipe =
      start_child("", "get", "http", hosts.http, "/late", "", 0.3)
    seen("behaviours", "late", "requests")
    signal("STOP", pid)
    hosts.transport:sleep(0.4)
    signal("CONT", pid)
    assert.equal("\n200\n", read_all(pipe))
  end)

  it("is not stopped by a hook that was there before", function()
    debug.sethook(function() end, "", 1)
    local response = send "/ok"
    local _, failure = send("/silent", { read_timeout = 0.02 })
    debug.sethook()
    assert.equal("ok", response.body)
    assert.equal("ReadTimeoutError", failure.name)
  end)

  -- ---- the environment ----

  it("asks no environment for a proxy", function()
    local proxy = ("http://127.0.0.1:%d"):format(hosts.elsewhere)
    local names = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                    "ALL_PROXY" }
    for i, name in ipairs(names) do names[i] = name .. "=" .. proxy end
    local environment = table.concat(names, " ")
      .. " no_proxy= NO_PROXY= CURL_CA_BUNDLE=/nowhere"
    local _, pipe = start_child(environment, "get_both", hosts.http,
      hosts.https, hosts.ca_pem)
    assert.equal("\n200\t200\n", read_all(pipe))
    assert.equal(0, (hosts:arrived "elsewhere"))
  end)

  -- A configuration of OpenSSL's with which it would speak TLS 1.0.
  local LAX = [[
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = lax
[lax]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
]]

  it("speaks TLS 1.2 at the least, whatever OpenSSL would", function()
    local path = os.tmpname()
    files.write(path, LAX)
    local _, pipe = start_child("OPENSSL_CONF=" .. path, "get", "https",
      hosts.old_tls, "/ok", hosts.ca_pem)
    local text = read_all(pipe)
    os.remove(path)
    assert.equal("\nSSLError\n", text)
  end)

  -- ---- fork ----

  if rawget(_G, "jit") then
    for _, how in ipairs { "sends", "closes", "collects", "exits" } do
      it("leaves the parent's connection alone in a child that " .. how,
        function()
          local began = core.monotonic()
          local _, pipe =
            start_child("", "fork", how, hosts.https, hosts.ca_pem)
          assert.equal("\n200\t200\n", read_all(pipe))
          assert.is_true(core.monotonic() - began < 3)
          local all = hosts:stats().connections
          assert.equal(how == "sends" and 2 or 1, #all)
          assert.same({ "ok", "ok" }, all[1].behaviours)
        end)
    end
  end
end

return alone
