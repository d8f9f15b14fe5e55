-- number.lua - a number as Python writes it, to the digit
--
-- Python's repr: floats as short as reads back the same, a point or an
-- exponent in each, whatever the locale.

local format, floor = string.format, math.floor
local math_type = rawget(math, "type") -- Lua 5.3 and later

local EXACT = 2 ^ 53 -- every integer up to it is a double
local SMALLEST_NORMAL = 2.2250738585072014e-308

---The digits and the exponent of "d.ddde+xx", whatever the locale's point.
local function digits_of(text)
  local mantissa, exponent = text:match("^(.-)e([-+]%d+)$")
  return mantissa:gsub("%D", ""), tonumber(exponent)
end

-- C rounds a tie to the even digit, LuaJIT up.
local TIES_GO_UP = format("%.0e", 2.5) ~= "2e+00"

---The nearest decimal of so many digits, and its exponent.
local function nearest(x, precision)
  local digits, exponent = digits_of(format("%." .. precision - 1 .. "e", x))
  if TIES_GO_UP and digits:find("[13579]$") then
    local longer, same = digits_of(format("%." .. precision + 19 .. "e", x))
    if longer:find("^50*$", precision + 1) then
      return longer:sub(1, precision), same
    end
  end
  return digits, exponent
end

---The digits of the decimal one higher in its last place; nil where that
---would be a digit longer.
local function next_up(digits)
  local head, nines = digits:match("^(.-)(9*)$")
  if head == "" then return nil end
  local last = head:byte(-1) + 1
  return head:sub(1, -2) .. string.char(last) .. ("0"):rep(#nines)
end

local function reads_back(digits, exponent, x)
  local point = exponent - #digits + 1
  return tonumber(digits .. "e" .. point) == x
end

local function without_zeros(digits)
  return (digits:gsub("(.)0+$", "%1"))
end

---The shortest digits that read back as x > 0, and their exponent. The
---nearest decimal of a length may not, where x is a power of two, and the
---one above it may.
local function shortest(x)
  local from = x < SMALLEST_NORMAL and 1 or 15
  for precision = from, 17 do
    local digits, exponent = nearest(x, precision)
    if reads_back(digits, exponent, x) then
      return without_zeros(digits), exponent
    end
    local up = next_up(digits)
    if up and reads_back(up, exponent, x) then
      return without_zeros(up), exponent
    end
  end
end

---Python's repr(float): a point, or an exponent below 1e-4 and from 1e16 on.
local function layout(digits, exponent)
  local n = #digits
  if exponent < -4 or exponent >= 16 then
    local rest = n > 1 and "." .. digits:sub(2) or ""
    return format("%s%se%s%02d", digits:sub(1, 1), rest,
                  exponent < 0 and "-" or "+", math.abs(exponent))
  elseif exponent < 0 then
    return "0." .. ("0"):rep(-exponent - 1) .. digits
  elseif n <= exponent + 1 then
    return digits .. ("0"):rep(exponent + 1 - n) .. ".0"
  end
  return digits:sub(1, exponent + 1) .. "." .. digits:sub(exponent + 2)
end

local function encode_float(x)
  if x ~= x or x == math.huge or x == -math.huge then
    return nil, "Out of range float values are not JSON compliant"
  end
  if x == 0 then return 1 / x < 0 and "-0.0" or "0.0" end
  if x < 0 then return "-" .. layout(shortest(-x)) end
  return layout(shortest(x))
end

---Where a Lua has only doubles, a whole one is an integer.
local function is_whole(x)
  if math_type then return math_type(x) == "integer" end
  return x == floor(x) and x > -EXACT and x < EXACT
    and not (x == 0 and 1 / x < 0)
end

---@param x number
---@return string|nil, string|nil # Python's text of it, or nil and a reason
local function number(x)
  if is_whole(x) then return format("%d", x) end
  return encode_float(x)
end

return number
