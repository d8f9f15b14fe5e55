-- nginx_connect.lua - a cosocket to where a request goes: name, TCP, proxy
-- and TLS under one deadline

local core = require "iotdataplane.core"
local route = require "iotdataplane.transport.route"
local shake_hands = require "iotdataplane.transport.nginx_tls"

-- luacheck: read globals ngx

local ceil, huge, max, min = math.ceil, math.huge, math.max, math.min
local monotonic = core.monotonic

local READ_SIZE = 4096 -- bytes of a proxy's answer
local COARSE = 0.005 -- seconds that nginx's clock may be early
local LONGEST = 2147483647 -- milliseconds, what nginx can count
local GRACE = 5 -- seconds that who opens one may be late, if he is alive

local connect = {}

---@return nil, table # {name, message, sent}
function connect.failure(name, message, sent)
  return nil, { name = name, message = message, sent = sent or false }
end

local failure = connect.failure

function connect.milliseconds(seconds)
  return min(max(1, ceil(seconds * 1000)), LONGEST)
end

local milliseconds = connect.milliseconds

---Closes it now. One that failed both to be read and to be written nginx takes
---for closed, but holds until garbage is collected, or it is connected anew:
---to nowhere, here.
function connect.close(sock)
  if not sock:close() then sock:connect("", 0) end
end

-- ---- failures ----

---What is lacking in nginx.conf, where nginx says so in its own words.
local function advice(err)
  return err:find("no resolver", 1, true)
    and "set the directive resolver in nginx.conf" or nil
end

---Whose fault it was. Until a proxy has let us through, the proxy's.
local function failed(exchange, name, err)
  local request, now = exchange.request, monotonic()
  local is_late = err == "timeout" or now >= exchange.open_by
  if is_late and exchange.open_by == request.deadline then
    return failure("ApiCallTimeoutError", "the call took too long")
  end
  if is_late then name, err = "ConnectTimeoutError", "connecting took too long"
  end
  if request.proxy and not exchange.is_through then
    name = "ProxyConnectionError"
  end
  local _, problem = failure(name, err)
  problem.advice = advice(err)
  return nil, problem
end

-- ---- the steps ----

---So much is left for what comes next, whatever it is.
local function set_time(exchange, sock)
  local ms = milliseconds(exchange.open_by - monotonic() + COARSE)
  sock:settimeouts(ms, ms, ms)
end

---Reads a proxy's answer to CONNECT: true, or nil and a reason.
local function read_tunnel(sock)
  local reader = core.reader(true)
  local done, bytes, err
  repeat
    bytes, err = sock:receiveany(READ_SIZE)
    if not bytes then return nil, err end
    done, err = reader:feed(bytes)
  until done ~= false
  if not done then return nil, err end
  local status = reader:response()
  if status == 200 then return true end
  return nil, "the proxy answered with status " .. status
end

---Through a proxy to the host behind it.
local function tunnel(exchange, sock)
  local request = exchange.request
  local place =
    ("%s:%d"):format(route.bracketed(request.host), request.port)
  if not core.header_ok("Host", place) then
    return failure("HTTPClientError", "the host is no name")
  end
  local user = request.proxy.user and "Proxy-Authorization: "
    .. route.authorization(request.proxy) .. "\r\n" or ""
  set_time(exchange, sock)
  local ok, err = sock:send {
    "CONNECT ", place, " HTTP/1.1\r\nHost: ", place, "\r\n", user,
    "Proxy-Connection: Keep-Alive\r\n\r\n",
  }
  if ok then ok, err = read_tunnel(sock) end
  if not ok then return failed(exchange, nil, err) end
  exchange.is_through = true
  return true
end

local function secure(exchange, sock, host, tls)
  local pool = exchange.pool
  set_time(exchange, sock)
  local session, err = shake_hands(sock, host, tls, pool.session)
  if not session then return failed(exchange, "SSLError", err) end
  pool.session = session
  return true
end

