-- reader_refusals_spec.lua - core.reader: the answers that it refuses,
-- however they are cut. "\n" stands for CR LF, and then for LF alone.

local core = require "iotdataplane.core"
local feeding = require "spec.core.feeding"

local SPLITS = 12

local OK = "HTTP/1.1 200 OK\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\n\n"

local NO_HTTP = "the answer is no HTTP/1.x"
local NO_STATUS = "the answer has no valid status"
local NO_FIELD = "a header line is malformed"
local NO_LENGTH = "Content-Length is malformed"
local TWICE = "Content-Length is there twice"
local TOO_LARGE = "the body is too large"
local NO_CODING = "the Transfer-Encoding is unknown"
local NO_CHUNK = "a chunk is malformed"
local NO_TRAILER = "a trailer is malformed"

-- reason, answers
local refused = {
  { NO_HTTP,
    "garbage", "\0", " " .. OK, "\n" .. OK, "\n\n", "<html>\n", "ICY 200 OK\n",
    "http/1.1 200 OK\n", "HTTP/2 200\n", "HTTP/2.0 200 OK\n", "HTTP 200 OK\n",
    "HTTP/1.\n", "HTTP/1.1\n", "HTTP/1.1 \n", "HTTP/1.1 20\n",
    "HTTP/1.1 20 OK\n", "HTTP/1.1 2000 OK\n", "HTTP/1.1  200 OK\n",
    "HTTP/1.1200 OK\n", "HTTP/1.10 200 OK\n", "HTTP/1.x 200 OK\n",
    "HTTP/1.1 2x0 OK\n", "HTTP/1.1 -20 OK\n", "HTTP/1.1 200OK\n",
    "HTTP/1.1\t200 OK\n", "HTTP/1.1 200\tOK\n", "HTTP/1.1 200\0\n",
    "HTTP/1.1 200\r OK\n", "\21\3\1\0\2\2\70",
    "HTTP/1.1 100 Continue\n\ngarbage", "HTTP/1.1 100 Continue\n\n\n" },
  { NO_STATUS, "HTTP/1.1 099 x\n", "HTTP/1.1 000 x\n" },
  { NO_FIELD,
    OK .. "a\n", OK .. ": a\n", OK .. "a : b\n", OK .. "a\t: b\n",
    OK .. "a b: c\n", OK .. "a\0: b\n", OK .. "a\r: b\n",
    OK .. "\195\188: a\n",
    OK .. "(a): b\n", OK .. "a@b: c\n", OK .. "a: b\0c\n", OK .. "a: \0\n",
    OK .. "a: b\rc\n", OK .. "a: b\r\r\n", OK .. " a: b\n", OK .. "\ta: b\n",
    OK .. " \n", OK .. "a: b\n c\0d\n", OK .. "a: b\n c\rd\n",
    OK .. "Content-Length: 2\nhi\n",
    "HTTP/1.1 100 x\na\n" },
  { NO_LENGTH,
    OK .. "Content-Length:\n\n", OK .. "Content-Length: x\n\n",
    OK .. "Content-Length: -1\n\n", OK .. "Content-Length: +1\n\n",
    OK .. "Content-Length: 1 1\n\n", OK .. "Content-Length: 0x1\n\n",
    OK .. "Content-Length: 1.0\n\n", OK .. "Content-Length: 1e1\n\n",
    OK .. "Content-Length: 1, 2\n\n", OK .. "Content-Length: 1;\n\n",
    OK .. "Content-Length: \1\n\n",
    OK .. "Content-Length: x\nTransfer-Encoding: chunked\n\n",
    OK .. "Content-Length: 1\nContent-Length: y\n\n" },
  { TWICE,
    OK .. "Content-Length: 1\nContent-Length: 2\n\n",
    OK .. "Content-Length: 2\na: b\ncontent-length: 1\n\n",
    OK .. "Content-Length: 0\nContent-Length: 1\n\n",
    OK .. "Content-Length: 1\nContent-Length: 0\n"
      .. "Transfer-Encoding: chunked\n\n" },
  { TOO_LARGE,
    OK .. "Content-Length: 16777217\n\n",
    OK .. "Content-Length: 4294967296\n\n",
    OK .. "Content-Length: 18446744073709551616\n\n",
    OK .. "Content-Length: 18446744073709551617\n\n",
    OK .. "Content-Length: " .. ("9"):rep(1000) .. "\n\n",
    CHUNKED .. "1000001\n", CHUNKED .. "ffffffff\n", CHUNKED .. "100000000\n",
    CHUNKED .. "10000000000000001\n", CHUNKED .. ("f"):rep(1000) .. "\n" },
  { NO_CODING,
    OK .. "Transfer-Encoding: gzip\n\n", OK .. "Transfer-Encoding:\n\n",
    OK .. "Transfer-Encoding: gzip, chunked\n\n",
    OK .. "Transfer-Encoding: chunked, gzip\n\n",
    OK .. "Transfer-Encoding: chunked, chunked\n\n",
    OK .. "Transfer-Encoding: chunkedx\n\n",
    OK .. "Transfer-Encoding: xchunked\n\n",
    OK .. "Transfer-Encoding: gzip\nContent-Length: 1\n\n",
    OK .. "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n",
    OK .. "Transfer-Encoding: gzip\nTransfer-Encoding: chunked\n\n",
    OK .. "Transfer-Encoding: chunked\nTransfer-Encoding: gzip\n\n",
    OK .. "Transfer-Encoding: identity\nTransfer-Encoding: gzip\n\n",
    OK .. "Transfer-Encoding: gzip\nTransfer-Encoding: identity\n\n",
    OK .. "Transfer-Encoding: gzip\nTransfer-Encoding: identity\n"
      .. "Content-Length: 2\n\n" },
  { NO_CHUNK,
    CHUNKED .. "\n", CHUNKED .. "g\n", CHUNKED .. "-1\n", CHUNKED .. "+1\n",
    CHUNKED .. " 1\n", CHUNKED .. "0x1\n", CHUNKED .. "1 1\n",
    CHUNKED .. "1,a\n", CHUNKED .. "1\0\n", CHUNKED .. "1\r\r\n",
    CHUNKED .. ";a\n", CHUNKED .. "hi\n", CHUNKED .. "1\nab\n",
    CHUNKED .. "1\na0\n", CHUNKED .. "1\na \n", CHUNKED .. "1\na\n\n",
    CHUNKED .. "2\nhi\nx\n" },
  { NO_TRAILER,
    CHUNKED .. "0\na\n", CHUNKED .. "0\n: a\n", CHUNKED .. "0\na b: c\n",
    CHUNKED .. "0\na: b\0\n", CHUNKED .. "0\na: b\rc\n",
    CHUNKED .. "0\na: b\nc\n", CHUNKED .. "1\na\n0\n0\n" },
  { "the server switched protocols",
    "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
    "HTTP/1.1 100 Continue\n\nHTTP/1.1 101 x\n\n" },
  { "too many interim answers",
    ("HTTP/1.1 100 x\n\n"):rep(17), ("HTTP/1.1 199 x\na: b\n\n"):rep(17) },
}

