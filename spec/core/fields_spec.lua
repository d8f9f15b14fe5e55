-- fields_spec.lua - a response's headers by name: a reader that has read other
-- answers before says what a new one says

local core = require "iotdataplane.core"

-- Park and Miller's generator: the same answers on every Lua, in every run.
local seed = 20150830

local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n + 1
end

local names = { "Date", "date", "Content-Type", "Connection", "X-A", "X-Ab",
                "Set-Cookie", ("Long-"):rep(20) }
local values = { "", "a", "b", "application/json", "keep-alive", "caf\233",
                 ("v"):rep(300) }

---Mostly what the last answer had.
local function change(fields)
  local kind = random(6)
  if kind == 1 or #fields == 0 then
    table.insert(fields, random(#fields + 1),
                 { names[random(#names)], values[random(#values)] })
  elseif kind == 2 then
    table.remove(fields, random(#fields))
  elseif kind == 3 then
    fields[random(#fields)][1] = names[random(#names)]
  elseif kind < 6 then
    fields[random(#fields)][2] = values[random(#values)]
  end
end

local function answer_of(fields)
  local lines = { "HTTP/1.1 204 No Content" }
  for i, field in ipairs(fields) do
    lines[i + 1] = field[1] .. ": " .. field[2]
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

---What the fields are, from the list of headers.
local function expected(head)
  local fields = {}
  for _, h in ipairs(core.headers(head)) do
    local name = h[1]:lower()
    fields[name] = fields[name] and fields[name] .. ", " .. h[2] or h[2]
  end
  return fields
end

local function read(reader, bytes)
  reader:reset()
  assert.is_true(reader:feed(bytes))
  local _, fields, _, _, head = reader:response()
  return fields, head
end

describe("a response's fields", function()
  it("are those of its headers, whatever came before", function()
    local reader, fields = core.reader(), {}
    for _ = 1, 5000 do
      change(fields)
      local got, head = read(reader, answer_of(fields))
      assert.are.same(expected(head), got)
    end
  end)

  it("are a table of their own", function()
    local reader = core.reader()
    local first = read(reader, answer_of { { "A", "1" } })
    first.a, first.b = "changed", "new"
    assert.are.same({ a = "1" }, (read(reader, answer_of { { "A", "1" } })))
  end)

  it("are there in part while the head is", function()
    local reader = core.reader()
    read(reader, answer_of { { "A", "1" }, { "B", "2" } })
    reader:reset()
    assert.is_false(reader:feed("HTTP/1.1 200 OK\r\nA: 1\r\nB"))
    assert.are.same({ a = "1" }, (select(2, reader:response())))
    assert.is_false(reader:feed(": 3\r\n"))
    assert.are.same({ a = "1", b = "3" }, (select(2, reader:response())))
  end)

  it("may be more, and longer, than are remembered", function()
    local reader, fields = core.reader(), {}
    for i = 1, 40 do fields[i] = { "H" .. i, ("x"):rep(i * 20) } end
    for _ = 1, 3 do
      local got, head = read(reader, answer_of(fields))
      assert.are.same(expected(head), got)
      fields[7][2] = fields[7][2] .. "y"
    end
  end)
end)
