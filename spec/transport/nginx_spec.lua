local cjson = require "cjson"
local core = require "iotdataplane.core"
local nginx = require "spec.support.nginx"
local server = require "spec.support.server"

-- Seconds in which a request ends, with the threads that it has left.
local LINGERING = 10

local HTTP = [[
  lua_ssl_protocols TLSv1.2 TLSv1.3;
]]

local LOCATIONS = [[
  location = /tests { content_by_lua_block {
    require "spec.support.nginx_contract".list "$dir/hosts.json"
  } }
  location = /test {
    resolver 127.0.0.1:$names ipv6=off;
    lua_ssl_trusted_certificate $ca_pem;
    lua_ssl_verify_depth 3;
    content_by_lua_block { require "spec.support.nginx_contract".run() }
  }
  location = /slow { content_by_lua_block {
    require "spec.support.nginx_beyond_limit".slow()
  } }
]]

-- What cosockets cannot do.
local no_words = "nginx's log alone says why a handshake failed"
local no_bundle = "nginx.conf has the bundle, not the request"
local no_two = "no TLS to a proxy and to the host behind it"
local no_alpn = "cosockets know no ALPN"
local at_once = "fails sooner, as it reads no page of a proxy's"
local outside = "it is about a process of our own"

local cannot = {
  ["over https verification refuses old_tls"] = no_words,
  ["over https verification refuses plain_at_hello"] = no_words,
  ["over https verification refuses what the system's certificates do not "
    .. "vouch for"] = no_bundle,
  ["over https verification refuses where the bundle is not there"] =
    no_bundle,
  ["over https verification verifies with the bundle it is told"] = no_bundle,
  ["over https verification never takes a connection that was verified less"]
    = no_bundle,
}

local cannot_through_a_proxy = {
  ["https goes by CONNECT: tls"] = no_two,
  ["sends a large body, and reads a large answer"] = no_two,
  ["says who we are to tls_auth before https, only"] = no_two,
  ["is not let through by tls_auth with a wrong password"] = no_two,
  ["keeps the connection by tls to https"] = no_two,
  ["no two ways share a connection to https"] = no_two,
  ["a proxy's certificate is held to `verify`"] = no_two,
  ["a proxy does not get our certificate"] = no_two,
  ["fails by a proxy that wants our certificate"] = no_two,
  ["ALPN is for the origin, whatever leads there"] = no_alpn,
  ["an origin that is mute is a ConnectTimeoutError"] = no_two,
  ["an origin that is closes_at_hello is a SSLError"] = no_two,
  ["an origin that is plain_at_hello is a SSLError"] = no_two,
  ["an origin that is expired is a SSLError"] = no_two,
  ["an origin that is wrong_name is a SSLError"] = no_two,
  ["an origin that is untrusted is a SSLError"] = no_two,
  ["an origin that wants a certificate is an SSLError"] = no_words,
  ["fails as without a proxy, once it is sent"] = no_two,
  ["https fails by the proxy in time: says_half_a_page #timing"] = at_once,
  ["is the one that is given, whatever the environment says"] = outside,
  ["prints nothing of what a proxy says"] = outside,
}
for name, reason in next, cannot_through_a_proxy do
  cannot["through a proxy " .. name] = reason
end

local PHASES_HTTP = [[
  lua_ssl_protocols TLSv1.2 TLSv1.3;
  lua_ssl_trusted_certificate $ca_pem;
  init_by_lua_block {
    require "spec.support.nginx_phases".init "$dir/hosts.json"
  }
  init_worker_by_lua_block {
    require "spec.support.nginx_phases".try "init_worker"
  }
  upstream backend {
    server 0.0.0.1;
    balancer_by_lua_block {
      require "spec.support.nginx_phases".try "balancer"
      require "ngx.balancer".set_current_peer("127.0.0.1", $http)
    }
  }
]]

