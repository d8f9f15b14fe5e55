-- profile_spec.lua - the AWS files: what is in their sections, and where they
-- stand

local ini = require "iotdataplane.ini"
local profile = require "iotdataplane.profile"
local vectors = require "spec.support.vectors"

---Files that are this table's, and how often each was opened.
local function files_of(texts, env)
  local opened = {}
  local files = profile.files(function(name) return env[name] end,
    function(path)
      opened[path] = (opened[path] or 0) + 1
      local text = texts[path]
      if not text then return nil, path .. ": none" end
      return {
        read = function() return text end, close = function() end,
      }
    end)
  return files, opened
end

local function load(config, shared)
  local files = files_of({
    ["/h/.aws/config"] = config, ["/h/.aws/credentials"] = shared,
  }, { HOME = "/h" })
  return files.load()
end

-- the config file, the credentials file, and what is loaded of them
local loads = {
  { nil, nil, { profiles = {}, config = {} } },
  { "[default]\nk=v\n[p]\nk=v\n[profile p]\nk=w\n", nil, {
    profiles = { default = { k = "v" }, p = { k = "w" } },
    config = { default = { k = "v" }, p = { k = "w" } },
  } },
  { "[profile a]\nk=v\nl=w\n[profile c]\n", "[a]\nl=x\n[b]\nm=y\n", {
    profiles = { a = { k = "v", l = "x" }, b = { m = "y" }, c = {} },
    config = { a = { k = "v", l = "w" }, c = {} },
  } },
  { "[profile a]\nk=v\nl=w\n[profile 'a']\nk=x\n", nil, {
    profiles = { a = { k = "x" } }, config = { a = { k = "x" } },
  } },
  { "[profile default]\nk=v\n[default]\nk=w\n", nil, {
    profiles = { default = { k = "w" } },
    config = { default = { k = "w" } },
  } },
  { "[default]\nk=v\n[profile default]\nk=w\n", nil, {
    profiles = { default = { k = "w" } },
    config = { default = { k = "w" } },
  } },
  { "[profile]\n[profile a b]\n[profile 'c]\n[profiles  d]\n[profile\te]\n",
    nil, { profiles = { d = {}, e = {} }, config = { d = {}, e = {} } } },
  { "[sso-session s]\nk=v\n[services 't u']\niot =\n  k = v\n[s]\n", nil, {
    profiles = {}, config = {}, sso_sessions = { s = { k = "v" } },
    services = { ["t u"] = { iot = { k = "v" } } },
  } },
  { nil, "[profile p]\n[sso-session s]\n[DEFAULT]\nk=v\n", {
    profiles = { ["profile p"] = { k = "v" },
                 ["sso-session s"] = { k = "v" } },
    config = {},
  } },
}

