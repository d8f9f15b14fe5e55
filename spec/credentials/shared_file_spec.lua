-- shared_file_spec.lua - the providers that read keys from a file: the
-- credentials file, the config file, boto 2's configuration

local new_world = require "iotdataplane.credentials.world"
local profile = require "iotdataplane.profile"
local vectors = require "spec.support.vectors"

local providers = {
  ["shared-credentials-file"] =
    require "iotdataplane.credentials.shared_file",
  ["config-file"] = require "iotdataplane.credentials.config_file",
  ["boto-config"] = require "iotdataplane.credentials.boto_config",
}
local in_order = { "shared-credentials-file", "config-file", "boto-config" }

---@param texts table by path
local function open_in(texts)
  return function(path)
    local text = texts[path]
    if not text then return nil, path .. ": none" end
    return { read = function() return text end, close = function() end }
  end
end

local function world_of(texts, env, profile_name, open)
  env = env or {}
  env.HOME = env.HOME or "/h"
  local function getenv(name) return env[name] end
  return new_world {
    options = {}, getenv = getenv, transport = {},
    files = profile.files(getenv, open or open_in(texts)),
    profile_name = profile_name or "default", region = "us-east-1",
  }
end

-- Where each one's file stands, and a section's head there.
local places = {
  ["shared-credentials-file"] = { "/h/.aws/credentials", "[default]\n" },
  ["config-file"] = { "/h/.aws/config", "[default]\n" },
  ["boto-config"] = { "/h/.boto", "[Credentials]\n" },
}

local KEY, SECRET = "aws_access_key_id=AK\n", "aws_secret_access_key=SK\n"

local function keys(method, token)
  return { access_key = "AK", secret_key = "SK", token = token,
           method = method }
end

-- a section's values, and the variable that is missing, or nothing at all
local incomplete = {
  { KEY, "aws_secret_access_key" },
  { KEY .. "aws_secret_access_key=\n  SECRET = v\n",
    "aws_secret_access_key" },
  { "aws_access_key_id=\n  SECRET = v\n" .. SECRET, "aws_access_key_id" },
  { SECRET }, { "" }, { "region=x\n" },
}

for method, provider in next, providers do
  describe(method, function()
    local path, head = places[method][1], places[method][2]

    local function get(values, env, name)
      return provider.get(world_of({ [path] = head .. values }, env, name))
    end

    it("gives the keys", function()
      assert.same(keys(method), (get(KEY .. SECRET)))
    end)

    it("takes empty values as they are", function()
      local found = get "aws_access_key_id=\naws_secret_access_key=\n"
      assert.same({ "", "" }, { found.access_key, found.secret_key })
    end)

    for i, case in ipairs(incomplete) do
      it("is not content with less: " .. i, function()
        local found, err = get(case[1])
        assert.is_nil(found)
        assert.equal(case[2] and "PartialCredentialsError: Partial "
          .. "credentials found in " .. method .. ", missing: " .. case[2],
          err and tostring(err))
      end)
    end

    it("gives nothing where there is no file", function()
      assert.same({}, { provider.get(world_of {}) })
    end)

    it("fails where the file is malformed", function()
      local found, err = get "SECRET\n"
      assert.is_nil(found)
      assert.equal("ConfigParseError: Unable to parse config file: " .. path,
        tostring(err))
      assert.equal(2, err.line)
    end)
  end)
end

-- a section's values, and the token
local tokens = {
  { "", nil }, { "aws_session_token=T\n", "T" },
  { "aws_security_token=T\n", "T" },
  { "aws_session_token=NEW\naws_security_token=OLD\n", "OLD" },
  { "aws_session_token=\n", nil },
  { "aws_session_token=NEW\naws_security_token=\n", nil },
  { "aws_session_token=\n  a=b\n", nil },
}

for i, case in ipairs(tokens) do
  it("the token: " .. i, function()
    local values = KEY .. SECRET .. case[1]
    local texts = {}
    for _, method in ipairs(in_order) do
      texts[places[method][1]] = places[method][2] .. values
    end
    for _, method in ipairs(in_order) do
      local token = method ~= "boto-config" and case[2] or nil
      assert.same(keys(method, token),
        (providers[method].get(world_of(texts))))
    end
  end)
end

