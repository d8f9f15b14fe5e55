-- transport_contract.lua - what every transport does, against a server that
-- does everything
--
--   local contract = require "spec.transport_contract"
--   describe("my transport", function()
--     contract(new_transport, { client_certificate = true })
--   end)
--
-- new_transport() -> a transport that has kept no connection yet. What it
-- can do beyond the least:
--
--   client_certificate   tls.cert and tls.key
--   alpn                 tls.alpn
--   late_alert           tells a certificate that was refused after the
--                        handshake, as in TLS 1.3, from a closed connection
--
-- What is measured is tagged #timing: waits are real, but short.

local busted = require "busted"
local hostile = require "spec.support.hostile"

local assert, describe, it = busted.assert, busted.describe, busted.it
local before_each, after_each = busted.before_each, busted.after_each
local setup, teardown = busted.setup, busted.teardown

local EVERY_BYTE = {}
for i = 0, 255 do EVERY_BYTE[i + 1] = string.char(i) end
EVERY_BYTE = table.concat(EVERY_BYTE)

local MANY_BYTES = EVERY_BYTE:rep(20 * 1024) -- 5 MB: more than buffers hold

local SOON = 0.25 -- seconds, of a time-out that is meant to be seen
local EXACT = 0.05 -- seconds it may come late
local TRIES = 3 -- to see it that exact: the machine has other things to do

-- ---- what the expectations are written with ----

local World = {}
World.__index = World

-- A request that is answered, but for what is said otherwise.
function World:request(path, changes)
  local request = {
    method = "POST", scheme = self.scheme, host = "127.0.0.1", path = path,
    query = "", headers = { { "host", "here" } }, body = "x",
    connect_timeout = 10, read_timeout = 10, replay = true,
    tls = { verify = self.server.ca_pem }, tcp_keepalive = false,
  }
  for name, value in next, changes or {} do request[name] = value end
  request.port = request.port or self.server[request.scheme]
  return request
end

function World:send(path, changes)
  return self.transport:send(self:request(path, changes))
end

-- Sends, and has an answer of that status.
function World:get(path, changes, status)
  local response, failure = self:send(path, changes)
  assert.is_nil(failure and failure.name .. ": " .. failure.message)
  assert.equal(status or 200, response.status)
  return response
end

-- Sends, and has a failure of that name; `sent` nil where either is right.
function World:fail(name, sent, path, changes)
  local response, failure = self:send(path, changes)
  assert.is_nil(response)
  assert.equal(name, failure.name)
  if sent ~= nil then assert.equal(sent, failure.sent) end
  assert.is_boolean(failure.sent)
  assert.is_string(failure.message)
  assert.is_truthy(failure.message:find("%w"))
  return failure.message
end

-- So many connections had that behaviour asked of them, so often in all.
function World:saw(behaviour, connections, requests)
  assert.same({ connections, requests }, { self.server:count(behaviour) })
end

-- Runs it again and again until it took as long as it should, but no longer.
function World:takes(seconds, run)
  local best
  for _ = 1, TRIES do
    local start = self.transport:monotonic()
    run()
    local took = self.transport:monotonic() - start
    assert.is_true(took >= seconds - 0.001, "it took only " .. took)
    if not best or took < best then best = took end
    if best <= seconds + EXACT then return end
  end
  error(("it took %.3f s instead of %.3f"):format(best, seconds), 2)
end

-- Runs it, and sees that the processor has other things to do meanwhile.
local function rests(run)
  local before = os.clock()
  run()
  assert.is_true(os.clock() - before < EXACT)
end

-- ---- answers ----

-- What every transport's response has; it may have more.
local function parts(response)
  return { status = response.status, headers = response.headers,
           body = response.body }
end

