-- What real boto3 made of files, variables and arguments, and of what the
-- services of credentials answered.

local cjson = require "cjson"
local clients = require "spec.support.client"
local server = require "spec.support.server"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

-- Cases that are not run as they are, each with its reason.
local exceptions = {
  ["process-environment-passed"] = "a program inherits the environment of "
    .. "this process, not the case's: credentials/process_spec has it",
  ["imds-not-used-for-region"] = "nothing is asked when a client is made: "
    .. "that there is no region is known without",
  ["session-args-access-only"] = "options are a client's arguments: a half "
    .. "pair is a PartialCredentialsError",
  ["session-args-secret-only"] = "as above; botocore runs into a TypeError",
}

-- Exceptions that are accidents of Python: that it fails is what counts.
local accidents = {
  AttributeError = true, EOFError = true, FileNotFoundError = true,
  HTTPClientError = true, IndexError = true, JSONDecodeError = true,
  KeyError = true, ParserError = true, TypeError = true,
}

local failures = {
  refused = "EndpointConnectionError", ["connect-timeout"] =
  "ConnectTimeoutError", ["read-timeout"] = "ReadTimeoutError",
}

-- ---- the case's directory ----

local function write(path, content)
  assert(server.run("mkdir -p " .. server.quote(path:match("^(.*)/"))))
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
end

local function fill(dir, files)
  for name, content in pairs(files) do
    local path, mode = dir .. "/" .. name, nil
    if type(content) == "table" then
      mode = content.mode
      content = content.text or vectors.bytes(content.base64)
    end
    write(path, (content:gsub("%${DIR}", dir)))
    if mode then
      assert(server.run(("chmod %s %s"):format(mode, server.quote(path))))
    end
  end
end

local function in_directory(check)
  local dir = os.tmpname()
  os.remove(dir)
  assert(server.run("mkdir -m 700 " .. dir))
  local ok, err = pcall(check, dir)
  server.run("rm -rf " .. server.quote(dir))
  if not ok then error(err, 0) end
end

local function placed(value, dir)
  if type(value) == "string" then return (value:gsub("%${DIR}", dir)) end
  if type(value) ~= "table" then return value end
  local new = {}
  for key, item in pairs(value) do new[key] = placed(item, dir) end
  return new
end

-- ---- the services ----

local function url_of(request)
  local default = request.scheme == "https" and 443 or 80
  local host = request.host
  if host:find(":", 1, true) then host = "[" .. host .. "]" end
  local port = request.port ~= default and ":" .. request.port or ""
  local query = request.query ~= "" and "?" .. request.query or ""
  return request.scheme .. "://" .. host .. port .. request.path .. query
end

local function header_of(request, name)
  for _, header in ipairs(request.headers) do
    if header[1]:lower() == name then return header[2] end
  end
  return nil
end

local function is_publish(request)
  return request.path:find("/topics/t$") ~= nil
end