-- Nothing makes a refused answer good again.
local function check_failed(reader, reason)
  for _, more in ipairs { "", "\r\n", "\r\n\r\n", OK .. "\n" } do
    local done, why = reader:feed(more)
    assert.is_nil(done)
    assert.are.equal(reason, why)
  end
  local done, why = reader:eof()
  assert.is_nil(done)
  assert.are.equal(reason, why)
  assert.is_false((select(4, reader:response())))
end

local function check_refused(bytes, reason)
  local results = feeding.results(bytes, false, false, SPLITS)
  assert.are.equal(1, #results, table.concat(results, "\n\n"))
  local failed = "failed: " .. reason .. "\nnot reusable"
  assert.are.equal(failed, results[1]:sub(-#failed))
  local reader = core.reader()
  reader:feed(bytes)
  check_failed(reader, reason)
  reader:reset()
  assert.is_true(reader:feed("HTTP/1.1 204 x\r\n\r\n"))
end

-- The stream ends within it: never a success.
local function check_ends(bytes)
  for n = 0, #bytes do
    local reader = core.reader()
    reader:feed(bytes:sub(1, n))
    assert.is_nil((reader:eof()))
    assert.is_false((select(4, reader:response())))
  end
end

describe("core.reader refuses", function()
  for _, case in ipairs(refused) do
    for i = 2, #case do
      local text = case[i]
      it(("%q: %s"):format(text:sub(-40), case[1]), function()
        for _, bytes in ipairs { text, (text:gsub("\n", "\r\n")) } do
          check_refused(bytes, case[1])
          check_ends(bytes)
        end
      end)
    end
  end

  it("an answer of any single byte but H", function()
    for b = 0, 255 do
      local done = core.reader():feed(string.char(b))
      if b == 72 then
        assert.is_false(done)
      else
        assert.is_nil(done)
      end
    end
  end)

  it("framing that is wrong even where there is no body", function()
    local done = core.reader(true):feed(
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
    assert.is_nil(done)
  end)

  it("what is random, without a crash", function()
    local random, reader = 1, core.reader()
    for _ = 1, 3000 do
      local bytes = { "HTTP/1.1 200 OK\r\n" }
      for i = 2, 30 do
        random = random * 16807 % 2147483647
        bytes[i] = ({ "\r\n", "\n", " ", ":", "a", "0", "5", "\0", "\r",
          "Content-Length:", "Transfer-Encoding:chunked", "Connection:close",
          "\t", ";", ",", "\255" })[random % 16 + 1]
      end
      reader:reset()
      reader:feed(table.concat(bytes))
      reader:response()
      reader:eof()
      reader:response()
    end
  end)
end)
