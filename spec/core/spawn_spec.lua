-- spawn_spec.lua - core.run: programs that end well, badly, late or never

local child = require "spec.support.child"
local core = require "iotdataplane.core"
local files = require "spec.support.files"
local server = require "spec.support.server"

local MAX_OUTPUT = 1024 * 1024 -- bytes
local BOUND = 0.2 -- seconds for what runs for ever
local PATIENCE = 20 -- seconds that nothing here should take
local FOREVER = "60" -- seconds that a program sleeps, which is not waited for
local RUNS = 200

-- Where a program cannot be started, valgrind shows it as started and failed.
local in_valgrind = (os.getenv "LD_PRELOAD" or ""):find("vgpreload", 1, true)
local in_linux = io.open "/proc/self/stat"
if in_linux then in_linux:close() end

local function sh(script, seconds, ...)
  return core.run({ "sh", "-c", script, "sh", ... }, seconds or PATIENCE)
end

---How long f takes, and what it gives.
local function timed(f, ...)
  local began = core.monotonic()
  local result, reason, kind = f(...)
  return core.monotonic() - began, result, reason, kind
end

---The words of a command that runs `code` in an interpreter of its own.
local function lua_words(code)
  return child.words("-e", "local core = require 'iotdataplane.core' " .. code)
end