local function answer_of(http)
  if not http then return { status = 404, body = "unscripted" } end
  if http.fail then
    return { name = assert(failures[http.fail]), sent = false }
  end
  local body, headers = http.body, {}
  if type(body) == "table" then -- spaced as Python does
    body = cjson.encode(body):gsub('":', '": '):gsub(',"', ', "')
  end
  for name, value in pairs(http.headers or {}) do
    headers[#headers + 1] = { name, value }
  end
  return { status = http.status, body = body, headers = headers }
end

-- A transport that plays the case's answers; `asked` is what came before the
-- publish itself, `published` that.
local function play(case)
  local transport = stub()
  local played = { asked = {}, transport = transport }
  transport.answers = { function(request)
    if is_publish(request) then
      played.published = request
      return {}
    end
    played.asked[#played.asked + 1] = request
    return answer_of((case.http or {})[#played.asked])
  end }
  return played
end

-- ---- what came of it ----

local function decode_form(text)
  local pairs_ = {}
  for name, value in text:gmatch("([^&=]+)=([^&]*)") do
    local function plain(s)
      return (s:gsub("+", " "):gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end))
    end
    value = plain(value):gsub("^botocore%-session%-%d+$",
                              "botocore-session-EPOCH")
    pairs_[#pairs_ + 1] = { plain(name), value }
  end
  table.sort(pairs_, function(a, b) return a[1] < b[1] end)
  return pairs_
end

local function check_signature(expected, request)
  local authorization = assert(header_of(request, "authorization"))
  local key, region, service, signed = authorization:match(
    "Credential=([^/]+)/%d+/([^/]+)/([^/]+)/aws4_request, "
    .. "SignedHeaders=([^,]+),")
  assert.same({ expected.access_key_id, expected.region, expected.service,
                expected.signed_headers }, { key, region, service, signed })
end

local function check_request(expected, request)
  if expected.failed then
    assert.equal(expected.url, (url_of(request):match("^%a+://[^/]+"))
      .. (url_of(request):find("^%a+://[^/]+:") and "" or ":80"))
    return
  end
  assert.equal(expected.method, request.method)
  assert.equal(expected.url, url_of(request))
  for name, value in pairs(expected.headers or {}) do
    assert.equal(value, header_of(request, name))
  end
  if expected.form then
    assert.same(expected.form, decode_form(request.body))
  end
  if expected.signed_as then
    check_signature(expected.signed_as, request)
  else
    local authorization = header_of(request, "authorization") or ""
    assert.is_nil(authorization:find("AWS4", 1, true))
  end
end

local function check_requests(expected, played)
  local scripted = expected.requests or {}
  for i, request in ipairs(scripted) do
    assert(played.asked[i], "request " .. i .. " was not made")
    check_request(request, played.asked[i])
  end
  if not expected.unscripted_request then
    assert.equal(#scripted, #played.asked)
  end
  if expected.sleep_count then
    assert.equal(expected.sleep_count, #played.transport.sleeps)
  end
end

local function check_error(expected, err, dir)
  assert(err, "it did not fail")
  assert.equal("table", type(err), tostring(err))
  if accidents[expected.class] then
    assert.truthy(err:is_a("BotoCoreError"), tostring(err))
    return
  end
  assert.equal(expected.class .. ": "
    .. expected.text:gsub("%${DIR}", (dir:gsub("%%", "%%%%"))),
    tostring(err))
end

local function null_to_nil(value)
  if value == cjson.null then return nil end
  return value
end

local function check_publish(expected, request)
  assert.equal(expected.url, url_of(request))
  assert.equal(expected.host_header, header_of(request, "host"))
  local key, region = header_of(request, "authorization"):match(
    "Credential=([^/]*)/%d+/([^/]*)/")
  assert.equal(expected.access_key_id, key)
  assert.equal(expected.signing_region, region)
  assert.equal(null_to_nil(expected.session_token),
               header_of(request, "x-amz-security-token"))
end

local function check_credentials(expected, client)
  local found = client.cache.credentials
  if not expected or not found then return end
  assert.same({ expected.access_key_id, expected.secret_access_key,
                null_to_nil(expected.session_token), expected.method },
              { found.access_key, found.secret_key, found.token,
                found.method })
end

-- ---- silence ----

-- How the recorded keys, tokens and bodies look.
local secrets = { "AK%u+", "ASIA%u+", "SK%u+", "TOK%u+", "eyJ%.web%.token",
                  "imds%-token", "hush" }

-- Every text within what was raised.
local function texts_of(value, into)
  if type(value) == "string" then into[#into + 1] = value end
  if type(value) ~= "table" then return into end
  for key, item in pairs(value) do
    into[#into + 1] = tostring(key)
    texts_of(item, into)
  end
  return into
end

local function check_silence(said, err, dir)
  local texts = texts_of(err, said)
  if err then
    texts[#texts + 1] = tostring(err)
  end
  for _, text in ipairs(texts) do
    -- its name is random; and names of variables may be told
    text = text:gsub(dir, ""):gsub("_TOKEN%f[^%u]", "")
    for _, secret in ipairs(secrets) do
      assert.is_nil(text:match(secret), text)
    end
  end
end

-- ---- a case ----

local function options_of(case, played, said)
  local options = { transport = played.transport }
  for name, value in pairs(case.session_args) do options[name] = value end
  for name, value in pairs(case.client_args) do options[name] = value end
  options.config = options.config or {}
  options.config.logger = function(level, message)
    said[#said + 1] = level .. ": " .. message
  end
  return options
end

local function run_in(dir, case)
  local played = play(case)
  fill(dir, case.files)
  local environment = placed(case.env, dir)
  environment.HOME, environment.AWS_REGION = dir, nil
  environment.PATH = os.getenv("PATH")
  local said = {}
  local client, err = clients.new(environment,
    options_of(placed(case, dir), played, said))
  local response
  if client then
    response, err = client:try("publish", { topic = "t", payload = "x" })
  end
  check_silence(said, err, dir)
  check_requests(case.expected, played)
  if case.expected.error then
    assert.is_nil(response)
    assert.is_nil(played.published)
    return check_error(case.expected.error, err, dir)
  end
  assert.is_nil(err and tostring(err))
  assert.equal(case.expected.region, client.meta.region_name)
  check_publish(case.expected.publish, played.published)
  check_credentials(case.expected.credentials, client)
end

for _, name in ipairs { "credentials", "region-endpoint", "providers" } do
  describe("config/" .. name .. ".json", function()
    vectors.each(function(case_name, check)
      if not exceptions[case_name] then it(case_name, check) end
    end, pending, "config/" .. name .. ".json", function(case)
      in_directory(function(dir) run_in(dir, case) end)
    end)
  end)
end

