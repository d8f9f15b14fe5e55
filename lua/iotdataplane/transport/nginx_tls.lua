-- nginx_tls.lua - TLS over a cosocket

-- luacheck: read globals ngx

local EACCES = 13 -- permission denied

local function read(path)
  local file, err, number = io.open(path, "rb")
  if number == EACCES then
    err = err .. " (the directive user in nginx.conf says who reads it)"
  end
  if not file then return nil, err end
  local text
  text, err = file:read "*a"
  file:close()
  return text, err
end

---Read anew for each connection, as it may be renewed. An encrypted key would
---have OpenSSL ask for its password, and the worker wait for that.
local function parse(path, parser, what)
  local parsed
  local text, err = read(path)
  if text and text:find("ENCRYPTED", 1, true) then
    err = "it is encrypted"
  elseif text then
    parsed, err = parser(text)
  end
  if parsed then return parsed, text end
  return nil, ("the worker cannot read the %s %s: %s"):format(what, path, err)
end

---@return string|nil, string|nil # the certificate's text, or nil and a reason
local function show_certificate(sock, tls)
  local ssl = require "ngx.ssl"
  local cert, text = parse(tls.cert, ssl.parse_pem_cert, "client certificate")
  if not cert then return nil, text end
  local key, err =
    parse(tls.key or tls.cert, ssl.parse_pem_priv_key, "private key")
  if not key then return nil, err end
  local ok
  ok, err = sock:setclientcert(cert, key)
  return ok and text, err
end

---What is lacking in nginx.conf, where OpenSSL says so in its own words.
local function advice(err, tls)
  if err:find "unable to" or err:find "self.signed" then
    local own = type(tls.verify) == "string" and "; a path in `verify` is "
      .. "not read in nginx" or ""
    return err .. " (set lua_ssl_trusted_certificate in nginx.conf to the "
      .. "file of the CAs to trust, and lua_ssl_verify_depth" .. own .. ")"
  elseif err:find "chain too long" then
    return err .. " (raise lua_ssl_verify_depth in nginx.conf)"
  elseif err == "handshake failed" then
    return err .. " (nginx's error log says why)"
  end
  return err
end

---lua-resty-core raises where a handshake fails that is over at once; the
---reason is where it looks for it itself.
local function raised(err)
  local base = require "resty.core.base"
  local reason = base.get_errmsg_ptr()[0]
  if not err:find "assertion failed" or reason == nil then return err end
  return require "ffi".string(reason)
end

---@param sock table a cosocket that is connected
---@param host string whose certificate is expected
---@param tls table {verify, cert, key} of a request
---@param session table|nil of an earlier handshake
---@return table|nil, string|nil # the session, or nil and a reason
return function(sock, host, tls, session)
  if tls.alpn then
    return nil, "nginx's cosockets know no ALPN: use port 8443, without "
      .. "config.alpn"
  end
  local shown, reason
  if tls.cert then
    shown, reason = show_certificate(sock, tls)
    if not shown then return nil, reason end
  end
  -- it stands for the certificate that was shown then
  local known = session and session.shown == shown and session.tls or nil
  local ok, new_session, err = pcall(sock.sslhandshake, sock, known, host,
    tls.verify == nil or tls.verify ~= false)
  if not ok then new_session, err = nil, raised(tostring(new_session)) end
  if not new_session then return nil, advice(err or "no reason", tls) end
  return { tls = new_session, shown = shown }
end
