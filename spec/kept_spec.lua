-- kept_spec.lua - modules that are read at once, and compiled when one is used

local child = require "spec.support.child"

-- What was compiled, and a client whose transport answers with `answer`.
local prelude = [[
  local names = { "clock", "date", "json", "number", "output", "python",
                  "validate" }
  local seen = {} -- sources that something was called of
  local function compiled()
    local files = {}
    debug.sethook()
    for _, name in ipairs(names) do
      local path = "/iotdataplane/" .. name .. ".lua"
      for at in pairs(seen) do
        if at:find(path, 1, true) then files[#files + 1] = name end
      end
    end
    return table.concat(files, " ")
  end
  local function watch()
    debug.sethook(function()
      seen[debug.getinfo(2, "S").source] = true
    end, "c")
  end
  local answer = { status = 200, headers = {}, body = "" }
  local function client()
    return require "iotdataplane".client {
      region_name = "eu-west-1", aws_access_key_id = "AK",
      aws_secret_access_key = "SK",
      transport = {
        send = function() return answer end, sleep = function() end,
        now = function() return 1440938160 end,
      },
    }
  end
]]

local function run(code)
  return (child.output("exec timeout 60", "-e", prelude .. code))
end

-- Without a searcher that says where a file is, they are loaded at once.
local is_lazy = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

describe("a kept module", function()
  it("is not compiled for a message that is published", function()
    local said = run [[
      watch()
      client():publish { topic = "t", qos = 1, payload = "p" }
      print(compiled())
    ]]
    assert.equal(is_lazy and "\n"
      or "clock date json number output python validate\n", said)
  end)

  it("needs no file when it is used", function()
    assert.equal([[
Invalid type for parameter qos, value: x, type: string, valid types: integer
nil
[{"a":1.5}]
ForbiddenException: An error occurred (ForbiddenException) when calling the ]]
.. [[Publish operation: no
{"a":1}
1440938160
]], run [[
      local c = client()
      package.path, package.cpath, io.open, loadfile = "", "", nil, nil
      local _, err = c:try("publish", { topic = "t", qos = "x" })
      print((err.message:gsub("^.-\n", "")))
      local iotdataplane = require "iotdataplane"
      local body
      c.transport.send = function(_, request)
        for _, header in ipairs(request.headers) do
          if header[1]:find "user%-properties" then body = header[2] end
        end
        return answer
      end
      c:publish { topic = "t", userProperties = iotdataplane.null }
      print(body)
      c:publish { topic = "t", userProperties = { { a = 1.5 } } }
      print((require "iotdataplane.core".base64_decode(body)))
      answer = { status = 403, headers = {}, body =
        '{"__type": "ForbiddenException", "message": "no"}' }
      _, err = c:try("publish", { topic = "t" })
      print(tostring(err))
      answer = { status = 200, headers = {}, body = '{"a":1}' }
      print(c:get_thing_shadow { thingName = "t" }.payload)
      print(("%d"):format(require "iotdataplane.date".from_http(
        "Sun, 30 Aug 2015 12:36:00 GMT")))
    ]])
  end)

  it("is the same to whoever required it before and after", function()
    assert.equal("true\ttrue\ttrue\n", run [[
      client()
      local before = require "iotdataplane.json"
      local null = before.null
      print(before == require "iotdataplane.json",
            null == require "iotdataplane".null, before.is_utf8 "a")
    ]])
  end)

  it("comes from where a searcher of the user's own has it", function()
    assert.equal("true\n", run [[
      local searchers = package.searchers or package.loaders
      local asked = {}
      table.insert(searchers, 1, function(name) asked[name] = true end)
      client()
      print(asked["iotdataplane.json"])
    ]])
  end)

  it("is compiled by a Lua 5.1 that was given a searchpath", function()
    assert.equal("ParamValidationError\n", run [[
      package.searchpath = package.searchpath or function(name, path)
        for template in path:gmatch "[^;]+" do
          local at = template:gsub("?", (name:gsub("%.", "/")))
          local file = io.open(at)
          if file then
            file:close()
            return at
          end
        end
      end
      local _, err = client():try("publish", { topic = 5 })
      print(err.name)
    ]])
  end)

  it("is one, though a finalizer uses it while it is compiled", function()
    assert.equal("true\ttrue\n", run [[
      client()
      local json, real = require "iotdataplane.json", nil
      package.loaded.cjson = setmetatable({}, { __index = function(_, key)
        package.loaded.cjson = require "cjson.safe"
        real = json.empty_object
        return package.loaded.cjson[key]
      end })
      local empty = require "iotdataplane".empty_object
      print(real == nil or real == empty,
            json.encode { a = empty } == '{"a":{}}')
    ]])
  end)

  it("comes from package.preload", function()
    assert.equal("theirs\n", run [[
      package.preload["iotdataplane.output"] = function()
        return function() return { payload = "theirs" } end
      end
      print(client():get_thing_shadow { thingName = "t" }.payload)
    ]])
  end)
end)
