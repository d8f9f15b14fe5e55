-- feeding.lua - one answer fed to core.reader in many ways: what a reader
-- makes of it must not depend on how it was cut into pieces

local core = require "iotdataplane.core"

local feeding = {}

-- Park and Miller's generator: the same cuts on every Lua, in every run.
local seed = 1

local function random(n)
  seed = seed * 16807 % 2147483647
  return seed % n + 1
end

local function pieces_of(bytes, next_size)
  local pieces, at = {}, 1
  while at <= #bytes do
    local size = next_size()
    pieces[#pieces + 1] = bytes:sub(at, at + size - 1)
    at = at + size
  end
  return pieces
end

function feeding.bytewise(bytes)
  return pieces_of(bytes, function() return 1 end)
end

function feeding.equal(bytes, size)
  return pieces_of(bytes, function() return size end)
end

function feeding.random(bytes)
  local sizes = ({ 2, 7, 40, #bytes + 1 })[random(4)]
  return pieces_of(bytes, function() return random(sizes) end)
end

-- What the reader says of the answer as a whole, as one text. A failed one
-- has no body: how much of it had come is nobody's business.
local function result_of(reader, done, reason)
  local status, _, body, reusable, head = reader:response()
  local headers = core.headers(head)
  local lines = { "status " .. status }
  for _, field in ipairs(headers) do
    lines[#lines + 1] = ("%s = [%s]"):format(field[1], field[2])
  end
  if done == nil then
    lines[#lines + 1] = "failed: " .. tostring(reason)
  else
    lines[#lines + 1] = "body [" .. body .. "]"
    lines[#lines + 1] = done and "done" or "needs more"
  end
  lines[#lines + 1] = reusable and "reusable" or "not reusable"
  return table.concat(lines, "\n")
end

---Feeds the pieces, and the end of the stream where `eof`; the result as a
---text, and what the last call returned.
function feeding.feed(reader, pieces, eof)
  local done, reason = reader:feed("")
  for _, piece in ipairs(pieces) do done, reason = reader:feed(piece) end
  if eof then done, reason = reader:eof() end
  return result_of(reader, done, reason), done, reason
end

---Feeds the bytes whole, byte by byte, and cut at random, `times` over, to a
---new reader and to one that has read before.
---@return table # every result, each once
function feeding.results(bytes, eof, no_body, times)
  local ways = { { bytes }, feeding.bytewise(bytes) }
  for _ = 1, times do ways[#ways + 1] = feeding.random(bytes) end
  local used = core.reader()
  local results, seen = {}, {}
  for _, pieces in ipairs(ways) do
    used:reset(no_body)
    local fresh = core.reader(no_body)
    for _, reader in ipairs { fresh, used } do
      local result = feeding.feed(reader, pieces, eof)
      if not seen[result] then results[#results + 1] = result end
      seen[result] = true
    end
  end
  return results
end

---The text that feeding.feed gives for {status, headers, body, reusable}.
function feeding.expected(status, headers, body, reusable)
  local lines = { "status " .. status }
  for i = 1, #headers, 2 do
    lines[#lines + 1] = ("%s = [%s]"):format(headers[i], headers[i + 1])
  end
  lines[#lines + 1] = "body [" .. body .. "]"
  lines[#lines + 1] = "done"
  lines[#lines + 1] = reusable and "reusable" or "not reusable"
  return table.concat(lines, "\n")
end

return feeding
