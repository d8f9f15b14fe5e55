-- sso_home.lua - a directory with tokens that `aws sso login` might have left
--
--   local home = require "spec.support.sso_home".new()
--   home:keep(name, token)   the file of a session or a start URL: a table,
--                            or the text itself
--   home:kept(name)          its text, or nil
--   home:world(transport, config, env)   what a provider may ask, with
--                            config = {profile = {...}, sessions = {...}}
--   home.logged              what it told: a list of "level: message"
--   home:remove()

local cjson = require "cjson"
local core = require "iotdataplane.core"
local new_world = require "iotdataplane.credentials.world"
local profile = require "iotdataplane.profile"

local Home = {}
Home.__index = Home

local function run(command)
  local result = os.execute(command)
  assert(result == true or result == 0, command)
end

function Home:path(name)
  return ("%s/.aws/sso/cache/%s.json"):format(self.directory,
    core.sha1(name))
end

function Home:keep(name, token)
  local file = assert(io.open(self:path(name), "wb"))
  file:write(type(token) == "table" and cjson.encode(token) or token)
  file:close()
end

function Home:kept(name)
  local file = io.open(self:path(name), "rb")
  if not file then return nil end
  local text = file:read "*a"
  file:close()
  return text
end

function Home:world(transport, config, env)
  local function getenv(name)
    return name == "HOME" and self.directory or (env or {})[name]
  end
  local files = profile.files(getenv)
  function files.load()
    return {
      profiles = { [config.name or "default"] = config.profile },
      sso_sessions = config.sessions or {}, services = {},
    }
  end
  self.logged = {}
  return new_world {
    options = { config = { logger = function(level, message)
      self.logged[#self.logged + 1] = level .. ": " .. message
    end } },
    getenv = getenv, files = files, transport = transport, verify = true,
    profile_name = config.name or "default", region = "us-east-1",
    connect_timeout = 2, read_timeout = 2,
  }
end

function Home:remove()
  run("rm -rf '" .. self.directory .. "'")
end

local sso_home = {}

function sso_home.new()
  local directory = os.tmpname()
  os.remove(directory)
  run("mkdir -p -m 700 '" .. directory .. "/.aws/sso/cache'")
  return setmetatable({ directory = directory }, Home)
end

return sso_home
