-- process_spec.lua - credential_process, with programs that are run

local core = require "iotdataplane.core"
local new_world = require "iotdataplane.credentials.world"
local process = require "iotdataplane.credentials.process"
local profile = require "iotdataplane.profile"
local server = require "spec.support.server"
local vectors = require "spec.support.vectors"

local BOUND = 0.2 -- seconds for what runs for ever
local PATIENCE = 20 -- seconds that nothing here should take

local directory

local function write(name, text, mode)
  local path = directory .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  assert(server.run(("chmod %s '%s'"):format(mode or "644", path)))
end

local function in_directory()
  setup(function()
    directory = os.tmpname()
    os.remove(directory)
    assert(server.run(("mkdir -m 700 '%s' '%s/.aws'")
      :format(directory, directory)))
  end)
  before_each(function() os.remove(directory .. "/.aws/credentials") end)
  teardown(function() server.run(("rm -r '%s'"):format(directory)) end)
end

---A transport that tells the time, and does nothing else.
local transport = { now = core.now, monotonic = core.monotonic }

local function world_of(env, fields)
  local function getenv(name)
    return name == "HOME" and directory or env[name]
  end
  local logged = {}
  local world = {
    options = { config = { logger = function(level, message)
      logged[#logged + 1] = level .. ": " .. message
    end } },
    getenv = getenv, files = profile.files(getenv), transport = transport,
    profile_name = env.AWS_PROFILE or "default", logged = logged,
    deadline = core.monotonic() + PATIENCE,
    endpoint_url = "https://data.test",
  }
  for name, value in next, fields or {} do world[name] = value end
  return new_world(world)
end

---Asks the provider, the program being that text.
local function run(script, fields, arguments)
  write("p.sh", script, "755")
  write(".aws/config", "[default]\ncredential_process = " .. directory
    .. "/p.sh " .. (arguments or "") .. "\n")
  local world = world_of({}, fields)
  local found, err = process.get(world)
  return found, err, world
end

local function printing(json)
  return "#!/bin/sh\ncat <<'end'\n" .. json .. "\nend\n"
end

local function message(reason)
  return "Error when retrieving credentials from custom-process: " .. reason
end

local function assert_fails(reason, found, err)
  assert.is_nil(found)
  assert.equal("CredentialRetrievalError", err.name)
  assert.equal(message(reason), err.message)
end

-- ---- recorded ----

-- What other modules decide.
local elsewhere = {
  ["process-under-credentials-file-keys"] = true,
  ["process-under-env-keys"] = true,
  ["process-past-expiration"] = true,
  ["process-environment-passed"] = true, -- Lua sets no variables: see below
}

-- Accidents of Python, by the class of theirs.
local accidents = {
  JSONDecodeError = true, AttributeError = true, IndexError = true,
}

local function check_recorded(case)
  local function placed(text) return (text:gsub("%${DIR}", directory)) end
  for name, file in pairs(case.files) do
    local is_text = type(file) == "string"
    write(name, placed(is_text and file or file.text),
      not is_text and file.mode or nil)
  end
  local found, err = process.get(world_of(case.env))
  local expected = case.expected.credentials
  if expected then
    assert.is_nil(err)
    assert.equal(expected.access_key_id, found.access_key)
    assert.equal(expected.secret_access_key, found.secret_key)
    assert.equal(expected.session_token, found.token)
    assert.equal(expected.method, found.method)
    assert.is_nil(found.expiry_time)
    return
  end
  assert.is_nil(found)
  local of_theirs = case.expected.error
  if accidents[of_theirs.class] then
    assert.equal("CredentialRetrievalError", err.name)
  else
    assert.equal(of_theirs.class, err.name)
    assert.equal(of_theirs.text, err.message)
  end
end

describe("credential_process as recorded:", function()
  in_directory()
  vectors.each(function(name, check)
    if name:find "^process%-" and not elsewhere[name] then it(name, check) end
  end, pending, "config/providers.json", check_recorded)
end)

-- ---- what it prints ----

local KEYS = '"AccessKeyId":"AK","SecretAccessKey":"SK"'
local SECRET = "wJalrXUtnFEMI"

-- what is printed, the reason
local refused = {
  { "", "credential_process printed what is not JSON" }, -- a line end
  { "<html><body>" .. SECRET .. "</body></html>",
    "credential_process printed what is not JSON" },
  { '{"Version":1,' .. KEYS, "credential_process printed what is not JSON" },
  { '{"Version":1,' .. KEYS .. "} " .. SECRET,
    "credential_process printed what is not JSON" },
  { '{"Version":1,"AccessKeyId":"\255"}',
    "credential_process printed what is not JSON" },
  { "[]", "credential_process printed JSON that is no object" },
  { "null", "credential_process printed JSON that is no object" },
  { '"' .. SECRET .. '"',
    "credential_process printed JSON that is no object" },
  { "{" .. KEYS .. "}", "Unsupported version '<Version key not provided>' "
    .. "for credential process provider, supported versions: 1" },
  { '{"Version":null}', "Unsupported version 'None' for credential process "
    .. "provider, supported versions: 1" },
  { '{"Version":true}', "Unsupported version 'True' for credential process "
    .. "provider, supported versions: 1" },
  { '{"Version":1.5}', "Unsupported version '1.5' for credential process "
    .. "provider, supported versions: 1" },
  { '{"Version":{"SecretAccessKey":"' .. SECRET .. '"}}',
    "Unsupported version '<no number>' for credential process provider, "
    .. "supported versions: 1" },
  { '{"Version":"12345678901234567890' .. SECRET .. '"}',
    "Unsupported version '12345678901234567890' for credential process "
    .. "provider, supported versions: 1" },
  { '{"Version":1,"AccessKeyId":null,"SecretAccessKey":"' .. SECRET .. '"}',
    "AccessKeyId in the response is no string" },
  { '{"Version":1,"AccessKeyId":"AK","SecretAccessKey":7}',
    "SecretAccessKey in the response is no string" },
  { '{"Version":1,"SecretAccessKey":"' .. SECRET .. '"}',
    "Missing required key in response: 'AccessKeyId'" },
  { '{"Version":1,' .. KEYS .. ',"SessionToken":["' .. SECRET .. '"]}',
    "SessionToken in the response is no string" },
  { '{"Version":1,' .. KEYS .. ',"SessionToken":false}',
    "SessionToken in the response is no string" },
  { '{"Version":1,' .. KEYS .. ',"Expiration":4070908800}',
    "Expiration in the response is no string" },
  { '{"Version":1,' .. KEYS .. ',"Expiration":"' .. SECRET .. '"}',
    "Expiration in the response is no date" },
  { '{"Version":1,' .. KEYS .. ',"Expiration":""}',
    "Expiration in the response is no date" },
  { '{"Version":1,' .. KEYS .. ',"Expiration":"2099-13-01T00:00:00Z"}',
    "Expiration in the response is no date" },
}

-- what is printed beside Version and the keys, what is found beside these
local accepted = {
  { "", {} },
  { ',"SessionToken":"T"', { token = "T" } },
  { ',"SessionToken":null,"Expiration":null,"AccountId":null', {} },
  { ',"SessionToken":"","AccountId":""', {} },
  { ',"AccountId":"123456789012"', { account_id = "123456789012" } },
  { ',"AccountId":["123456789012"]', {} },
  { ',"Expiration":"2000-01-01T00:00:00Z"', { expiry_time = 946684800 } },
  { ',"Expiration":"2099-01-01T02:00:00+02:00"',
    { expiry_time = 4070908800 } },
  { ',"More":{"a":[1]}', {} },
  { ',"SecretAccessKey":"last"', { secret_key = "last" } },
}

describe("what a credential_process prints", function()
  in_directory()

  for _, case in ipairs(refused) do
    it("is refused: " .. case[1]:gsub("\255", "?"), function()
      local found, err, world = run(printing(case[1]))
      assert_fails(case[2], found, err)
      assert.same({}, world.logged)
    end)
  end

  for _, case in ipairs(accepted) do
    it("is taken: " .. case[1], function()
      local expected = { access_key = "AK", secret_key = "SK",
                         method = "custom-process" }
      for name, value in next, case[2] do expected[name] = value end
      local found, err =
        run(printing('\n {"Version":1,' .. KEYS .. case[1] .. "}\n"))
      assert.is_nil(err)
      assert.same(expected, found)
    end)
  end

  it("may be nothing at all", function()
    assert_fails("credential_process printed nothing", run "#!/bin/sh\n")
  end)

  it("may be too much", function()
    assert_fails("credential_process: it printed too much",
      run "#!/bin/sh\nexec head -c 2000000 /dev/zero\n")
  end)

  it("may be much on both, which is read", function()
    local found = run("#!/bin/sh\nhead -c 300000 /dev/zero >&2\n"
      .. "printf '%300000s' ''\nhead -c 300000 /dev/zero >&2\n"
      .. "echo '{\"Version\":1," .. KEYS .. "}'\n")
    assert.equal("AK", found.access_key)
  end)

  it("is said without the account of the profile", function()
    write("p.sh", printing('{"Version":1,' .. KEYS .. "}"), "755")
    write(".aws/config", "[default]\naws_account_id = 210987654321\n"
      .. "credential_process = " .. directory .. "/p.sh\n")
    assert.equal("210987654321", process.get(world_of {}).account_id)
    write("p.sh", printing('{"Version":1,' .. KEYS
      .. ',"AccountId":"123456789012"}'), "755")
    assert.equal("123456789012", process.get(world_of {}).account_id)
  end)
end)

-- ---- how it ends ----

-- script, what the error says, what is logged
local endings = {
  { "echo no such role >&2\nexit 3", "no such role\n", "ended with status 3" },
  { "echo '{\"Version\":1," .. KEYS .. "}'\nexit 1", "",
    "ended with status 1" },
  { "exit 255", "", "ended with status 255" },
  { "echo oh >&2\nkill -9 $$", "oh\n", "was killed by signal 9" },
  { "printf '%01000d' 7 >&2\nexit 1", ("0"):rep(999) .. "7",
    "ended with status 1" },
  { "printf '%01000d8' 7 >&2\nexit 1", ("0"):rep(999) .. "7",
    "ended with status 1" },
  { "printf '%0999d\195\169' 7 >&2\nexit 1", ("0"):rep(998) .. "7",
    "ended with status 1" },
  { "printf '%0998d\195\169' 7 >&2\nexit 1", ("0"):rep(997) .. "7\195\169",
    "ended with status 1" },
}

describe("a credential_process", function()
  in_directory()

  for _, case in ipairs(endings) do
    it("that fails: " .. case[1]:gsub("[\128-\255]", "?"), function()
      local found, err, world = run("#!/bin/sh\n" .. case[1] .. "\n")
      assert_fails(case[2], found, err)
      assert.same({ "warning: credential_process " .. case[3] },
        world.logged)
    end)
  end

  it("is none where the profile has none", function()
    write(".aws/config", "[default]\nregion = x\n[profile other]\n"
      .. "credential_process = /no/such/program\n")
    assert.same({ n = 1 }, { n = select("#", process.get(world_of {})) })
    assert.is_nil(process.get(world_of { AWS_PROFILE = "missing" }))
  end)

  it("is of files that can be read", function()
    write(".aws/config", "nonsense\n")
    local found, err = process.get(world_of {})
    assert.is_nil(found)
    assert.equal("ConfigParseError", err.name)
  end)

  for line, reason in pairs {
    [""] = "credential_process is empty",
    ["\n  a = b"] = "credential_process is no command, but has settings",
    ["a\0b"] = "credential_process: an argument has a NUL byte",
  } do
    it(("is refused: %q"):format(line), function()
      write(".aws/config", "[default]\ncredential_process = " .. line .. "\n")
      assert_fails(reason, process.get(world_of {}))
    end)
  end

  it("that cannot be started is not named", function()
    local found, err = run("", { run = function(_, argv)
      assert.same({ directory .. "/p.sh", SECRET }, argv)
      return nil, "No such file or directory"
    end }, SECRET)
    assert_fails("credential_process: No such file or directory", found, err)
  end)

  it("whose status is not known is taken at its word", function()
    local stdout = '{"Version":1,' .. KEYS .. "}"
    local found = run("", { run = function()
      return { stdout = stdout, stderr = "x" }
    end })
    assert.equal("AK", found.access_key)
    assert_fails("credential_process printed nothing",
      run("", { run = function() return { stdout = "", stderr = "x" } end }))
  end)

  it("gets its arguments as they are, and no shell", function()
    local found = run("#!/bin/sh\n" .. [[printf '{"Version":1,"AccessKeyId":]]
      .. [["%s","SecretAccessKey":"%s"}' "$*" "$#"]] .. "\n", nil,
      [["a b" $HOME * ; '|' > x `id` $(id) && "" ~ #]])
    assert.equal("a b $HOME * ; | > x `id` $(id) &&  ~ #", found.access_key)
    assert.equal("13", found.secret_key)
  end)

  it("has our environment, and nothing to read", function()
    local found = run("#!/bin/sh\n" .. [[printf '{"Version":1,"AccessKeyId":]]
      .. [["%s","SecretAccessKey":"%s"}' "$PATH" "$(cat)"]] .. "\n")
    assert.equal(os.getenv "PATH", found.access_key)
    assert.equal("", found.secret_key)
  end)

  it("may leave another program behind", function()
    local began = core.monotonic()
    local found = run("#!/bin/sh\nsleep 60 &\n"
      .. [[printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"S"}']]
      .. " $!\n")
    assert(server.run("kill " .. found.access_key))
    assert.is_true(core.monotonic() - began < PATIENCE)
  end)

  it("ends with the call", function()
    local began = core.monotonic()
    local lease = {}
    local found, err = run("#!/bin/sh\nexec sleep 60\n", {
      deadline = began + BOUND, lease = lease,
    })
    assert.is_nil(found)
    assert.equal("ApiCallTimeoutError", err.name)
    assert.equal("The call took longer than api_call_timeout on endpoint "
      .. 'URL: "https://data.test"', err.message)
    assert.is_true(core.monotonic() - began < PATIENCE)
    assert.equal(began + BOUND + 1, lease.till)
  end)
end)

describe("World:run", function()
  local real, seen = core.run, nil

  local function run_at(time, fields, ...)
    local given, n = { ... }, select("#", ...)
    seen = nil
    core.run = function(argv, seconds) -- luacheck: ignore
      seen = { argv, seconds }
      return (unpack or table.unpack)(given, 1, n) -- luacheck: ignore
    end
    local world = world_of({}, fields)
    world.transport = { monotonic = function() return time end }
    return world:run { "a" }
  end

  after_each(function() core.run = real end) -- luacheck: ignore

  it("gives a program 60 seconds", function()
    local lease, result = {}, {}
    assert.equal(result, run_at(100, { lease = lease, deadline = 200 },
      result))
    assert.same({ { "a" }, 60 }, seen)
    assert.same({ till = 161 }, lease)
  end)

  it("gives it no more than the call has left", function()
    local lease = {}
    run_at(100, { lease = lease, deadline = 125 }, {})
    assert.same({ { "a" }, 25 }, seen)
    assert.same({ till = 126 }, lease)
  end)

  it("gives it all of that where it has no lease", function()
    run_at(100, { deadline = 125 }, {})
    assert.same({ { "a" }, 25 }, seen)
  end)

  it("tells who was late", function()
    local reason = "it took too long, and was killed"
    local late = { select(2,
      run_at(100, { deadline = 125 }, nil, reason, "timeout")) }
    assert.equal(reason, late[1])
    assert.equal("ApiCallTimeoutError", late[2].name)
    assert.same({ n = 2, nil, reason }, { n = 2,
      run_at(100, { deadline = 200 }, nil, reason, "timeout") })
    assert.same({ n = 2, nil, "x" }, { n = 2,
      run_at(100, { deadline = 125 }, nil, "x") })
  end)
end)
