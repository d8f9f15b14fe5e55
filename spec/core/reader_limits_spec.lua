-- reader_limits_spec.lua - core.reader: how long a line, a head and a body
-- may be, and how many answers may come before the last one. At a limit all
-- is taken, one byte over it is not, however the bytes are cut.

local core = require "iotdataplane.core"
local feeding = require "spec.core.feeding"

-- csrc/iot.h: IOT_MAX_LINE, IOT_MAX_HEAD, IOT_MAX_BODY, IOT_MAX_INTERIM.
-- A line counts with its end, a head with its empty line.
local LINE, HEAD, BODY, INTERIM = 16384, 65536, 16777216, 16

local SPLITS = 4
local PIECE = 65521 -- for what is too long to be fed by bytes; a prime

local rep = string.rep
local OK = "HTTP/1.1 200 OK\r\n"
local EMPTY = "Content-Length: 0\r\n\r\n"
local CHUNKED = OK .. "Transfer-Encoding: chunked\r\n\r\n"

local LONG_LINE = "a line is too long"
local LARGE_HEAD = "the head is too large"
local LARGE_BODY = "the body is too large"

-- A line of `n` bytes that begins and ends so.
local function line(n, start, stop)
  return start .. rep("x", n - #start - #stop) .. stop
end

-- Lines of fields that are `n` bytes together; for n of 100 and more
local function fields(n)
  local lines = {}
  while n >= LINE + 100 do
    lines[#lines + 1] = line(LINE, "a: ", "\r\n")
    n = n - LINE
  end
  lines[#lines + 1] = line(n - 50, "a: ", "\n")
  lines[#lines + 1] = line(50, "b:", "\r\n")
  return table.concat(lines)
end

local function check_done(bytes)
  local results = feeding.results(bytes, false, false, SPLITS)
  assert.are.equal(1, #results)
  assert.is_truthy(results[1]:find("\ndone\nreusable$"))
end

local function check_failed(bytes, reason)
  local results = feeding.results(bytes, false, false, SPLITS)
  assert.are.equal(1, #results)
  assert.is_truthy(
    results[1]:find("failed: " .. reason .. "\nnot reusable", 1, true),
    results[1]:sub(-100))
end

-- name, what comes before the line, its start and end, what comes after it
local lines = {
  { "a status line", "", "HTTP/1.1 200 ", "\r\n", EMPTY },
  { "a status line, LF alone", "", "HTTP/1.1 200 ", "\n", EMPTY },
  { "an interim status line", "", "HTTP/1.1 100 ", "\r\n", "\r\n" .. OK
    .. EMPTY },
  { "a header line", OK, "a: ", "\r\n", EMPTY },
  { "a header line, LF alone", OK, "a: ", "\n", EMPTY },
  { "a header line of a name", OK, "", ":\r\n", EMPTY },
  { "a header line of spaces", OK, "a:", rep(" ", 9000) .. "\r\n", EMPTY },
  { "a folded line", OK .. "a: b\r\n", " ", "\r\n", EMPTY },
  { "a chunk's line", CHUNKED, "1;", "\r\n", "a\r\n0\r\n\r\n" },
  { "a chunk's line of zeros", CHUNKED, rep("0", 9000) .. "1;", "\r\n",
    "a\r\n0\r\n\r\n" },
  { "the last chunk's line", CHUNKED .. "1\r\na\r\n", "0;", "\r\n", "\r\n" },
  { "a trailer", CHUNKED .. "0\r\n", "a:", "\r\n", "\r\n" },
}

describe("core.reader's limit of a line", function()
  for _, case in ipairs(lines) do
    local before, start, stop, after = case[2], case[3], case[4], case[5]

    it("is " .. LINE .. " bytes of " .. case[1], function()
      check_done(before .. line(LINE, start, stop) .. after)
      check_failed(before .. line(LINE + 1, start, stop) .. after, LONG_LINE)
    end)

    it("needs no end of " .. case[1], function()
      local unended = start .. rep("x", LINE - #start)
      assert.is_false((core.reader():feed(before .. unended)))
      check_failed(before .. unended .. "x", LONG_LINE)
    end)
  end

  it("is no chunk's", function()
    check_done(CHUNKED .. "10000\r\n" .. rep("x", 65536) .. "\r\n0\r\n\r\n")
  end)
end)

describe("core.reader's limit of a head", function()
  local room = HEAD - #OK - #EMPTY

  it("is " .. HEAD .. " bytes", function()
    check_done(OK .. fields(room) .. EMPTY)
    check_failed(OK .. fields(room + 1) .. EMPTY, LARGE_HEAD)
  end)

  it("counts many lines", function()
    local short = rep("a:\n", 21000)
    check_done(OK .. short .. fields(room - #short) .. EMPTY)
    check_failed(OK .. short .. fields(room + 1 - #short) .. EMPTY,
      LARGE_HEAD)
  end)

  it("counts folded lines", function()
    local folded = "a: b\r\n" .. rep(" c\n", 21000)
    check_done(OK .. folded .. fields(room - #folded) .. EMPTY)
    check_failed(OK .. folded .. fields(room + 1 - #folded) .. EMPTY,
      LARGE_HEAD)
  end)

  it("needs no empty line", function()
    check_failed(OK .. rep("a: b\r\n", 11000), LARGE_HEAD)
  end)

  it("is passed before that of a line, or after it", function()
    local full = OK .. fields(60000)
    check_failed(full .. "a: " .. rep("x", 20000), LARGE_HEAD)
    check_failed(full .. "a: " .. rep("x", 20000) .. "\r\n", LARGE_HEAD)
    check_failed(OK .. fields(20000) .. "a: " .. rep("x", 60000), LONG_LINE)
  end)

  it("includes trailers, but no chunks", function()
    local chunks = "1;" .. rep("x", 9000) .. "\r\na\r\n"
    local body = rep(chunks, 8) .. "0;" .. rep("x", 9000) .. "\r\n"
    local left = HEAD - #CHUNKED - 2
    check_done(CHUNKED .. body .. fields(left) .. "\r\n")
    check_failed(CHUNKED .. body .. fields(left + 1) .. "\r\n", LARGE_HEAD)
  end)

  it("is of each interim answer anew", function()
    local interim = "HTTP/1.1 100 x\r\n"
    interim = interim .. fields(HEAD - #interim - 2) .. "\r\n"
    local bytes = rep(interim, INTERIM) .. OK .. fields(room) .. EMPTY
    for _, pieces in ipairs { { bytes }, feeding.equal(bytes, 1021) } do
      assert.is_true((select(2, feeding.feed(core.reader(), pieces))))
    end
  end)
end)

describe("core.reader's limit of interim answers", function()
  it("is " .. INTERIM, function()
    local interim = "HTTP/1.1 102 x\r\n\r\n"
    check_done(rep(interim, INTERIM) .. OK .. EMPTY)
    check_failed(rep(interim, INTERIM + 1) .. OK .. EMPTY,
      "too many interim answers")
  end)

  it("is of each answer anew", function()
    local reader = core.reader()
    local interim = rep("HTTP/1.1 102 x\r\n\r\n", INTERIM)
    for _ = 1, 3 do
      reader:reset()
      assert.is_true(reader:feed(interim .. OK .. EMPTY))
    end
  end)
end)

describe("core.reader's limit of a body", function()
  local megabyte = rep("x", 1048576)
  local full = rep("x", BODY)
  local chunk = "100000\r\n" .. megabyte .. "\r\n"

  -- name, head, body, whether the stream ends
  local bodies = {
    { "by its length", OK .. "Content-Length: 16777216\r\n\r\n", full },
    { "in one chunk", CHUNKED, "1000000\r\n" .. full .. "\r\n0\r\n\r\n" },
    { "in chunks", CHUNKED, rep(chunk, 16) .. "0\r\n\r\n" },
    { "to the end of the stream", OK .. "\r\n", full, true },
  }

  for _, case in ipairs(bodies) do
    it("is 16 MB " .. case[1], function()
      local bytes = case[2] .. case[3]
      for _, pieces in ipairs { { bytes }, feeding.equal(bytes, PIECE) } do
        local reader, done = core.reader(), nil
        for _, piece in ipairs(pieces) do done = reader:feed(piece) end
        if case[4] then done = reader:eof() end
        assert.is_true(done)
        assert.is_true(full == select(3, reader:response()))
      end
    end)
  end

  local larger = { -- name, bytes; the last one is too much
    { "by its length", OK .. "Content-Length: 16777217\r\n\r\n" },
    { "in one chunk", CHUNKED .. "1000001\r\n" },
    { "in chunks", CHUNKED .. rep(chunk, 16) .. "1\r\na" },
    { "to the end of the stream", OK .. "\r\n" .. full .. "x" },
  }

  for _, case in ipairs(larger) do
    it("is no more " .. case[1], function()
      local bytes = case[2]
      local ways = { { bytes }, feeding.equal(bytes, PIECE),
        { bytes:sub(1, -2), bytes:sub(-1) } }
      for _, pieces in ipairs(ways) do
        local reader, done, reason = core.reader(), nil, nil
        for _, piece in ipairs(pieces) do done, reason = reader:feed(piece) end
        assert.is_nil(done)
        assert.are.equal(LARGE_BODY, reason)
        assert.is_false((select(4, reader:response())))
      end
      assert.is_false((core.reader():feed(bytes:sub(1, -2))))
    end)
  end
end)