local function describe_answers(t)
  it("gives status, headers and body as they came", function()
    assert.same({
      status = 201,
      headers = {
        { "Date", "today" }, { "X-Two", "a" }, { "X-Empty", "" },
        { "X-Two", "b" }, { "x-SPACED", "in  side" },
        { "Content-Length", "256" },
      },
      body = EVERY_BYTE,
    }, parts(t:get("/exact", nil, 201)))
  end)

  it("gives an empty body as an empty string", function()
    assert.same({ status = 204, headers = {}, body = "" },
      parts(t:get("/no_content", nil, 204)))
  end)

  it("takes a status line without a reason", function()
    assert.equal("ok", t:get("/no_reason").body)
  end)

  it("puts chunks together, and forgets trailers", function()
    local response = t:get("/chunked")
    assert.equal("abc0123456789", response.body)
    assert.same({ { "Transfer-Encoding", "chunked" } }, response.headers)
  end)

  it("reads 5 MB", function()
    assert.is_true(t:get("/large").body == MANY_BYTES)
  end)

  it("passes over interim answers", function()
    local response = t:get("/continues")
    assert.same({ { "Content-Length", "2" } }, response.headers)
    assert.equal("ok", response.body)
  end)

  it("leaves a compressed body alone", function()
    local response = t:get("/compressed")
    assert.same({ "Content-Encoding", "gzip" }, response.headers[1])
    assert.equal("\31\139", response.body:sub(1, 2))
  end)

  it("gives an error's body, whatever it is", function()
    assert.equal("<html><body>\255\0 no json</body></html>",
      t:get("/not_json", nil, 500).body)
  end)

  it("does not follow a redirect", function()
    local response = t:get("/redirect", nil, 307)
    assert.equal("Location", response.headers[1][1])
    assert.equal(0, (t.server:arrived "elsewhere"))
  end)

  it("understands HTTP/1.0, with a length and without", function()
    assert.equal("ok", t:get("/old_with_length").body)
    assert.equal("to the end", t:get("/old_to_the_end").body)
  end)
end

-- ---- bytes ----

