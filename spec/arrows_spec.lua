-- Arrows go down: Lua pipeline, C binding, pure C. Every `require` and every
-- `#include` stands in one of these tables.

local files = require "spec.support.files"

local function list(command)
  local pipe, out = assert(io.popen(command)), {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  table.sort(out)
  return out
end

local function set(words)
  local out = {}
  for word in words:gmatch("%S+") do out[word] = true end
  return out
end

-- What a module of lua/iotdataplane may require, "iotdataplane." left out.
local lua_arrows = {
  [""] = set [[credentials.iot credentials.world errors json kept client
    options profile settings]],
  -- and by its name each that it keeps
  kept = set "cjson clock date json number output python validate",
  client = set [[call core errors later model operations presign retry
    serialize strict validate]],
  later = set "many queue",
  many = set "errors transport.side_by_side transport.multi",
  operations = set "errors model pages",
  presign = set "core credentials.cached errors",
  protected = set "",
  queue = set "errors",
  call = set "attempt clock retry",
  attempt = set [[core credentials.cached date errors parse retry sign]],
  clock = set "date",
  model = set "",
  errors = set "model python",
  json = set "cjson number",
  number = set "",
  python = set "json number",
  validate = set "core errors json python",
  strict = set "core json python validate",
  pages = set "core errors json python",
  output = set "core json",
  serialize = set "core errors json",
  sign = set "core errors",
  parse = set "errors json output python",
  retry = set "rate",
  rate = set "",
  endpoint = set "errors",
  proxy = set "errors",
  options = set "core",
  client_cert = set "core errors",
  settings = set [[client_cert credentials.static endpoint errors proxy
    python retry]],
  date = set "",
  shell_words = set "",
  ini = set "errors json",
  profile = set "ini shell_words",
  -- what a provider may ask, and who asks providers
  ["credentials.world"] = set "core endpoint errors proxy sign",
  ["credentials.service"] = set "errors retry",
  ["credentials.cached"] = set [[core credentials.chain credentials.static
    errors]],
  ["credentials.chain"] = set "errors", -- and each provider, by its name
  -- providers, none of which knows another
  ["credentials.static"] = set "errors",
  ["credentials.custom"] = set "date errors protected",
  ["credentials.environment"] = set "date errors",
  ["credentials.assume_role"] = set "errors python credentials.sts",
  ["credentials.web_identity"] = set "errors credentials.sts",
  ["credentials.sts"] = set "core date endpoint errors credentials.service",
  ["credentials.sso"] = set [[core errors json credentials.sso_service
    credentials.sso_token]],
  ["credentials.sso_token"] = set [[core date errors json
    credentials.sso_service]],
  ["credentials.sso_service"] = set [[endpoint errors json parse
    credentials.service]],
  ["credentials.keys"] = set "errors",
  ["credentials.answer"] = set "date",
  ["credentials.shared_file"] = set "credentials.keys",
  ["credentials.config_file"] = set "credentials.keys",
  ["credentials.boto_config"] = set "credentials.keys ini",
  ["credentials.process"] = set "core date errors json python shell_words",
  ["credentials.container"] = set [[core credentials.answer date
    endpoint errors json]],
  ["credentials.imds"] = set [[core credentials.answer date
    endpoint errors json]],
  ["credentials.iot"] = set [[core credentials.answer date
    endpoint errors json]],
  ["transport.auto"] = set [[core transport.curl transport.nginx
    transport.side_by_side]],
  ["transport.response"] = set "core",
  ["transport.route"] = set "core",
  ["transport.curl"] = set "core curl transport.curl_request",
  ["transport.curl_request"] = set "transport.response transport.route",
  ["transport.multi"] = set [[core curl protected
    transport.curl_request transport.side_by_side transport.workers]],
  ["transport.workers"] = set "",
  ["transport.side_by_side"] = set "protected",
  ["transport.nginx"] = set [[core transport.nginx_connect
    transport.nginx_pool transport.nginx_threads transport.response
    transport.route]],
  ["transport.nginx_threads"] = set [[core transport.side_by_side
    ngx.semaphore]],
  ["transport.nginx_connect"] = set [[core ngx.semaphore
    transport.nginx_tls transport.route]],
  ["transport.nginx_pool"] = set "core ngx.semaphore transport.route",
  ["transport.nginx_tls"] = set "ngx.ssl resty.core.base ffi",
  ["transport.stub"] = set "",
}

-- What a file of csrc may include; what is not named here, the standard
-- headers only.
local c_arrows = {
  ["lcompat.h"] = set "lua.h lauxlib.h",
  ["lrecord.h"] = set "iot.h lcompat.h",
  ["lrecord.c"] = set "lrecord.h",
  ["lcore.c"] = set "certificate.h lrecord.h",
  ["lsign.c"] = set "lrecord.h",
  ["lcompose.c"] = set "lrecord.h",
  ["lfields.c"] = set "lrecord.h",
  ["lreader.c"] = set "lrecord.h",
  ["lspawn.c"] = set "child.h clock.h lrecord.h",
  ["lcurl.c"] = set "clock.h lexchange.h",
  ["lexchange.h"] = set "exchange.h lrecord.h",
  ["lexchange.c"] = set "lexchange.h",
  ["lloop.c"] = set "clock.h lwake.h",
  ["lwake.h"] = set "lexchange.h loop.h",
  ["lwake.c"] = set "lwake.h",
  ["crypto.c"] = set "iot.h openssl/rand.h openssl/sha.h unistd.h",
  ["certificate.h"] = set "iot.h",
  ["certificate.c"] = set [[certificate.h limits.h openssl/err.h openssl/pem.h
    openssl/x509.h]],
  ["process.c"] = set "iot.h dlfcn.h pthread.h",
  ["clock.h"] = set "",
  ["child.h"] = set "iot.h",
  ["clock.c"] = set "clock.h time.h",
  ["spawn.c"] = set [[child.h clock.h errno.h fcntl.h poll.h signal.h spawn.h
    sys/wait.h unistd.h]],
  ["pipe.h"] = set "iot.h",
  ["poller.h"] = set "",
  ["poller.c"] = set [[pipe.h poller.h poll.h sys/epoll.h sys/timerfd.h
    unistd.h]],
  ["exchange.h"] = set "pipe.h poller.h",
  ["loop.h"] = set "exchange.h",
  ["curl_options.h"] = set "pipe.h curl/curl.h",
  ["curl_options.c"] = set "curl_options.h stdio.h sys/stat.h",
  ["curl_openssl.h"] = set "",
  ["curl_openssl.c"] = set "curl_openssl.h curl/curl.h dlfcn.h",
  ["curl_trust.h"] = set "sys/stat.h",
  ["curl_trust.c"] = set "curl_trust.h curl_openssl.h stdio.h",
  ["curl_tls.h"] = set "pipe.h curl/curl.h",
  ["curl_tls.c"] = set "curl_tls.h curl_openssl.h curl_trust.h",
  ["curl_share.h"] = set "curl_trust.h pipe.h curl/curl.h",
  ["curl_share.c"] = set "curl_share.h",
  ["curl_pipe.c"] = set [[curl_options.h curl_share.h curl_tls.h
    curl_trust.h fcntl.h unistd.h]],
  ["socket.c"] = set "pipe.h errno.h fcntl.h sys/socket.h sys/time.h",
  ["pool.c"] = set "exchange.h",
  ["exchange.c"] = set "exchange.h",
  ["wait.c"] = set "exchange.h poll.h",
  ["watch.c"] = set "exchange.h",
  ["heap.c"] = set "loop.h",
  ["loop.c"] = set "loop.h",
}

-- The pure core.
local pure = "buf uri encode header request framing http1 sigv4"
for name in pure:gmatch("%S+") do
  c_arrows[name .. ".c"] = set "iot.h"
end
c_arrows["iot.h"] = set ""

local everywhere = set "stddef.h stdint.h stdlib.h string.h"

local function module_name(path)
  local name = path:gsub("^lua/iotdataplane/?", ""):gsub("%.lua$", "")
  return (name:gsub("/", "."))
end

describe("the arrows", function()
  for _, path in ipairs(list("find lua -name '*.lua'")) do
    it("of " .. path, function()
      local allowed = assert(lua_arrows[module_name(path)], "not in a table")
      local code = files.read(path):gsub("%-%-[^\n]*", "")
      for required in code:gmatch('require%s*%(?"([^"]+)"') do
        local name = required:gsub("^iotdataplane%.", "")
        assert.is_true(allowed[name] or false,
                       path .. " requires " .. required)
      end
    end)
  end

  for _, path in ipairs(list("find csrc -name '*.[ch]'")) do
    it("of " .. path, function()
      local allowed = assert(c_arrows[path:match("[^/]+$")], "not in a table")
      for included in files.read(path):gmatch('#include [<"]([^>"]+)[>"]') do
        assert.is_true(allowed[included] or everywhere[included] or false,
                       path .. " includes " .. included)
      end
    end)
  end

  ---Where the library under test stands.
  local function library(name)
    for template in package.cpath:gmatch("[^;]+") do
      local path = template:gsub("%?", "iotdataplane/" .. name)
      local file = io.open(path, "rb")
      if file then
        file:close()
        return path
      end
    end
  end

  it("show no more than luaopen_ to the world", function()
    for _, name in ipairs { "core", "curl" } do
      local symbols = list("nm -D --defined-only " .. library(name))
      assert.equal(1, #symbols)
      assert.truthy(symbols[1]:find(" luaopen_iotdataplane_" .. name .. "$"))
    end
  end)

  it("of core do not lead to libcurl, nor of curl to libcrypto", function()
    local function needed(name)
      return table.concat(list("readelf -d " .. library(name)), "\n")
    end
    assert.truthy(needed("core"):find("libcrypto", 1, true))
    assert.is_nil(needed("core"):find("libcurl", 1, true))
    assert.truthy(needed("curl"):find("libcurl", 1, true))
    assert.is_nil(needed("curl"):find("libcrypto", 1, true))
  end)
end)

describe("a module", function()
  it("does no work when it is required", function()
    local opened = {}
    local real_open, real_getenv = io.open, os.getenv
    -- luacheck: push ignore
    io.open = function(path, ...)
      local name = path:match "/iotdataplane/(%w+)%.lua$"
      if not lua_arrows.kept[name] then opened[#opened + 1] = path end
      return real_open(path, ...)
    end
    os.getenv = function(name) opened[#opened + 1] = name end
    for name in pairs(package.loaded) do
      if name:find("^iotdataplane") then package.loaded[name] = nil end
    end
    local globals = {}
    for name in pairs(_G) do globals[name] = true end
    local ok, err = pcall(require, "iotdataplane")
    io.open, os.getenv = real_open, real_getenv
    -- luacheck: pop
    assert.is_true(ok, tostring(err))
    assert.same({}, opened)
    for name in pairs(_G) do assert.truthy(globals[name], name) end
  end)
end)

describe("the version", function()
  it("of the CHANGELOG is iotdataplane._VERSION", function()
    local version = require "iotdataplane"._VERSION
    local newest = files.read("CHANGELOG.md"):match("\n## ([%d.]+)")
    assert.equal(newest, version)
  end)
end)