---The same, started by Python code that changes what is inherited.
local function lua_after(python, code)
  local words = {
    os.getenv "PYTHON" or "/usr/bin/python3", "-c",
    "import os, signal, sys\n" .. python
      .. "\nos.execvp(sys.argv[1], sys.argv[1:])",
  }
  for _, word in ipairs(lua_words(code)) do words[#words + 1] = word end
  return assert(core.run(words, PATIENCE))
end

-- script, status, stdout, stderr
local endings = {
  { "true", 0, "", "" },
  { "exit 3", 3, "", "" },
  { "exit 255", 255, "", "" },
  { "echo out; echo err >&2; exit 1", 1, "out\n", "err\n" },
  { "kill -9 $$", -9, "", "" },
  { "echo before; kill -15 $$", -15, "before\n", "" },
  { "printf 'a\\0b'", 0, "a\0b", "" },
  { "cat", 0, "", "" }, -- there is nothing on stdin
  { "exec >&- 2>&-; sleep 0.1; exit 4", 4, "", "" },
  { "exec >&-; echo err >&2", 0, "", "err\n" },
}

describe("core.run", function()
  for _, case in ipairs(endings) do
    it("of " .. case[1], function()
      assert.same({ status = case[2], stdout = case[3], stderr = case[4] },
        sh(case[1]))
    end)
  end

  it("waits without a bound where none is given", function()
    assert.same({ status = 0, stdout = "x", stderr = "" },
      core.run { "sh", "-c", "sleep 0.1; printf x" })
  end)

  it("gives the arguments as they are, to no shell", function()
    local words = { "a b", "", "$HOME", "*", "~", "`id`", "$(id)", ";", "|",
                    "&", ">x", "'", '"', "\\", "\n", "-n", "\195\169" }
    local result = sh([[for word; do printf '<%s>' "$word"; done]], nil,
      (unpack or table.unpack)(words)) -- luacheck: ignore
    assert.equal("<" .. table.concat(words, "><") .. ">", result.stdout)
  end)

  it("passes the environment on", function()
    assert.truthy(os.getenv "PATH")
    assert.equal(os.getenv "PATH", sh([[printf %s "$PATH"]]).stdout)
    local inner = core.run {
      "env", "IOT_SPEC=a b", (unpack or table.unpack)( -- luacheck: ignore
        lua_words [[io.write(core.run { "env" }.stdout)]])
    }
    assert.truthy(("\n" .. inner.stdout):find("\nIOT_SPEC=a b\n", 1, true))
  end)

  it("reads much from both at once", function()
    local result = sh("head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero;"
      .. "head -c 300000 /dev/zero >&2")
    assert.equal(0, result.status)
    assert.equal(("\0"):rep(300000), result.stdout)
    assert.equal(("\0"):rep(600000), result.stderr)
  end)

  it("refuses a NUL in an argument", function()
    assert.same({ n = 2, nil, "an argument has a NUL byte" },
      { n = 2, core.run { "echo", "a\0b" } })
  end)

  it("raises for what is no list of strings", function()
    assert.has_error(function() core.run() end)
    assert.has_error(function() core.run "true" end)
    assert.has_error(function() core.run {} end)
    assert.has_error(function() core.run { "echo", 1 } end)
    assert.has_error(function() core.run { "echo", {} } end)
    assert.has_error(function() core.run({ "true" }, "soon") end)
  end)
end)

describe("core.run's limit", function()
  it("lets all of it through", function()
    local result = sh("head -c " .. MAX_OUTPUT .. " /dev/zero")
    assert.equal(MAX_OUTPUT, #result.stdout)
    assert.equal(0, result.status)
    result = sh("head -c " .. MAX_OUTPUT .. " /dev/zero >&2")
    assert.equal(MAX_OUTPUT, #result.stderr)
  end)

  for _, script in ipairs {
    "head -c " .. MAX_OUTPUT + 1 .. " /dev/zero",
    "head -c " .. MAX_OUTPUT + 1 .. " /dev/zero >&2",
    "head -c 2000000 /dev/zero", "exec yes", "exec yes >&2",
    "head -c 2000000 /dev/zero; exec sleep " .. FOREVER,
  } do
    it("ends " .. script, function()
      local seconds, result, reason, kind = timed(sh, script)
      assert.is_true(seconds < PATIENCE)
      assert.is_nil(result)
      assert.equal("it printed too much", reason)
      assert.is_nil(kind)
    end)
  end
end)

describe("core.run's bound", function()
  for _, script in ipairs {
    "exec sleep " .. FOREVER,
    "exec sleep " .. FOREVER .. " >&- 2>&-",
    "trap '' INT TERM HUP; exec sleep " .. FOREVER,
    "kill -STOP $$",
    "while :; do echo x; echo y >&2; sleep 0.01; done",
  } do
    it("ends " .. script, function()
      local seconds, result, reason, kind = timed(sh, script, BOUND)
      assert.is_nil(result)
      assert.equal("it took too long, and was killed", reason)
      assert.equal("timeout", kind)
      assert.is_true(seconds >= BOUND and seconds < PATIENCE, seconds)
    end)
  end

  it("may be over before it begins", function()
    for _, seconds in ipairs { 0, -1, -math.huge, 0 / 0 } do
      local result, _, kind = core.run({ "sleep", FOREVER }, seconds)
      assert.is_nil(result)
      assert.equal("timeout", kind)
    end
  end)

  it("is not for a program that has ended", function()
    local seconds, result = timed(sh,
      "sleep " .. FOREVER .. " & echo $!; echo err >&2; exit 5")
    assert(server.run("kill " .. result.stdout))
    assert.is_true(seconds < PATIENCE)
    assert.equal(5, result.status)
    assert.equal("err\n", result.stderr)
  end)

  it("leaves time for what comes just after the end #timing", function()
    local result = sh "{ sleep 0.05; echo late; } &"
    assert.same({ status = 0, stdout = "late\n", stderr = "" }, result)
  end)

  it("is not waited for where nobody has the pipes #timing", function()
    local seconds = timed(function()
      for _ = 1, 10 do core.run { "true" } end
    end)
    assert.is_true(seconds < 2, seconds)
  end)

  it("may pass while we are stopped #timing", function()
    local script = "kill -STOP $PPID; head -c 20000 /dev/zero; "
      .. "{ sleep 1.2; kill -CONT $PPID; } & exit 7"
    local code = ([[
      local result = assert(core.run({ "sh", "-c", "%s" }, 1))
      print(result.status, #result.stdout)]]):format(script)
    local result = core.run(lua_words(code), PATIENCE)
    assert.equal("7\t20000\n", result.stdout)
  end)

  it("holds for who prints on after a program has ended", function()
    local seconds, result, reason =
      timed(sh, "yes & echo $! >&2", PATIENCE / 2)
    assert.is_true(seconds < PATIENCE / 2)
    assert.is_nil(result)
    assert.equal("it printed too much", reason)
  end)
end)

describe("a program that cannot be started", function()
  if in_valgrind then return end

  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  local function reason_of(...)
    local result, reason, kind = core.run({ ... }, PATIENCE)
    assert.is_nil(result)
    assert.is_nil(kind)
    return reason
  end

  it("is not there", function()
    local missing = "No such file or directory"
    assert.equal(missing, reason_of "iotdataplane-no-such-program")
    assert.equal(missing, reason_of "/no/such/program")
    assert.equal(missing, reason_of "")
  end)

  it("is no program", function()
    files.write(path, "#!/bin/sh\n")
    assert(server.run("chmod 644 " .. path))
    assert.equal("Permission denied", reason_of(path))
    assert.equal("Permission denied", reason_of "/")
  end)

  it("has too many arguments", function()
    local words = { "true" }
    for i = 2, 40 do words[i] = ("a"):rep(120000) end
    words[41] = ("a"):rep(2000000)
    local unpacked = unpack or table.unpack -- luacheck: ignore
    assert.equal("Argument list too long", reason_of(unpacked(words)))
  end)
end)

describe("what a program inherits", function()
  if not in_linux then return end

  it("is none of the open files", function()
    local libc = core.run { "getconf", "GNU_LIBC_VERSION" }
    local minor = libc and libc.stdout:match "glibc 2%.(%d+)"
    if not minor or tonumber(minor) < 34 then return end
    local file = assert(io.open "/proc/self/stat")
    local listed = core.run { "ls", "/proc/self/fd" }
    file:close()
    assert.equal("0\n1\n2\n3\n", listed.stdout) -- 3 is the directory
  end)

  it("is no signal that is blocked, and no ignored SIGPIPE", function()
    local status = lua_after(
      "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
      .. "signal.signal(signal.SIGPIPE, signal.SIG_IGN)", [[
      local function show(text)
        print(text:match "SigBlk:%s*(%x+)")
        print(text:match "SigIgn:%s*%x*(%x)%x%x%x%f[%X]")
      end
      show(io.open "/proc/self/status":read "*a")
      show(core.run { "cat", "/proc/self/status" }.stdout)]])
    assert.same({ "0000000000004000", "1", "0000000000000000", "0" },
      { status.stdout:match "(%x+)\n(%x+)\n(%x+)\n(%x+)" })
  end)
end)

describe("a process with oddities", function()
  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  local code = ([[
    local result = core.run { "sh", "-c", "cat; echo out; echo err >&2" }
    local file = io.open(%q, "w")
    file:write(tostring(result.status), " ", result.stdout, result.stderr)
    file:close()]]):format(path)

  for _, closed in ipairs { "0", "1", "2", "0,1", "1,2", "0,2", "0,1,2" } do
    it("such as no descriptor " .. closed, function()
      files.write(path, "")
      lua_after("for fd in [" .. closed .. "]: os.close(fd)", code)
      assert.equal("0 out\nerr\n", files.read(path))
    end)
  end

  it("such as children that somebody else reaps", function()
    files.write(path, "")
    lua_after("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", code)
    assert.equal("nil out\nerr\n", files.read(path))
  end)

  it("such as such children that never end", function()
    local result = lua_after("signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
      ([[print(core.run({ "sleep", "%s" }, %f))]]):format(FOREVER, BOUND))
    assert.equal("nil\tit took too long, and was killed\ttimeout\n",
      result.stdout)
  end)
end)

describe("after many runs", function()
  if not in_linux then return end

  local file = assert(io.open "/proc/self/stat")
  local pid = ("%d"):format(file:read "*n")
  file:close()

  local path = os.tmpname()
  teardown(function() os.remove(path) end)

  ---By os.execute, which opens nothing itself.
  local function output_of(command)
    assert(server.run(command .. " >" .. path))
    return "\n" .. files.read(path)
  end

  local function count_files()
    local listed = output_of("ls /proc/" .. pid .. "/fd")
    return select(2, listed:gsub("\n", "")) - 1
  end

  ---The counting itself is one.
  local function count_children()
    local n = 0
    local stats = output_of "{ cat /proc/[0-9]*/stat 2>/dev/null; true; }"
    for parent in stats:gmatch "\n%d+ %b() %a (%d+)" do
      if parent == pid then n = n + 1 end
    end
    return n
  end

  local function run_all(i)
    core.run { "true" }
    core.run { "false" }
    sh("kill -9 $$")
    if not in_valgrind then core.run { "/no/such/program" } end
    if i % 10 == 0 then
      core.run({ "sleep", FOREVER }, 0.01)
      core.run { "yes" }
    end
  end

  it("no child is left, and no file open", function()
    local opened, children = count_files(), count_children()
    for i = 1, RUNS / 4 do run_all(i) end
    assert.is_true(opened >= 3 and children >= 1)
    assert.equal(opened, count_files())
    assert.equal(children, count_children())
  end)
end)