describe("files.load", function()
  for i, case in ipairs(loads) do
    it("gives the sections their kinds: " .. i, function()
      local expected = case[3]
      expected.sso_sessions = expected.sso_sessions or {}
      expected.services = expected.services or {}
      expected.shared = case[2] and ini.parse(case[2]) or {}
      assert.same(expected, (load(case[1], case[2])))
    end)
  end

  it("tells which file is malformed, where, and nothing of it", function()
    local config, err = load("[a]\n", "[a]\n\nSECRET\n")
    assert.is_nil(config)
    assert.equal("ConfigParseError: Unable to parse config file: "
      .. "/h/.aws/credentials", tostring(err))
    assert.same({ "/h/.aws/credentials", 3,
      "neither a section nor an option" }, { err.path, err.line, err.reason })
    config, err = load("[a]\nSECRET\n", "SECRET\n")
    assert.is_nil(config)
    assert.same({ "/h/.aws/config", 2 }, { err.path, err.line })
  end)

  it("reads each file once", function()
    local texts = { ["/h/.aws/config"] = "[default]\nk=v\n" }
    local files, opened = files_of(texts, { HOME = "/h" })
    assert.same({}, opened)
    local config = files.load()
    local text = files.texts()
    texts["/h/.aws/config"] = "junk"
    assert.equal(config, (files.load()))
    assert.equal(text, files.texts())
    assert.same({ ["/h/.aws/config"] = 1, ["/h/.aws/credentials"] = 1 },
      opened)
  end)

  it("fails the same way again", function()
    local texts = { ["/h/.aws/config"] = "junk" }
    local files, opened = files_of(texts, { HOME = "/h" })
    local _, err = files.load()
    texts["/h/.aws/config"] = ""
    local config, again = files.load()
    assert.is_nil(config)
    assert.equal(err, again)
    assert.equal(1, opened["/h/.aws/config"])
  end)

  -- AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, what is opened
  local places = {
    { nil, nil, { "/h/.aws/config", "/h/.aws/credentials" } },
    { "/c", "~/s", { "/c", "/h/s" } },
    { "$HOME/c", "${HOME}/$NONE", { "/h/$NONE", "/h/c" } },
    { "", "", { "" } },
  }
  for i, place in ipairs(places) do
    it("goes where it is told to: " .. i, function()
      local files, opened = files_of({}, {
        HOME = "/h", AWS_CONFIG_FILE = place[1],
        AWS_SHARED_CREDENTIALS_FILE = place[2],
      })
      files.load()
      local paths = {}
      for path in next, opened do paths[#paths + 1] = path end
      table.sort(paths)
      assert.same(place[3], paths)
    end)
  end
end)

describe("files.texts", function()
  local function texts(config, shared)
    return files_of({ ["/h/.aws/config"] = config,
      ["/h/.aws/credentials"] = shared }, { HOME = "/h" }).texts()
  end

  it("tells different files apart", function()
    local seen = {}
    for _, pair in ipairs { { "", "" }, { "a", "" }, { "", "a" },
                            { "ab", "" }, { "a", "b" }, { "b", "a" },
                            { "", "0\n" }, { "0\n", "" } } do
      local text = texts(pair[1], pair[2])
      assert.is_nil(seen[text])
      seen[text] = true
    end
  end)

  it("takes a missing file for an empty one", function()
    assert.equal(texts("", ""), texts(nil, nil))
  end)

  it("is there where a file is malformed", function()
    assert.truthy(texts("junk", "[a]"):find("junk[a]", 1, true))
  end)
end)

-- path, and what os.path.expanduser(os.path.expandvars(path)) gives
local expansions = {
  { "", "" }, { "/a/b", "/a/b" }, { "a~/~", "a~/~" },
  { "~", "/h" }, { "~/", "/h/" }, { "~/a", "/h/a" }, { "~~", "~~" },
  { "$A", "va" }, { "${A}b$A/c", "vabva/c" }, { "$Ab", "$Ab" },
  { "$A_1", "x/y" }, { "$A-1", "va-1" }, { "$NONE/${NONE}", "$NONE/${NONE}" },
  { "$", "$" }, { "$$A", "$va" }, { "${A", "${A" }, { "${}", "${}" },
  { "${${A}", "${${A}" }, { "${A$A}", "${A$A}" }, { "$E/a", "/a" },
  { "$B", "$A" }, { "$T/a", "/h/a" }, { "x$T", "x~" }, { "%1$A%", "%1va%" },
}

describe("files.expand", function()
  local function expand(path, home)
    return files_of({}, {
      HOME = home, A = "va", B = "$A", E = "", A_1 = "x/y", T = "~",
    }).expand(path)
  end

  for _, case in ipairs(expansions) do
    it(("expands %q"):format(case[1]), function()
      assert.equal(case[2], expand(case[1], "/h"))
    end)
  end

  it("takes HOME without its last slashes", function()
    assert.equal("/h/a", expand("~/a", "/h//"))
    assert.equal("/", expand("~", "/"))
    assert.equal("/a", expand("~/a", ""))
  end)

  it("leaves the tilde where there is no HOME", function()
    assert.equal("~/a", expand("~/a", nil))
  end)
end)

describe("files.read", function()
  local files = profile.files(os.getenv)

  it("gives a file's bytes", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write("a\r\n\0\255")
    file:close()
    local text, reason = files.read(path)
    os.remove(path)
    assert.same({ "a\r\n\0\255" }, { text, reason })
  end)

  it("says why it cannot", function()
    for _, path in ipairs { "/", "/no/such/file" } do
      local text, reason = files.read(path)
      assert.is_nil(text)
      assert.is_string(reason)
    end
  end)

  it("closes the file", function()
    local closed = 0
    local open = function()
      return { read = function() return nil, "a directory" end,
               close = function() closed = closed + 1 end }
    end
    assert.same({ nil, "a directory" },
      { profile.files(os.getenv, open).read("/x") })
    assert.equal(1, closed)
  end)
end)

---@return table # the files of a recorded case, as if its directory were /d
local function files_of_case(case)
  local function placed(text) return (text:gsub("%${DIR}", "/d")) end
  local texts, env = {}, { HOME = "/d" }
  for name, file in next, case.files do
    local text = type(file) == "string" and file or file.text
    texts["/d/" .. name] = text and placed(text)
      or vectors.bytes(file.base64)
  end
  for name, value in next, case.env do env[name] = placed(value) end
  return (files_of(texts, env)), env
end

describe("what boto3 makes of the files", function()
  vectors.each(it, pending, "config/credentials.json", function(case)
    local files, env = files_of_case(case)
    local err = case.expected.error or {}
    local config, failure = files.load()
    if err.class == "ConfigParseError" then
      assert.is_nil(config)
      assert.equal(err.text:gsub("%${DIR}", "/d"), failure.message)
      return
    end
    assert.is_table(config)
    local name = case.session_args.profile_name or env.AWS_DEFAULT_PROFILE
      or env.AWS_PROFILE
    if name then
      assert.equal(err.class ~= "ProfileNotFound",
        config.profiles[name] ~= nil)
    end
  end)
end)
