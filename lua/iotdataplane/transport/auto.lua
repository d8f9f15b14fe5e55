-- auto.lua - the transport of where we are: in nginx cosockets, but for its
-- start; anywhere else libcurl

local core = require "iotdataplane.core"
local side_by_side = require "iotdataplane.transport.side_by_side"

-- luacheck: read globals ngx

local Transport = { __name = "iotdataplane.transport.auto" }
Transport.__index = Transport

-- Where cosockets are, and where the worker does nothing else yet. In every
-- other phase nothing can be sent.
local modules = {
  rewrite = "nginx", server_rewrite = "nginx", access = "nginx",
  content = "nginx", timer = "nginx", preread = "nginx", ssl_cert = "nginx",
  ssl_session_fetch = "nginx", ssl_client_hello = "nginx",
  init = "curl", init_worker = "curl",
}

---Each is required when it is needed: libcurl is large.
local function make(self, name)
  local made
  if name == "nginx" then
    made = require "iotdataplane.transport.nginx"(self.options)
  else
    made = require "iotdataplane.transport.curl"(self.options)
  end
  self[name] = made
  return made
end

local function choose(self)
  local phase = ngx.get_phase()
  local name = modules[phase]
  if not name then
    error(("nothing can be sent in nginx's phase '%s': use "
      .. "client:publish_later(), which sends from a timer"):format(phase), 0)
  end
  return self[name] or make(self, name)
end

function Transport:send(request, old)
  local chosen = choose(self)
  local response, failure = chosen:send(request, old)
  self.last = chosen -- no other request's is, until somebody waits
  return response, failure
end

function Transport:connection()
  return self.last:connection()
end

function Transport:sleep(seconds)
  return choose(self):sleep(seconds)
end

---One after the other where nothing runs beside anything: before the workers
---do.
function Transport:run(functions, concurrency)
  local chosen = choose(self)
  if not chosen.run then return side_by_side.in_turn(functions) end
  return chosen:run(functions, concurrency)
end

function Transport:spawn(f)
  local chosen = choose(self)
  if not chosen.spawn then return side_by_side.done(f) end
  return chosen:spawn(f)
end

function Transport:join(task, seconds)
  return task.done or choose(self):join(task, seconds)
end

-- Both clocks go in every phase.

function Transport.now()
  return ngx.now()
end

Transport.monotonic = core.monotonic -- takes no argument, and ignores its own

function Transport:close()
  if self.nginx then self.nginx:close() end
  if self.curl then self.curl:close() end
end

---@param options table {max_idle_time, max_pool_connections}
---@return table # a transport
return function(options)
  if not (ngx and ngx.get_phase) then
    return require "iotdataplane.transport.curl"(options)
  end
  return setmetatable({ options = options }, Transport)
end
