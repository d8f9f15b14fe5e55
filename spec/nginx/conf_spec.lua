-- What nginx.conf lacks, a client's error names: in a worker of a real nginx,
-- which is not root.

local nginx = require "spec.support.nginx"
local server = require "spec.support.server"

local HTTP = [[
  init_by_lua_block {
    local new_client = require "iotdataplane".client
    local transport = require "iotdataplane.transport.nginx"
    package.loaded.publish = function()
      local args = ngx.req.get_uri_args()
      local ok, client = pcall(new_client, {
        endpoint_url = args.url, region_name = "eu-west-1",
        transport = transport { max_idle_time = 50,
                                max_pool_connections = 1 },
        config = { signature_version = "unsigned",
                   retries = { total_max_attempts = 1 },
                   client_cert = args.key and { args.cert, args.key } },
      })
      if not ok then return ngx.print(tostring(client)) end
      -- as if it had been made while nginx was root
      client.target.tls.key = args.later or client.target.tls.key
      local response, err = client:try("publish", { topic = "conf" })
      ngx.print(response and "success"
        or err.delivery .. " " .. tostring(err))
    end
  }
]]

local LOCATION = [[
  location = /%s { %s content_by_lua_block { require "publish"() } }
]]

local places = {
  bare = "", named = "resolver 127.0.0.1:$names ipv6=off;",
  trusting = "lua_ssl_trusted_certificate $ca_pem;",
  far = "lua_ssl_trusted_certificate $ca_pem; lua_ssl_verify_depth 3;",
}

-- {what is lacking, where, the URL, whose key, the beginning of the error,
-- the directive}; and then the place where nothing is.
local cases = {
  { "a resolver", "bare", "http://localhost:$http/ok", nil,
    "not_sent EndpointConnectionError: ", "set the directive resolver",
    "named" },
  { "trusted certificates", "bare", "https://127.0.0.1:$https/ok", nil,
    "not_sent SSLError: ", "set lua_ssl_trusted_certificate in nginx.conf",
    "trusting" },
  { "depth for a chain of certificates", "trusting",
    "https://127.0.0.1:$chained/ok", nil,
    "not_sent SSLError: ", "lua_ssl_verify_depth",
    "far" },
  { "a user who may read the key", "trusting", "https://127.0.0.1:$mutual/ok",
    "locked", "InvalidConfigError: ", "the directive user in nginx.conf",
    "trusting" },
}

local is_there = nginx.is_there()

describe("nginx.conf", function()
  if not is_there then
    pending "needs LuaJIT, nginx and its module for Lua"
    return
  end

  local hosts, worker
  local keys = {}

  -- Ours and the worker's to read, or nobody's.
  local function copy_key(name, mode)
    keys[name] = os.tmpname()
    assert(server.run(("cp %s %s && chmod %s %s"):format(hosts.client_key,
      keys[name], mode, keys[name])))
  end

  setup(function()
    hosts = server.start "nginx_hosts.py"
    keys.cert = os.tmpname()
    assert(server.run(("cat %s >%s && chmod 644 %s"):format(hosts.client_pem,
      keys.cert, keys.cert)))
    copy_key("locked", "000")
    copy_key("open", "644")
    local locations = {}
    for name, directives in next, places do
      locations[#locations + 1] = LOCATION:format(name, directives)
    end
    worker = nginx.start {
      user = "nobody nogroup", http = HTTP,
      locations = nginx.filled(table.concat(locations), hosts),
    }
  end)

  teardown(function()
    worker:stop()
    hosts:stop()
    for _, path in next, keys do os.remove(path) end
  end)

  local function publish(place, url, key)
    local path = ("/%s?url=%s"):format(place, nginx.filled(url, hosts))
    if key then
      path = ("%s&cert=%s&key=%s"):format(path, keys.cert, keys[key])
    end
    local body, status = worker:get(path)
    assert.equal(200, status)
    return body
  end

  for _, case in ipairs(cases) do
    local what, place, url, key, beginning, advice, sound =
      (table.unpack or unpack)(case, 1, 7) -- luacheck: std max

    it("is said to lack " .. what, function()
      local text = publish(place, url, key)
      assert.equal(beginning, text:sub(1, #beginning))
      assert.truthy(text:find(advice, 1, true), text)
    end)

    it("is not said to lack " .. what .. " where it does not", function()
      assert.equal("success", publish(sound, url, key and "open"))
    end)
  end

  -- Of a client that was made when they could be.
  local function publish_later(path)
    return publish("trusting", "https://127.0.0.1:$mutual/ok&later=" .. path,
                   "open")
  end

  it("is said to lack a user who may read the key of a client that is there",
    function()
      local text = publish_later(keys.locked)
      assert.equal("not_sent SSLError: ", text:sub(1, 19))
      assert.truthy(text:find("the directive user in nginx.conf", 1, true))
    end)

  it("is not said to lack what is not there at all", function()
    local text = publish_later "/nowhere.pem"
    assert.truthy(text:find("the worker cannot read", 1, true), text)
    assert.is_nil(text:find("nginx.conf", 1, true))
    keys.none = "/nowhere.pem"
    text = publish("trusting", "https://127.0.0.1:$mutual/ok", "none")
    assert.truthy(text:find("No such file", 1, true), text)
    assert.is_nil(text:find("nginx.conf", 1, true))
  end)
end)
