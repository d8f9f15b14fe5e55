-- request_spec.lua - core.write_request: a request as it goes on the wire

local core = require "iotdataplane.core"

local function write(r, authority)
  return core.write_request(r.method, r.path, r.query or "", r.headers,
                            r.body or "", authority)
end

local char, rep = string.char, string.rep

local MAX_HEADERS = 128 -- csrc/iot.h

local function request(method, path, query, headers, body)
  return { method = method, path = path, query = query,
    headers = headers or {}, body = body }
end

-- name, request, bytes
local written = {
  { "a publish", request("POST", "/topics/a%2Fb", "qos=1",
      { { "host", "h" }, { "X-Amz-Date", "d" } }, "hi"),
    "POST /topics/a%2Fb?qos=1 HTTP/1.1\r\nhost: h\r\nX-Amz-Date: d\r\n"
    .. "Content-Length: 2\r\n\r\nhi" },
  { "no query", request("GET", "/", ""), "GET / HTTP/1.1\r\n\r\n" },
  { "no body of GET", request("GET", "/a", "", {}, ""),
    "GET /a HTTP/1.1\r\n\r\n" },
  { "no body of DELETE", request("DELETE", "/a"),
    "DELETE /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
  { "no body of HEAD", request("HEAD", "/a"), "HEAD /a HTTP/1.1\r\n\r\n" },
  { "no body of OPTIONS", request("OPTIONS", "/a"),
    "OPTIONS /a HTTP/1.1\r\n\r\n" },
  { "no body of POST", request("POST", "/a", "", {}, ""),
    "POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
  { "a body of POST that is nil", request("POST", "/a"),
    "POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
  { "no body of PUT", request("PUT", "/a"),
    "PUT /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
  { "no body of PATCH", request("PATCH", "/a"),
    "PATCH /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
  { "a body of GET", request("GET", "/a", "", {}, "x"),
    "GET /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx" },
  { "a body of DELETE", request("DELETE", "/a", "", {}, "\0\r\n"),
    "DELETE /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n\0\r\n" },
  { "a long body", request("PUT", "/a", "", {}, rep("\255", 131072)),
    "PUT /a HTTP/1.1\r\nContent-Length: 131072\r\n\r\n"
    .. rep("\255", 131072) },
  { "headers in their order and case, twice too",
    request("GET", "/", "", { { "b", "2" }, { "A", "1" }, { "b", "0" } }),
    "GET / HTTP/1.1\r\nb: 2\r\nA: 1\r\nb: 0\r\n\r\n" },
  { "odd values", request("GET", "/", "",
      { { "a", "" }, { "b", " c\t" }, { "d", "\195\188\127\1: ," } }),
    "GET / HTTP/1.1\r\na: \r\nb:  c\t\r\nd: \195\188\127\1: ,\r\n\r\n" },
  { "a path that is nobody's to mend",
    request("GET", "//a/../b%2f/.", "b=1&a=%zz&&?"),
    "GET //a/../b%2f/.?b=1&a=%zz&&? HTTP/1.1\r\n\r\n" },
  { "a method of one's own", request("M-SEARCH", "/"),
    "M-SEARCH / HTTP/1.1\r\nContent-Length: 0\r\n\r\n" },
}

-- What is written of the request, one part of it being `value`.
local parts = {
  method = function(value) return request(value, "/") end,
  path = function(value) return request("GET", "/" .. value) end,
  query = function(value) return request("GET", "/", value) end,
  name = function(value)
    return request("GET", "/", "", { { "a", "b" }, { value, "b" } })
  end,
  value = function(value)
    return request("GET", "/", "", { { "a", "b" }, { "a", value } })
  end,
}

local token = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  .. "0123456789!#$%&'*+-.^_`|~"

local function is_token(b)
  return b ~= 0 and token:find(char(b), 1, true) ~= nil
end

local function is_target(b) return b > 32 and b ~= 127 end

-- part, which bytes it may have, the reason of a refusal
local bytes_of = {
  { "method", is_token, "invalid method" },
  { "path", is_target, "invalid path" },
  { "query", is_target, "invalid query" },
  { "name", is_token, "invalid header name" },
  { "value", function(b) return b ~= 0 and b ~= 10 and b ~= 13 end,
    "CR, LF or NUL in a header value" },
}

-- request, reason
local refused = {
  { request("", "/"), "invalid method" },
  { request("GET", ""), "invalid path" },
  { request("GET", "a"), "invalid path" },
  { request("GET", "?a"), "invalid path" },
  { request("GET", "*"), "invalid path" },
  { request("GET", "http://h/"), "invalid path" },
  { request("GET /", "/"), "invalid method" },
  { request("GET", "/ HTTP/1.1\r\na: b\r\n\r\n"), "invalid path" },
  { request("GET", "/", "a HTTP/1.1\r\n"), "invalid query" },
  { request("GET", "/", "", { { "", "b" } }), "invalid header name" },
  { request("GET", "/", "", { { "a:", "b" } }), "invalid header name" },
  { request("GET", "/", "", { { "a", "b\r\nc: d" } }),
    "CR, LF or NUL in a header value" },
}

describe("core.write_request", function()
  for _, case in ipairs(written) do
    it("writes " .. case[1], function()
      assert.are.equal(case[3], write(case[2]))
    end)
  end

  for _, case in ipairs(refused) do
    it("refuses, " .. case[2], function()
      local bytes, reason = write(case[1])
      assert.is_nil(bytes)
      assert.are.equal(case[2], reason)
    end)
  end

  for _, case in ipairs(bytes_of) do
    local part, may_have, why = case[1], case[2], case[3]

    it("takes or refuses each byte in a " .. part, function()
      local wrong = {}
      for b = 0, 255 do
        local value = "x" .. char(b) .. "x"
        local bytes, reason = write(parts[part](value))
        local right
        if may_have(b) then
          right = bytes and bytes:find(value, 1, true)
        else
          right = bytes == nil and reason == why
        end
        if not right then wrong[#wrong + 1] = b end
      end
      assert.are.same({}, wrong)
    end)
  end

  it("writes the absolute form, for a proxy", function()
    local r = request("POST", "/a", "b=c", { { "host", "h:1" } }, "x")
    assert.are.equal("POST http://h:1/a?b=c HTTP/1.1\r\nhost: h:1\r\n"
      .. "Content-Length: 1\r\n\r\nx", write(r, "http://h:1"))
    assert.are.equal(write(r), write(r, ""))
    assert.are.equal(write(r), write(r, nil))
    for _, b in ipairs { 0, 10, 13, 32, 127 } do
      local bytes, reason = write(r, "http://h" .. char(b))
      assert.is_nil(bytes)
      assert.are.equal("invalid authority", reason)
    end
  end)

  it("writes up to " .. MAX_HEADERS .. " headers", function()
    local headers, expected = {}, { "GET / HTTP/1.1\r\n" }
    for i = 1, MAX_HEADERS do
      headers[i] = { "h" .. i, "v" .. i }
      expected[i + 1] = ("h%d: v%d\r\n"):format(i, i)
    end
    assert.are.equal(table.concat(expected) .. "\r\n",
      write(request("GET", "/", "", headers)))
    headers[MAX_HEADERS + 1] = { "one", "more" }
    local ok, reason = pcall(write,
      request("GET", "/", "", headers))
    assert.is_false(ok)
    assert.is_truthy(reason:find("request.headers are too many", 1, true))
  end)

  it("changes nothing of the request", function()
    local r = request("POST", "/a", "b=c", { { "d", "e" } }, "f")
    write(r, "http://h")
    assert.are.same(request("POST", "/a", "b=c", { { "d", "e" } }, "f"), r)
  end)

  it("raises for what is of a wrong type", function()
    local function with(name, value)
      local r = request("GET", "/")
      r[name] = value
      return r
    end
    local wrong = {
      with("method", {}), with("path", {}), with("query", true),
      with("body", print), with("headers", "a: b"), with("headers", false),
      with("headers", { "a: b" }), with("headers", { { "a" } }),
      with("headers", { { 1, "b" } }), with("headers", { { "a", 1 } }),
      with("headers", { { "a", "b" }, 1 }), { method = "GET", path = "/" },
      "GET / HTTP/1.1", 1,
    }
    for _, r in ipairs(wrong) do
      assert.is_false((pcall(write, r)))
    end
    assert.is_false((pcall(write)))
    assert.is_false((pcall(write, request("GET", "/"), {})))
  end)

  it("writes the framing itself", function()
    for _, name in ipairs { "Content-Length", "transfer-encoding" } do
      local bytes, reason = write(request("GET", "/", "", { { name, "1" } }))
      assert.is_nil(bytes)
      assert.are.equal("a header of framing", reason)
    end
  end)

  it("works after a refusal and an error", function()
    local fine = request("GET", "/a", "", { { "b", "c" } })
    write(request("GET", "/a", "", { { "b", "\n" } }))
    assert.are.equal("GET /a HTTP/1.1\r\nb: c\r\n\r\n",
      write(fine))
    pcall(write, request("GET", "/a", "", { { "b", {} } }))
    assert.are.equal("GET /a HTTP/1.1\r\nb: c\r\n\r\n",
      write(fine))
  end)
end)
