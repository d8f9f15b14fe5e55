-- nginx.lua - runs an nginx of the specs' own
--
--   local nginx = require "spec.support.nginx"
--   if nginx.is_there() then ...
--   local server = nginx.start {
--     main = "env HOME;", http = "lua_...;", locations = "location ...",
--     files = { ["a.json"] = "{}" },     "$dir/a.json" in what is above
--     user = "nobody nogroup",           where we are root: not root
--   }
--   server:get "/path"      -> body, status
--   server:warnings()       lines of its log at level warn or above
--   server:worker()         the pid of its one worker
--   server:reload()
--   server:stop()
--   nginx.filled("$a", { a = 1 })   "1"
--   nginx.record_of(hosts)          what of a server goes into a file
--   nginx.is_provoked(line)         does the log say what was done to nginx?
--
-- It ends with this process, however that ends, and its directory too.

local ask = require "spec.support.ask"
local curl = require "iotdataplane.transport.curl"
local files = require "spec.support.files"
local server = require "spec.support.server"

local quote, run = server.quote, server.run

local MODULES = "/usr/lib/nginx/modules/"
local TRIES = 5 -- for a port that is free
local PATIENCE = 300 -- seconds for an answer

local CONF = [[
$user
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log $level;
load_module $modulesndk_http_module.so;
load_module $modulesngx_http_lua_module.so;
$main
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $dir/body;
  proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/fastcgi;
  uwsgi_temp_path $dir/uwsgi;
  scgi_temp_path $dir/scgi;
  client_max_body_size 64m;
  lua_package_path "$root/lua/?.lua;$root/?.lua;;";
  lua_package_cpath "$cpath;;";
  $http
  server {
    listen 127.0.0.1:$port;
    $locations
  }
}
]]

local function read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "*a"
  pipe:close()
  return (text:gsub("%s+$", ""))
end

-- Where what is built for LuaJIT lies, whatever Lua we are.
local function module_path(root)
  local path = package.cpath:match "[^;]*build/[^;]*%?%.so"
    or "build/luajit/?.so"
  path = path:gsub("build/[^/]*/", "build/luajit/")
  return path:find "^/" and path or root .. "/" .. path
end

local function free_port()
  return output("/usr/bin/python3 -c 'import socket; print("
    .. "socket.create_server((\"127.0.0.1\", 0)).getsockname()[1])'")
end

local function write_conf(self, parts)
  local root = output "pwd"
  local values = {
    dir = self.directory, port = self.port, root = root, modules = MODULES,
    cpath = module_path(root), level = parts.level or "warn",
    main = parts.main or "", http = parts.http or "",
    locations = parts.locations or "",
    user = output "id -u" == "0"
      and ("user %s;"):format(parts.user or "root") or "",
  }
  local text = CONF:gsub("%$modules", MODULES):gsub("%$(%l+)", values)
    :gsub("%$dir/", self.directory .. "/")
  files.write(self.directory .. "/nginx.conf", text)
  for name, contents in next, parts.files or {} do
    files.write(self.directory .. "/" .. name, contents)
  end
end

local function command_of(self, rest)
  local dir = quote(self.directory)
  return ("nginx -p %s -c %s/nginx.conf -e %s/error.log %s 2>%s/stderr")
    :format(dir, dir, dir, rest or "", dir)
end

-- Waits for our end, then ends nginx, and waits for that. What ends us may be
-- meant for it as well.
local WATCH = [[trap "" HUP INT TERM; exec 2>/dev/null; cat; cd %s || exit
p=$(cat nginx.pid) && kill -TERM $p
while [ -e nginx.pid ] && kill -0 $p; do sleep 0.01; done; rm -rf %s]]

local Nginx = {}
Nginx.__index = Nginx

function Nginx:get(path)
  return ask(self.transport, tonumber(self.port), path, {
    connect_timeout = PATIENCE, read_timeout = PATIENCE, replay = false,
  })
end

local levels = { warn = true, error = true, crit = true, alert = true,
                 emerg = true }

function Nginx:warnings()
  local found = {}
  for line in read(self.directory .. "/error.log"):gmatch "[^\n]+" do
    if levels[line:match "%[(%l+)%]"] then found[#found + 1] = line end
  end
  return found
end

function Nginx:worker()
  local master = read(self.directory .. "/nginx.pid"):match "%d+"
  return tonumber(output("pgrep -P " .. master):match "%d+")
end

function Nginx:reload()
  assert(run(command_of(self, "-s reload")), "nginx did not reload")
end

-- Harmless twice.
function Nginx:stop()
  if not self.watcher then return end
  self.transport:close()
  run(("kill -TERM $(cat %s/nginx.pid)"):format(quote(self.directory)))
  self.watcher:close()
  self.watcher = nil
end

local nginx = {}

-- Are there nginx, its module for Lua, and what we have built for it? What its
-- worker runs is the same whatever Lua asks, so that LuaJIT alone does.
function nginx.is_there()
  if not rawget(_G, "jit") then return false end
  local built = module_path(output "pwd"):gsub("%?", "iotdataplane/core")
  return run("command -v nginx >/dev/null") and read(built) ~= ""
    and read(MODULES .. "ngx_http_lua_module.so") ~= ""
end

function nginx.filled(text, values)
  return (text:gsub("%$([%l_]+)", function(name) return values[name] end))
end

-- Ports and paths.
function nginx.record_of(hosts)
  local record = {}
  for name, value in next, hosts do
    if type(value) == "number" or type(value) == "string" then
      record[name] = value
    end
  end
  return record
end

-- What nginx may say of what is done to its cosockets: refused, reset, hung
-- up; no TLS; no time left.
local provoked = {
  "%(%) failed %(111:", "%(%) failed %(104:", "%(%) failed %(32:",
  "SSL_do_handshake%(%) failed %(SSL:", "SSL_read%(%) failed %(SSL:",
  "peer closed connection in SSL handshake", "lua ssl certificate ",
  "lua tcp socket %l+ timed out",
}

function nginx.is_provoked(line)
  local level = line:match "%[(%l+)%]"
  if level ~= "error" and level ~= "crit" then return false end
  for _, pattern in ipairs(provoked) do
    if line:find(pattern) then return true end
  end
  return false
end

local function try(self, parts)
  self.port = free_port()
  write_conf(self, parts)
  if run(command_of(self)) then return true end
  local reason = read(self.directory .. "/stderr")
  return false, reason, reason:find("Address already in use", 1, true)
end

function nginx.start(parts)
  local self = setmetatable({ directory = output "mktemp -d" }, Nginx)
  local ok, reason, again
  for _ = 1, TRIES do
    ok, reason, again = try(self, parts)
    if not again then break end
  end
  local dir = quote(self.directory)
  if not ok then
    run("rm -rf " .. dir)
    error("nginx did not start: " .. reason, 2)
  end
  self.watcher = assert(io.popen(WATCH:format(dir, dir), "w"))
  self.transport = curl { max_idle_time = 50, max_pool_connections = 1 }
  return self
end

return nginx