local PHASES_LOCATIONS = [[
  location = /ok {
    set_by_lua_block $x { require "spec.support.nginx_phases".try "set" }
    rewrite_by_lua_block { require "spec.support.nginx_phases".try "rewrite" }
    access_by_lua_block { require "spec.support.nginx_phases".try "access" }
    header_filter_by_lua_block {
      require "spec.support.nginx_phases".try "header_filter"
    }
    body_filter_by_lua_block {
      require "spec.support.nginx_phases".try "body_filter"
    }
    log_by_lua_block { require "spec.support.nginx_phases".try "log" }
    proxy_pass http://backend;
  }
  location = /content { content_by_lua_block {
    require "spec.support.nginx_phases".try "content"
    require "spec.support.nginx_phases".try_timer()
  } }
  location = /results { content_by_lua_block {
    require "spec.support.nginx_phases".tell()
  } }
  location = /work { content_by_lua_block {
    require "spec.support.nginx_phases".work()
  } }
]]

local function maps(worker, name)
  local file = assert(io.open(("/proc/%d/maps"):format(worker:worker())))
  local text = file:read "*a"
  file:close()
  return text:find(name, 1, true) ~= nil
end

describe("the nginx transport", function()
  if not nginx.is_there() then
    pending "needs LuaJIT, nginx and its module for Lua"
    return
  end

  local hosts = server.start "nginx_hosts.py"
  local record = nginx.record_of(hosts)
  local files = { ["hosts.json"] = cjson.encode(record) }
  local worker = nginx.start {
    http = HTTP, locations = nginx.filled(LOCATIONS, record), files = files,
  }

  teardown(function()
    worker:stop()
    hosts:stop()
  end)

  for i, name in ipairs(cjson.decode((worker:get "/tests"))) do
    local reason = cannot[name]
    cannot[name] = nil
    if reason then
      pending(("%s (%s)"):format(name, reason))
    else
      it(name, function()
        local start = core.monotonic()
        local result = cjson.decode((worker:get("/test?" .. i)))
        assert.is_true(result.ok, result.message)
        local seconds = core.monotonic() - start
        assert.is_true(seconds < LINGERING, seconds)
      end)
    end
  end

  it("lists only what there is among what cosockets cannot do", function()
    assert.same({}, cannot)
  end)

  it("needs no libcurl", function()
    assert.is_true(maps(worker, "iotdataplane/core.so"))
    assert.is_false(maps(worker, "libcurl"))
  end)

  it("leaves nothing in the log but what was provoked", function()
    for _, line in ipairs(worker:warnings()) do
      assert.is_true(nginx.is_provoked(line), line)
    end
  end)

  describe("of its own choice", function()
    local quiet

    setup(function()
      quiet = nginx.start {
        http = nginx.filled(PHASES_HTTP, record), locations = PHASES_LOCATIONS,
        files = files,
      }
      assert.equal("ok", (quiet:get "/ok"))
      quiet:get "/content"
    end)

    teardown(function() quiet:stop() end)

    local function came_of(phase)
      local text
      repeat -- the timer's may come later
        text = cjson.decode((quiet:get "/results"))[phase]
      until text
      return text
    end

    for _, phase in ipairs { "rewrite", "access", "content", "timer" } do
      it("is a cosocket in " .. phase, function()
        assert.is_truthy(came_of(phase):find "^nginx 200 ")
      end)
    end

    for _, phase in ipairs { "init", "init_worker" } do
      it("is libcurl in " .. phase, function()
        assert.is_truthy(came_of(phase):find "^curl 200 ")
      end)
    end

    for _, phase in ipairs { "set", "header_filter", "body_filter", "log",
                             "balancer" } do
      it("is none in " .. phase, function()
        local text = came_of(phase)
        assert.is_truthy(text:find("'" .. phase .. "'", 1, true), text)
        assert.is_truthy(text:find("client:publish_later", 1, true))
      end)
    end

    it("works without a word in the log", function()
      assert.equal("200", (quiet:get "/work"))
      for _, line in ipairs(quiet:warnings()) do
        -- nginx's own word for a server that tired of a connection
        assert.truthy(line:find("recv() failed (104:", 1, true), line)
      end
    end)
  end)
end)

describe("the transport of its own choice", function()
  it("is libcurl's itself where there is no nginx", function()
    local auto = require "iotdataplane.transport.auto"
    local made = auto { max_idle_time = 50, max_pool_connections = 1 }
    assert.equal("iotdataplane.transport.curl", getmetatable(made).__name)
  end)
end)