-- What must arrive for a request.
local function on_the_wire(r)
  local target = r.query == "" and r.path or r.path .. "?" .. r.query
  local lines = { ("%s %s HTTP/1.1"):format(r.method, target) }
  for _, h in ipairs(r.headers) do lines[#lines + 1] = h[1] .. ": " .. h[2] end
  if r.body ~= "" or r.method ~= "GET" then
    lines[#lines + 1] = "Content-Length: " .. #r.body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. r.body
end

local requests = {
  ["a body of every byte"] = { body = EVERY_BYTE },
  ["no body of a POST"] = { body = "" },
  ["no body of a GET"] = { body = "", method = "GET" },
  ["no body of a DELETE"] = { body = "", method = "DELETE" },
  ["a body of a GET"] = { method = "GET" },
  ["128 KB"] = { body = EVERY_BYTE:rep(512) },
  ["5 MB"] = { body = MANY_BYTES },
  ["dots, slashes and escapes in the path"] = {
    path = "/echo/../topics//..%2F/./%41%2f%7e/",
  },
  ["a query that is not sorted"] = {
    query = "qos=1&a&contentType=a%20b+c&a=../&empty=&%7e",
  },
  ["headers in their order"] = { headers = {
    { "x-b", "2" }, { "host", "here" }, { "X-A", "a  b\tc" }, { "x-b", "1" },
    { "x-empty", "" }, { "x-bytes", "\195\188\255\1" },
    { "user-agent", "own" }, { "accept", "own" },
  } },
}

local function describe_bytes(t)
  for name, changes in pairs(requests) do
    it("sends exactly " .. name, function()
      local request = t:request("/echo", changes)
      local response = t:get("/echo", changes)
      assert.is_true(on_the_wire(request) == response.body,
        #response.body < 1000 and response.body)
    end)
  end

  it("leaves the request as it was", function()
    local before, request = t:request("/ok"), t:request("/ok")
    t.transport:send(request)
    assert.same(before, request)
  end)

  local impossible = {
    ["a line end in a header"] = { headers = { { "x", "a\r\ny: z" } } },
    ["a NUL in a header"] = { headers = { { "x", "a\0b" } } },
    ["a header without a name"] = { headers = { { "", "a" } } },
    ["a header's name of two words"] = { headers = { { "x: y\r\nz", "" } } },
    ["a space in the path"] = { path = "/ok HTTP/1.1" },
    ["a line end in the path"] = { path = "/ok\r\nx: y" },
    ["no path"] = { path = "" },
    ["a space in the query"] = { query = "a b" },
    ["a method of two words"] = { method = "GET /" },
  }
  for name, changes in pairs(impossible) do
    it("refuses to send " .. name, function()
      t:fail("HTTPClientError", false, "/ok", changes)
      assert.equal(0, (t.server:arrived(t.scheme)))
    end)
  end
end

-- ---- connections that are kept ----

-- Path, status and body: after these a connection must not be used again,
-- though the server would let us.
local last_answers = {
  { "/says_close" }, { "/old_with_length" }, { "/old_to_the_end" },
  { "/new_to_the_end" }, { "/more_than_announced" }, { "/both_framings" },
  { "/closes_after" }, { "/more_in_a_record_of_its_own" },
  { "/early", 413, MANY_BYTES }, { "/early_and_gone", 413, MANY_BYTES },
}

local function describe_keeping(t)
  it("uses a connection again", function()
    for _ = 1, 3 do t:get("/ok") end
    t:get("/exact/1", { query = "x" }, 201)
    t:get("/no_content", nil, 204)
    for _, path in ipairs { "/chunked", "/continues", "/echo" } do
      t:get(path)
    end
    assert.same({ 1, 8 }, { t.server:arrived(t.scheme) })
  end)

  for _, last in ipairs(last_answers) do
    it("does not use one again after " .. last[1], function()
      t:get(last[1], { body = last[3] }, last[2])
      t:get("/ok")
      assert.equal(2, (t.server:arrived(t.scheme)))
    end)
  end

  for _, change in ipairs { "close", "reset", "stray" } do
    it("sees before it sends: " .. change, function()
      t:get("/ok")
      t.server:all(change)
      assert.equal("ok", t:get("/ok", { replay = false }).body)
      t:saw("ok", 2, 2)
    end)
  end

  it("has one for each host and port", function()
    t:get("/ok")
    t:get("/ok", { host = "localhost" })
    t:get("/ok", { scheme = "http", port = t.server.elsewhere })
    t:get("/ok", { scheme = "http", port = t.server.http })
    t:get("/ok", { scheme = "https", port = t.server.https })
    assert.equal(4, #t.server:stats().connections)
  end)

  it("does not take a failed one again", function()
    t:fail("ReadTimeoutError", true, "/silent", { read_timeout = 0.02 })
    t:get("/ok")
    assert.equal(2, (t.server:arrived(t.scheme)))
  end)
end

-- What happens to the second request on a connection, seen only once it is
-- sent: {path, body}.
local lost = {
  { "/second_closes" }, { "/second_resets" },
  { "/second_hangs_up", MANY_BYTES },
}

local function describe_replay(t)
  for _, case in ipairs(lost) do
    local path, body = case[1], case[2]
    it("sends again where it may: " .. path, function()
      t:get(path)
      assert.equal("ok", t:get(path, { body = body }).body)
      assert.equal(2, (t.server:count(path:sub(2))))
    end)

    it("sends again at once: " .. path .. " #timing", function()
      t:get(path)
      local start = t.transport:monotonic()
      t:get(path, { body = body })
      assert.is_true(t.transport:monotonic() - start < 0.5)
    end)

    it("does not where it may not: " .. path, function()
      t:get(path)
      t:fail("ConnectionClosedError", true, path,
        { body = body, replay = false })
      t:saw(path:sub(2), 1, 2)
    end)
  end

  it("sends again once only", function()
    t:get("/ok")
    t:fail("ConnectionClosedError", true, "/closes")
    t:saw("closes", 2, 2)
  end)

  it("does not send again once a byte of an answer came", function()
    t:get("/second_begins")
    t:fail("ConnectionClosedError", true, "/second_begins")
    t:saw("second_begins", 1, 2)
  end)

  it("does not send again what was only slow", function()
    t:get("/second_is_silent")
    t:fail("ReadTimeoutError", true, "/second_is_silent",
      { read_timeout = 0.02 })
    t:saw("second_is_silent", 1, 2)
  end)
end

-- A listener that takes one connection in its life.
local function describe_failed_replay(t)
  it("remembers that it sent where sending again fails", function()
    local once = { port = t.server.once }
    t:get("/second_closes", once)
    t:fail("EndpointConnectionError", true, "/second_closes", once)
  end)
end

-- ---- faults ----

-- By the failure's name, all after the request was sent: behaviours, with
-- the request's body where it matters.
local faults = {
  ConnectionClosedError = {
    closes = "x", resets = "x", resets_within = MANY_BYTES,
    half_status = "x", half_header = "x", half_head = "x", half_body = "x",
    half_chunk = "x", no_last_chunk = "x", half_reset = "x",
    only_interim = "x",
  },
  HTTPClientError = {
    http_09 = "x", http_2 = "x", no_line_end = "x", bad_status = "x",
    bad_header = "x", bad_length = "x", minus_length = "x",
    huge_length = "x", two_lengths = "x", bad_chunk = "x", long_chunk = "x",
    unknown_coding = "x", switches = "x", many_interim = "x",
    endless_line = "x", endless_head = "x", endless_body = "x",
  },
}

local function describe_faults(t)
  for name, behaviours in pairs(faults) do
    for behaviour, body in pairs(behaviours) do
      it(("fails with %s: %s"):format(name, behaviour), function()
        t:fail(name, true, "/" .. behaviour, { body = body })
        assert.equal(1, (t.server:count(behaviour)))
        t:get("/ok")
        assert.equal(2, (t.server:arrived(t.scheme)))
      end)
    end
  end
end

local function describe_connecting(t)
  it("fails where nobody listens", function()
    for _, scheme in ipairs { "http", "https" } do
      t:fail("EndpointConnectionError", false, "/ok",
        { scheme = scheme, port = t.server.closed })
    end
  end)

  it("fails where the name is unknown, in time", function()
    local start, patience = t.transport:monotonic(), 3
    local _, failure = t:send("/ok", {
      host = "nonexistent.invalid", connect_timeout = patience,
    })
    local took = t.transport:monotonic() - start
    local in_time = took < patience -- else nobody answered for names
    assert.equal(in_time and "EndpointConnectionError"
      or "ConnectTimeoutError", failure.name)
    assert.is_false(failure.sent)
    assert.is_true(took < patience + 0.5)
  end)

  it("fails where it is accepted and closed", function()
    t:fail("ConnectionClosedError", true, "/ok",
      { port = t.server.closes_at_once })
  end)

  -- The reset may come at any time: before we know that we are connected,
  -- before we send, or after.
  it("fails where it is accepted and reset", function()
    local _, failure = t:send("/ok", { port = t.server.resets_at_once })
    if failure.name == "EndpointConnectionError" then
      assert.is_false(failure.sent)
    else
      assert.equal("ConnectionClosedError", failure.name)
    end
  end)
end

-- ---- time ----

local function describe_connect_timeout(t)
  it("gives up connecting in time #timing", function()
    t:takes(SOON, function()
      t:fail("ConnectTimeoutError", false, "/ok",
        { port = t.server.deaf, connect_timeout = SOON })
    end)
  end)

  it("gives up a TLS handshake in time #timing", function()
    t:takes(SOON, function()
      t:fail("ConnectTimeoutError", false, "/ok", {
        scheme = "https", port = t.server.mute, connect_timeout = SOON,
        tls = { verify = true },
      })
    end)
  end)

  it("does not count the answer's time #timing", function()
    t:get("/drip_head", { connect_timeout = SOON })
  end)
end

local function describe_read_timeout(t)
  it("gives up waiting for an answer in time #timing", function()
    t:takes(SOON, function()
      t:fail("ReadTimeoutError", true, "/silent", { read_timeout = SOON })
    end)
  end)

  -- The system takes some more bytes now and then.
  it("gives up sending in time #timing", function()
    local start = t.transport:monotonic()
    t:fail("ReadTimeoutError", true, "/takes_nothing",
      { body = MANY_BYTES, read_timeout = SOON })
    local took = t.transport:monotonic() - start
    assert.is_true(took >= SOON - 0.001 and took < 4 * SOON, took)
  end)

  it("rests while it waits #timing", function()
    t:get("/ok") -- what is done but once is done
    rests(function()
      t:fail("ReadTimeoutError", true, "/silent", { read_timeout = SOON })
    end)
    rests(function()
      t:fail("ReadTimeoutError", true, "/takes_nothing",
        { read_timeout = SOON })
    end)
  end)

  it("counts from the last byte #timing", function()
    local start = t.transport:monotonic()
    t:get("/drip_head", { read_timeout = SOON })
    assert.is_true(t.transport:monotonic() - start > SOON)
  end)
end

local function describe_deadline(t)
  local function takes(path, sent, changes)
    t:takes(SOON, function()
      changes = changes or {}
      changes.deadline = t.transport:monotonic() + SOON
      t:fail("ApiCallTimeoutError", sent, path, changes)
    end)
  end

  it("ends a call that is connecting #timing", function()
    takes("/ok", false, { port = t.server.deaf })
  end)

  it("ends a call that waits for an answer #timing", function()
    takes("/silent", true)
  end)

  it("ends a call whose answer drips #timing", function()
    takes("/drip_body", true)
  end)

  it("ends a call whose answer never stops coming #timing", function()
    takes("/endless_chunks", true)
  end)

  it("ends a call that is sending #timing", function()
    takes("/takes_nothing", true, { body = MANY_BYTES })
  end)

  it("sends nothing once it is over", function()
    t:get("/ok")
    t:fail("ApiCallTimeoutError", false, "/ok",
      { deadline = t.transport:monotonic() - 1 })
    t:fail("ApiCallTimeoutError", false, "/ok",
      { deadline = t.transport:monotonic() - 1, host = "localhost" })
    t:get("/echo")
    t:saw("ok", 1, 1)
  end)

  it("does not end a call that is quick", function()
    t:get("/ok", { deadline = t.transport:monotonic() + 10 })
  end)
end

local function describe_clocks(t)
  it("tells the time", function()
    assert.is_true(math.abs(t.transport:now() - os.time()) < 2)
    local before = t.transport:monotonic()
    assert.is_true(t.transport:monotonic() >= before)
  end)

  it("sleeps as long as it should #timing", function()
    t:takes(0.1, function() t.transport:sleep(0.1) end)
    t:takes(0, function() t.transport:sleep(0) end)
    rests(function() t.transport:sleep(0.1) end)
  end)
end

-- ---- TLS ----

-- Listener, and words of which the reason must have one.
local refused = {
  { "self_signed", "self.?signed" }, { "expired", "expired" },
  { "wrong_name", "name", "host" },
  { "untrusted", "issuer", "unable to get", "verify" },
  { "old_tls", "version", "protocol" }, { "closes_at_hello" },
  { "resets_at_hello" }, { "half_a_hello" },
  { "plain_at_hello", "wrong version", "record" },
}

local function has_any(text, words)
  if #words == 1 then return true end
  for i = 2, #words do
    if text:lower():find(words[i]) then return true end
  end
  return false
end

local function describe_verification(t)
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      local reason =
        t:fail("SSLError", false, "/ok", { port = t.server[case[1]] })
      assert.is_true(has_any(reason, case), reason)
      assert.equal(0, (t.server:count "ok"))
    end)
  end

  it("refuses what the system's certificates do not vouch for", function()
    t:fail("SSLError", false, "/ok", { tls = { verify = true } })
    t:fail("SSLError", false, "/ok", { tls = {} })
  end)

  it("refuses where the bundle is not there", function()
    t:fail("SSLError", false, "/ok", { tls = { verify = "/nowhere.pem" } })
  end)

  it("takes any certificate where it shall not verify", function()
    for _, name in ipairs { "self_signed", "expired", "wrong_name",
                            "untrusted" } do
      t:get("/ok", { port = t.server[name], tls = { verify = false } })
    end
  end)

  it("verifies with the bundle it is told", function()
    local s = t.server
    t:get("/ok", { host = "localhost" })
    t:get("/ok", { port = s.untrusted, tls = { verify = s.other_ca_pem } })
    t:get("/ok",
      { port = s.self_signed, tls = { verify = s.self_signed_pem } })
  end)

  it("never takes a connection that was verified less", function()
    t:get("/ok", { tls = { verify = false } })
    t:fail("SSLError", false, "/ok",
      { tls = { verify = t.server.other_ca_pem } })
    t:get("/ok")
    t:fail("SSLError", false, "/ok", { tls = { verify = true } })
    t:saw("ok", 2, 2)
  end)
end

local function describe_handshake(t)
  it("speaks HTTP/1.1 to a server that offers HTTP/2", function()
    t:get("/ok", { port = t.server.h2 })
    assert.not_equal("h2", t.server:stats().connections[1].alpn)
  end)

  it("says which name it came for", function()
    t:get("/ok", { host = "localhost" })
    assert.equal("localhost", t.server:stats().connections[1].sni)
  end)

  it("uses TLS 1.2 at the least", function()
    t:get("/ok")
    assert.is_truthy(
      t.server:stats().connections[1].tls:find("TLSv1.[23]"))
  end)
end

local function describe_client_certificate(t)
  local function own(port)
    return { port = t.server[port], tls = {
      verify = t.server.ca_pem, cert = t.server.client_pem,
      key = t.server.client_key,
    } }
  end

  for _, name in ipairs { "mutual", "mutual_12" } do
    it("shows its certificate: " .. name, function()
      t:get("/ok", own(name))
    end)
  end

  it("fails where it has none to show", function()
    t:fail("SSLError", false, "/ok", { port = t.server.mutual_12 })
  end)

  it("fails where it cannot be read", function()
    local nowhere = own "mutual"
    nowhere.tls.cert = "/nowhere.pem"
    t:fail("SSLError", false, "/ok", nowhere)
    nowhere = own "mutual"
    nowhere.tls.key = t.server.ca_pem
    t:fail("SSLError", false, "/ok", nowhere)
  end)

  it("never takes a connection with another certificate", function()
    t:get("/ok", own "mutual")
    local _, failure = t:send("/ok", { port = t.server.mutual })
    assert.is_truthy(failure)
    t:saw("ok", 1, 1)
  end)
end

-- In TLS 1.3 the server has its say after the handshake, when the request
-- may be under way.
local function describe_late_alert(t)
  it("says so where its certificate comes too late", function()
    local reason = t:fail("SSLError", true, "/ok", { port = t.server.mutual })
    assert.is_truthy(reason:lower():find("certificate"), reason)
    assert.equal(0, (t.server:count "ok"))
  end)
end

-- That of AWS IoT for a client certificate on port 443, and another.
local CA, OTHER = "x-amzn-http-ca", "x-other"

local function describe_alpn(t)
  local function with(...)
    return { port = t.server.alpn, tls = {
      verify = t.server.ca_pem, alpn = { ... },
    } }
  end

  local function agreed()
    local names = {}
    for i, seen in ipairs(t.server:stats().connections) do
      names[i] = seen.alpn
    end
    return names
  end

  it("offers what it is told", function()
    t:get("/ok", with(CA))
    assert.same({ CA }, agreed())
  end)

  it("offers all that it is told", function()
    t:get("/ok", with("x-unknown", OTHER, "x"))
    assert.same({ OTHER }, agreed())
  end)

  it("never takes a connection with other protocols", function()
    local lists = { { CA }, { OTHER }, { CA, OTHER }, { OTHER, CA } }
    for _ = 1, 2 do
      for _, list in ipairs(lists) do
        t:get("/ok", with(list[1], list[2]))
      end
      t:get("/ok", { port = t.server.alpn })
    end
    t:saw("ok", 5, 10)
  end)

  it("fails where the server knows none of them", function()
    t:fail("SSLError", false, "/ok", with "x-unknown")
    t:saw("ok", 0, 0)
  end)

  it("fails where the server has not heard of ALPN", function()
    local changes = with(CA)
    changes.port = t.server.https
    local reason = t:fail("SSLError", false, "/ok", changes)
    assert.is_truthy(reason:find("config.alpn", 1, true), reason)
    t:saw("ok", 0, 0)
  end)

  it("fails where the server prefers HTTP/2", function()
    local changes = with(CA)
    changes.port = t.server.h2
    t:fail("SSLError", false, "/ok", changes)
  end)
end

-- ---- all of it ----

local everywhere = {
  { "answers", describe_answers }, { "bytes", describe_bytes },
  { "kept connections", describe_keeping }, { "replay", describe_replay },
  { "faults", describe_faults }, { "read_timeout", describe_read_timeout },
  { "deadline", describe_deadline },
}

local once = {
  { "a replay that fails", describe_failed_replay },
  { "connecting", describe_connecting },
  { "connect_timeout", describe_connect_timeout },
  { "clocks", describe_clocks },
}

local over_tls = {
  { "verification", describe_verification },
  { "handshake", describe_handshake },
  { "client certificate", describe_client_certificate, "client_certificate" },
  { "a late alert", describe_late_alert, "late_alert" },
  { "ALPN", describe_alpn, "alpn" },
}

local function describe_all(t, scheme, groups, can)
  describe("over " .. scheme, function()
    before_each(function() t.scheme = scheme end)
    for _, group in ipairs(groups) do
      if group[3] == nil or can[group[3]] then
        describe(group[1], function() group[2](t) end)
      end
    end
  end)
end

local function contract(new_transport, can)
  local t = setmetatable({}, World)

  setup(function()
    t.server = hostile.start(nil, new_transport())
  end)

  teardown(function()
    if t.server then t.server:stop() end
  end)

  before_each(function()
    t.server:clear()
    t.transport = new_transport()
  end)

  after_each(function()
    if t.transport.close then t.transport:close() end
  end)

  describe_all(t, "http", everywhere, can)
  describe_all(t, "https", everywhere, can)
  describe_all(t, "http", once, can)
  describe_all(t, "https", over_tls, can)
end

return contract