---What a new connection needs before a request can go over it.
local function prepare(exchange, sock)
  local request, proxy = exchange.request, exchange.request.proxy
  local is_https, ok, problem = request.scheme == "https"
  if request.tcp_keepalive then sock:setoption("keepalive", true) end
  if proxy and proxy.scheme == "https" then
    if is_https then
      return failure("ProxyConnectionError",
        "cosockets cannot speak TLS to a proxy and to the host behind it")
    end
    local verify = request.tls and request.tls.verify
    return secure(exchange, sock, proxy.host, { verify = verify })
  end
  if not is_https then return true end
  if proxy then
    ok, problem = tunnel(exchange, sock)
    if not ok then return nil, problem end
  end
  return secure(exchange, sock, request.host, request.tls or {})
end

---Connects in a thread, and ends that when its time is up.
local function connect_by(by, sock, host, port, options)
  local is_done, ok, err = require "ngx.semaphore".new(0)
  local thread = ngx.thread.spawn(function()
    ok, err = sock:connect(host, port, options)
    is_done:post(1)
  end)
  local seconds = milliseconds(by - monotonic()) / 1000
  if is_done:wait(seconds) then
    ngx.thread.wait(thread)
    return ok, err
  end
  ngx.thread.kill(thread)
  return nil, "timeout"
end

---How long it looks for a name nginx is told by resolver_timeout alone, which
---may be longer than we have. Who ends that has a thread too: where ours is
---killed, it goes on, and ends in time. To a host without a name nginx gives a
---kept connection, but never makes one.
local function reach(by, sock, pool, port)
  local host, options = pool.host, pool.options
  if pool.is_address then return sock:connect(host, port, options) end
  if sock:connect("", port, options) then return true end
  local thread = ngx.thread.spawn(connect_by, by, sock, host, port, options)
  local is_sound, ok, err = ngx.thread.wait(thread)
  if not is_sound then error(ok, 0) end
  return ok, err
end

---Where a pool's connections go: all to one place.
local function locate(pool, host)
  pool.is_address = not host:find "[^%d.]" or host:find(":", 1, true) ~= nil
  pool.host = route.bracketed(host)
end

---A connection, kept or as yet bare. nginx's clock is coarse: where its time
---is up but ours is not, it is asked again. A kept one is ready to be sent to.
local function dial(exchange, now)
  local request, pool = exchange.request, exchange.pool
  local to, ok, err = request.proxy or request
  if not pool.host then locate(pool, to.host) end
  local by = exchange.open_by
  local read_by = min(now + request.read_timeout, request.deadline or huge)
  exchange.epoch, exchange.moved = pool.epoch, now
  repeat
    local sock, ms = ngx.socket.tcp(), milliseconds(read_by - now)
    exchange.sock = sock
    sock:settimeouts(milliseconds(by - now + COARSE), ms, ms)
    ok, err = reach(by, sock, pool, to.port)
    if ok then
      exchange.reused = sock:getreusedtimes()
      return true
    end
    now = monotonic()
  until err ~= "timeout" or now >= by
  return failed(exchange, "EndpointConnectionError", err)
end

---Takes a kept connection, or opens one; only a new one where `is_fresh`.
---@param exchange table {request, pool}; gets {sock, reused, moved, ...}
---@return boolean|nil, table|nil # or nil and {name, message, sent}
function connect.open(exchange, is_fresh)
  local request, pool, now = exchange.request, exchange.pool, monotonic()
  local by = min(now + request.connect_timeout, request.deadline or huge)
  exchange.open_by, exchange.dead_by = by, by + GRACE
  if now >= by then return failed(exchange, nil, "timeout") end
  if not exchange.at then
    now = pool:enter(exchange, now, by)
    if not now then return failed(exchange, nil, "timeout") end
  end
  if is_fresh or now >= pool.old_at then pool:drain() end
  local ok, problem = dial(exchange, now)
  if ok and exchange.reused == 0 then
    ok, problem = prepare(exchange, exchange.sock)
    exchange.moved = nil
  end
  exchange.dead_by = nil
  return ok, problem
end

return connect