describe("the profile", function()
  local texts = {
    ["/h/.aws/credentials"] = "[default]\n[p]\n" .. KEY .. SECRET
      .. "[profile q]\n" .. KEY .. SECRET,
    ["/h/.aws/config"] = "[default]\n[profile q]\n" .. KEY .. SECRET
      .. "[p]\n" .. KEY .. SECRET .. "[profile r]\nregion=x\n",
  }
  -- name, of the credentials file, of the config file
  for _, case in ipairs {
    { "default" }, { "p", true }, { "q", nil, true }, { "profile q", true },
    { "r" }, { "none" },
  } do
    it(case[1], function()
      local world = world_of(texts, nil, case[1])
      for i = 1, 2 do
        local method = in_order[i]
        assert.same({ case[i + 1] and keys(method) },
          { providers[method].get(world) })
      end
    end)
  end

  it("takes no key from the other file", function()
    local world = world_of {
      ["/h/.aws/credentials"] = "[default]\n" .. KEY,
      ["/h/.aws/config"] = "[default]\n" .. SECRET,
    }
    assert.equal("PartialCredentialsError",
      select(2, providers["shared-credentials-file"].get(world)).name)
    assert.same({}, { providers["config-file"].get(world) })
  end)
end)

describe("boto's configuration", function()
  local get = providers["boto-config"].get

  local function section(key)
    return ("[Credentials]\naws_access_key_id=%s\n"):format(key) .. SECRET
  end

  -- BOTO_CONFIG, the texts, and the key
  for i, case in ipairs {
    { nil, { ["/etc/boto.cfg"] = section "E", ["/h/.boto"] = section "H" },
      "E" },
    { nil, { ["/etc/boto.cfg"] = "[Boto]\n", ["/h/.boto"] = section "H" },
      "H" },
    { nil, { ["/etc/boto.cfg"] = "[Credentials]\n" .. SECRET,
             ["/h/.boto"] = section "H" }, "H" },
    { "/b", { ["/b"] = section "B", ["/h/.boto"] = section "H" }, "B" },
    { "~/$N", { ["/h/n"] = section "B" }, "B" },
    { "/b", { ["/h/.boto"] = section "H" } },
    { "", { ["/h/.boto"] = section "H" } },
    { nil, { ["/h/.boto"] = "[credentials]\n" .. KEY .. SECRET } },
  } do
    it("stands where it should: " .. i, function()
      local found, err =
        get(world_of(case[2], { BOTO_CONFIG = case[1], N = "n" }))
      assert.is_nil(err)
      assert.equal(case[3], found and found.access_key)
    end)
  end

  it("ends with the first that fails", function()
    for _, text in ipairs { "junk", "[Credentials]\n" .. KEY } do
      local found, err = get(world_of {
        ["/etc/boto.cfg"] = text, ["/h/.boto"] = section "H",
      })
      assert.is_nil(found)
      assert.is_table(err)
    end
  end)
end)

-- ---- recorded cases, with real files ----

local function run(command)
  local ok = os.execute(command)
  assert(ok == true or ok == 0, command)
end

---@return table # the world of a case whose files stand in the directory
local function world_in(directory, case)
  local function placed(text) return (text:gsub("%${DIR}", directory)) end
  for name, file in next, case.files do
    local path = directory .. "/" .. name
    run("mkdir -p '" .. path:match("^(.*)/") .. "'")
    local out = assert(io.open(path, "wb"))
    out:write(type(file) == "string" and placed(file)
      or file.text and placed(file.text) or vectors.bytes(file.base64))
    out:close()
  end
  local env = { HOME = directory }
  for name, value in next, case.env do env[name] = placed(value) end
  local name = case.session_args.profile_name or env.AWS_DEFAULT_PROFILE
    or env.AWS_PROFILE
  return world_of(nil, env, name, function(path, mode)
    if path == "/etc/boto.cfg" then return nil, "none" end
    return io.open(path, mode)
  end)
end

local function first_of(world)
  for _, method in ipairs(in_order) do
    local found, err = providers[method].get(world)
    if found or err then return found, err end
  end
end

---Does an error of a case come from one of these providers?
local function is_ours(err)
  return err.class == "ConfigParseError"
    or err.class == "PartialCredentialsError" and err.text:find "%-file,"
end

describe("boto3 finds in files", function()
  local directory
  before_each(function()
    directory = os.tmpname()
    os.remove(directory)
    run("mkdir '" .. directory .. "'")
  end)
  after_each(function() run("rm -r '" .. directory .. "'") end)

  vectors.each(it, pending, "config/credentials.json", function(case)
    local found, err = first_of(world_in(directory, case))
    local expected = case.expected.credentials
    local failure = case.expected.error or {}
    if expected and providers[expected.method] then
      assert.same({
        access_key = expected.access_key_id,
        secret_key = expected.secret_access_key,
        token = expected.session_token, method = expected.method,
      }, found)
    elseif failure.class and is_ours(failure) then
      assert.is_nil(found)
      assert.equal(failure.class .. ": "
        .. failure.text:gsub("%${DIR}", directory), tostring(err))
    elseif failure.class == "NoCredentialsError"
        or failure.class == "ProfileNotFound" then
      assert.same({ nil, nil }, { found, err })
    end
  end)
end)
