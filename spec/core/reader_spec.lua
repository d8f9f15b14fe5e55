-- reader_spec.lua - core.reader: the answers that it takes, however they are
-- cut. "\n" stands for a line's end: each answer is read with CR LF, which
-- is proper, and with LF alone.

local core = require "iotdataplane.core"
local feeding = require "spec.core.feeding"

local SPLITS = 12

local OK = "HTTP/1.1 200 OK\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\n\n"

local all_bytes = {}
for b = 0, 255 do -- all but LF, which the cases have for a line's end
  if b ~= 10 then all_bytes[#all_bytes + 1] = string.char(b) end
end
all_bytes = table.concat(all_bytes)

-- name, answer, status, {name, value, ...}, body, reusable
local whole = {
  { "a body by its length", OK .. "Content-Length: 2\n\nhi",
    200, { "Content-Length", "2" }, "hi", true },
  { "an empty body", OK .. "Content-Length: 0\n\n",
    200, { "Content-Length", "0" }, "", true },
  { "a body of all bytes", OK .. "Content-Length: 255\n\n" .. all_bytes,
    200, { "Content-Length", "255" }, all_bytes, true },
  { "no reason", "HTTP/1.1 200\nContent-Length: 0\n\n",
    200, { "Content-Length", "0" }, "", true },
  { "an empty reason", "HTTP/1.1 403 \nContent-Length: 0\n\n",
    403, { "Content-Length", "0" }, "", true },
  { "an odd reason", "HTTP/1.1 500 \255: a\tb\nContent-Length: 0\n\n",
    500, { "Content-Length", "0" }, "", true },
  { "a status that nobody knows", "HTTP/1.1 799 ?\nContent-Length: 0\n\n",
    799, { "Content-Length", "0" }, "", true },
  { "a later HTTP/1", "HTTP/1.2 200 OK\nContent-Length: 0\n\n",
    200, { "Content-Length", "0" }, "", true },
  { "fields in their order and case",
    OK .. "b: 1\nA: 2\nB: 3\nCONTENT-length: 0\n\n",
    200, { "b", "1", "A", "2", "B", "3", "CONTENT-length", "0" }, "", true },
  { "values without the spaces before them, as Python's http.client does",
    OK .. "a:1\nb: \t 2 3\t \nc:\nd: \ne: :\nContent-Length:0 \t\n\n",
    200, { "a", "1", "b", "2 3\t ", "c", "", "d", "", "e", ":",
      "Content-Length", "0 \t" }, "", true },
  { "spaces after a length, a coding and a word",
    OK .. "Content-Length: 9\t\nTransfer-Encoding: chunked \n"
    .. "Connection: close \n\n0\n\n",
    200, { "Content-Length", "9\t", "Transfer-Encoding", "chunked ",
      "Connection", "close " }, "", false },
  { "odd bytes in names and values",
    OK .. "!#$%&'*+-.^_`|~09: \1\t\127\nContent-Length: 0\n\n",
    200, { "!#$%&'*+-.^_`|~09", "\1\t\127", "Content-Length", "0" },
    "", true },
  { "values in Latin-1, as UTF-8",
    OK .. "a: \128\191\192\255\nb: \233t\233\nContent-Length: 0\n\n",
    200, { "a", "\194\128\194\191\195\128\195\191", "b", "\195\169t\195\169",
      "Content-Length", "0" }, "", true },
  { "length zeros before a length", OK .. "Content-Length: 0002\n\nhi",
    200, { "Content-Length", "0002" }, "hi", true },
  { "one length said twice",
    OK .. "Content-Length: 2\nContent-Length: 2\n\nhi",
    200, { "Content-Length", "2", "Content-Length", "2" }, "hi", true },

  -- folded lines: an end of line and the spaces after it are one space
  { "a folded value", OK .. "a: b\n c\n\td\nContent-Length: 0\n\n",
    200, { "a", "b c d", "Content-Length", "0" }, "", true },
  { "a folded value, spaces at its end",
    OK .. "a: b\n  c  \nContent-Length: 0\n\n",
    200, { "a", "b c  ", "Content-Length", "0" }, "", true },
  { "a value that begins on the next line",
    OK .. "a:\n b\nContent-Length: 0\n\n",
    200, { "a", "b", "Content-Length", "0" }, "", true },
  { "a folded line of spaces", OK .. "a: b\n \nContent-Length: 0\n\n",
    200, { "a", "b ", "Content-Length", "0" }, "", true },
  { "a folded length", OK .. "Content-Length:\n 2\n\nhi",
    200, { "Content-Length", "2" }, "hi", true },
  { "a folded coding", OK .. "Transfer-Encoding:\n chunked\n \n\n0\n\n",
    200, { "Transfer-Encoding", "chunked " }, "", true },

  -- chunked
  { "no chunk", CHUNKED .. "0\n\n",
    200, { "Transfer-Encoding", "chunked" }, "", true },
  { "a chunk", CHUNKED .. "2\nhi\n0\n\n",
    200, { "Transfer-Encoding", "chunked" }, "hi", true },
  { "chunks", CHUNKED .. "1\na\nA\n0123456789\n00b\n01234567890\n0000\n\n",
    200, { "Transfer-Encoding", "chunked" }, "a012345678901234567890", true },
  { "a chunk of all bytes", CHUNKED .. "fF\n" .. all_bytes .. "\n0\n\n",
    200, { "Transfer-Encoding", "chunked" }, all_bytes, true },
  { "chunks with extensions",
    CHUNKED .. "1;a\na\n1 ; b=c;d=\"e;f\"\nb\n1\t\nc\n0;last\n\n",
    200, { "Transfer-Encoding", "chunked" }, "abc", true },
  { "trailers", CHUNKED .. "1\na\n0\nb: c\nConnection: close\nd:\n\n",
    200, { "Transfer-Encoding", "chunked" }, "a", true },
  { "a coding in another case",
    OK .. "transfer-encoding: CHUNKED\n\n1\na\n0\n\n",
    200, { "transfer-encoding", "CHUNKED" }, "a", true },
  { "chunks whatever the length says",
    OK .. "Content-Length: 1\nTransfer-Encoding: chunked\n\n2\nhi\n0\n\n",
    200, { "Content-Length", "1", "Transfer-Encoding", "chunked" },
    "hi", false },
  { "chunks whatever the length after it says",
    OK .. "Transfer-Encoding: chunked\nContent-Length: 9\n\n2\nhi\n0\n\n",
    200, { "Transfer-Encoding", "chunked", "Content-Length", "9" },
    "hi", false },
  { "the coding that is none",
    OK .. "Transfer-Encoding: identity\nContent-Length: 2\n\nhi",
    200, { "Transfer-Encoding", "identity", "Content-Length", "2" },
    "hi", true },

  -- interim answers
  { "100 before it", "HTTP/1.1 100 Continue\n\n" .. OK
    .. "Content-Length: 2\n\nhi", 200, { "Content-Length", "2" }, "hi", true },
  { "103 with fields, which are forgotten",
    "HTTP/1.1 103 Early Hints\nLink: a\nConnection: close\n"
    .. "Content-Length: 9\nTransfer-Encoding: gzip\n\n" .. OK
    .. "Content-Length: 2\n\nhi", 200, { "Content-Length", "2" }, "hi", true },
  { "16 interim answers", ("HTTP/1.1 199 x\n\n"):rep(16) .. OK
    .. "Content-Length: 2\n\nhi", 200, { "Content-Length", "2" }, "hi", true },

  -- no body
  { "204", "HTTP/1.1 204 No Content\n\n", 204, {}, "", true },
  { "204 with a length", "HTTP/1.1 204 No Content\nContent-Length: 5\n\n",
    204, { "Content-Length", "5" }, "", true },
  { "304", "HTTP/1.1 304 Not Modified\n\n", 304, {}, "", true },
  { "304 with a length", "HTTP/1.1 304 Not Modified\nContent-Length: 5\n\n",
    304, { "Content-Length", "5" }, "", true },
  { "304 and chunked", "HTTP/1.1 304 x\nTransfer-Encoding: chunked\n\n",
    304, { "Transfer-Encoding", "chunked" }, "", true },
  { "an answer to CONNECT", "HTTP/1.1 200 Connection established\n\n",
    200, {}, "", true, no_body = true },
  { "an answer to HEAD", OK .. "Content-Length: 5\n\n",
    200, { "Content-Length", "5" }, "", true, no_body = true },
  { "an answer to HEAD, chunked", CHUNKED,
    200, { "Transfer-Encoding", "chunked" }, "", true, no_body = true },

  -- may the connection be used again?
  { "close", OK .. "Connection: close\nContent-Length: 2\n\nhi",
    200, { "Connection", "close", "Content-Length", "2" }, "hi", false },
  { "close in another case", OK .. "CONNECTION: Close\nContent-Length: 0\n\n",
    200, { "CONNECTION", "Close", "Content-Length", "0" }, "", false },
  { "close within a list",
    OK .. "Connection: , keep-alive ,\tclose\t,x\nContent-Length: 0\n\n",
    200, { "Connection", ", keep-alive ,\tclose\t,x", "Content-Length", "0" },
    "", false },
  { "close in the second of two fields",
    OK .. "Connection: a\nConnection: close\nContent-Length: 0\n\n",
    200, { "Connection", "a", "Connection", "close", "Content-Length", "0" },
    "", false },
  { "words that are not close",
    OK .. "Connection: closed, clos, close x,,\nContent-Length: 0\n\n",
    200, { "Connection", "closed, clos, close x,,", "Content-Length", "0" },
    "", true },
  { "keep-alive", OK .. "Connection: keep-alive\nContent-Length: 0\n\n",
    200, { "Connection", "keep-alive", "Content-Length", "0" }, "", true },
  { "close of a chunked answer", OK
    .. "Connection: close\nTransfer-Encoding: chunked\n\n0\n\n",
    200, { "Connection", "close", "Transfer-Encoding", "chunked" },
    "", false },
  { "close of an answer without a body",
    "HTTP/1.1 204 x\nConnection: close\n\n",
    204, { "Connection", "close" }, "", false },
  { "HTTP/1.0", "HTTP/1.0 200 OK\nContent-Length: 2\n\nhi",
    200, { "Content-Length", "2" }, "hi", false },
  { "HTTP/1.0 that is kept",
    "HTTP/1.0 200 OK\nConnection: Keep-Alive\nContent-Length: 2\n\nhi",
    200, { "Connection", "Keep-Alive", "Content-Length", "2" }, "hi", true },
  { "HTTP/1.0 that says both",
    "HTTP/1.0 200 OK\nConnection: keep-alive, close\nContent-Length: 0\n\n",
    200, { "Connection", "keep-alive, close", "Content-Length", "0" },
    "", false },
  { "HTTP/1.0 chunked, which has no such thing (RFC 9112, 6.1)",
    "HTTP/1.0 200 OK\nConnection: keep-alive\n"
    .. "Transfer-Encoding: chunked\n\n1\na\n0\n\n",
    200, { "Connection", "keep-alive", "Transfer-Encoding", "chunked" },
    "a", false },
}

-- The same, of bodies that end with the stream. They are never reusable.
local until_close = {
  { "no length", OK .. "\nhi", 200, {}, "hi" },
  { "no length and no body", OK .. "a: b\n\n", 200, { "a", "b" }, "" },
  { "no length, HTTP/1.0", "HTTP/1.0 200 OK\n\nhi", 200, {}, "hi" },
  { "no length, HTTP/1.0 that is kept",
    "HTTP/1.0 500 x\nConnection: keep-alive\n\nhi",
    500, { "Connection", "keep-alive" }, "hi" },
  { "what looks like another answer", OK .. "\n" .. all_bytes .. "0",
    200, {}, all_bytes .. "0" },
  { "the coding that is none, no length",
    OK .. "Transfer-Encoding: identity\n\nhi",
    200, { "Transfer-Encoding", "identity" }, "hi" },
}

local function with_crlf(text)
  return (text:gsub("\n", "\r\n"))
end

local function check_whole(bytes, case)
  local function check(more, reusable)
    assert.are.same(
      { feeding.expected(case[3], case[4], case[5], reusable) },
      feeding.results(bytes .. more, false, case.no_body, SPLITS))
  end
  check("", case[6])
  check("H", false) -- bytes after the body
  check(with_crlf(OK) .. "\r\n", false)
end

-- The stream ends before the last byte: never a success, and never early.
local function check_ends(bytes, no_body)
  for n = 0, #bytes - 1 do
    local reader = core.reader(no_body)
    assert.is_false((reader:feed(bytes:sub(1, n))))
    local done, reason = reader:eof()
    assert.is_nil(done)
    assert.are.equal("the connection was closed before the whole answer",
      reason)
    assert.is_false((select(4, reader:response())))
  end
end

describe("core.reader reads", function()
  for _, case in ipairs(whole) do
    it(case[1], function()
      check_whole(with_crlf(case[2]), case)
      check_whole(case[2], case)
    end)

    it(case[1] .. ", and nothing less", function()
      check_ends(with_crlf(case[2]), case.no_body)
      check_ends(case[2], case.no_body)
    end)
  end

  for _, case in ipairs(until_close) do
    it(case[1] .. ", to the end of the stream", function()
      for _, bytes in ipairs { case[2], with_crlf(case[2]) } do
        assert.are.same(
          { feeding.expected(case[3], case[4], case[5], false) },
          feeding.results(bytes, true, false, SPLITS))
        check_ends(bytes:sub(1, #bytes - #case[5]))
        assert.is_false((core.reader():feed(bytes)))
      end
    end)
  end

  it("an answer that ends the stream, once more not reusable", function()
    local bytes = with_crlf(OK .. "Content-Length: 2\n\nhi")
    assert.are.same(
      { feeding.expected(200, { "Content-Length", "2" }, "hi", false) },
      feeding.results(bytes, true, false, SPLITS))
  end)

  it("one answer after the other", function()
    local reader = core.reader()
    for _, case in ipairs(whole) do
      reader:reset(case.no_body)
      assert.are.equal(feeding.expected(case[3], case[4], case[5], case[6]),
        (feeding.feed(reader, { with_crlf(case[2]) })))
    end
  end)
end)

describe("core.reader", function()
  it("has nothing before a byte has come", function()
    local status, fields, body, reusable, head = core.reader():response()
    assert.are.equal(0, status)
    assert.are.same({}, fields)
    assert.are.same({}, core.headers(head))
    assert.are.equal("", body)
    assert.is_false(reusable)
  end)

  it("says that bytes came after the body at any later time", function()
    local reader = core.reader()
    assert.is_true(reader:feed("HTTP/1.1 204 x\r\n\r\n"))
    assert.is_true((select(4, reader:response())))
    assert.is_true(reader:feed(""))
    assert.is_true((select(4, reader:response())))
    assert.is_true(reader:feed("\r"))
    assert.is_false((select(4, reader:response())))
    assert.is_true(reader:eof())
  end)

  it("is not reusable while an answer is under way", function()
    local reader = core.reader()
    for _, byte in ipairs(feeding.bytewise(with_crlf(CHUNKED .. "2\nhi"))) do
      assert.is_false(reader:feed(byte))
      assert.is_false((select(4, reader:response())))
    end
  end)

  it("wants strings, and itself", function()
    local reader = core.reader()
    assert.has_error(function() reader:feed() end)
    assert.has_error(function() reader:feed({}) end)
    assert.has_error(function() reader.feed("HTTP/1.1") end)
    assert.has_error(function() reader.eof(io.stdout) end)
  end)
end)
