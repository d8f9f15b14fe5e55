-- date.lua - dates as text -> seconds since the epoch

local date = {}

local floor = math.floor

---Days from 1970-01-01 to a date of the proleptic Gregorian calendar, in
---years that begin in March (H. Hinnant's days_from_civil).
local function days_from_civil(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = floor(year / 400)
  local of_era = year - era * 400
  local of_year = floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + floor(of_era / 4)
    - floor(of_era / 100) + of_year - 719468
end

local function seconds(year, month, day, hour, minute, second)
  if month < 1 or month > 12 or day < 1 or day > 31 or hour > 23
     or minute > 59 or second >= 61 then
    return nil
  end
  return ((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60
    + second
end

---Seconds by which a zone is before UTC; nil where it is none. No zone is
---UTC, which is what AWS means.
local function zone_of(text)
  if text == "" or text == "Z" or text == "z" or text == "UTC" then
    return 0
  end
  local sign, hours, minutes = text:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return nil end
  local offset = hours * 3600 + minutes * 60
  return sign == "+" and offset or -offset
end

---@param text any "2015-08-30T12:36:00Z", with a fraction or another zone,
---or with a space for the T
---@return number|nil # seconds since the epoch; nil where it is no such date
function date.from_iso(text)
  if type(text) ~= "string" then return nil end
  local year, month, day, hour, minute, second, zone = text:match(
    "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d%.?%d*)%s*(.*)$")
  if not year then return nil end
  local offset = zone_of(zone)
  local at = offset and seconds(tonumber(year), tonumber(month),
    tonumber(day), tonumber(hour), tonumber(minute), tonumber(second))
  return at and at - offset
end

local months = {}
for name in ("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
    :gmatch "%a+" do
  months[#months + 1], months[name] = name, #months + 1
end

---@param text any "Sun, 30 Aug 2015 12:36:00 GMT", as HTTP has it today
---@return number|nil # seconds since the epoch; nil where it is no such date
function date.from_http(text)
  if type(text) ~= "string" then return nil end
  local day, month, year, hour, minute, second = text:match(
    "^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$")
  if not day or not months[month] then return nil end
  return seconds(tonumber(year), months[month], tonumber(day),
    tonumber(hour), tonumber(minute), tonumber(second))
end

return date
