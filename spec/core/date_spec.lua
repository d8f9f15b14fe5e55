-- date_spec.lua - core.date: seconds since the epoch -> "20150830T123600Z"

local core = require "iotdataplane.core"

local floor, huge = math.floor, math.huge

local DAY = 86400
local LAST = 253402300799 -- the last second of the year 9999
local FIRST = -62167219200 -- the first one of the year 0

-- seconds, date: as Python's datetime says (year 0: 400 years later)
local dates = {
  { 0, "19700101T000000Z" }, { -0.0, "19700101T000000Z" },
  { 0.999, "19700101T000000Z" }, { 1, "19700101T000001Z" },
  { 59, "19700101T000059Z" }, { 60, "19700101T000100Z" },
  { 3599, "19700101T005959Z" }, { 3600, "19700101T010000Z" },
  { 86399, "19700101T235959Z" }, { 86400, "19700102T000000Z" },
  { 1440938160, "20150830T123600Z" }, { 1440938160.75, "20150830T123600Z" },
  { 951782399, "20000228T235959Z" }, { 951782400, "20000229T000000Z" },
  { 951868800, "20000301T000000Z" }, { 1077926400, "20040228T000000Z" },
  { 1078012800, "20040229T000000Z" }, { 1078099200, "20040301T000000Z" },
  { 1014854399, "20020227T235959Z" }, { 1014940800, "20020301T000000Z" },
  { 4107456000, "21000228T000000Z" }, { 4107542400, "21000301T000000Z" },
  { -2203977600, "19000228T000000Z" }, { -2203891200, "19000301T000000Z" },
  { 2147483647, "20380119T031407Z" }, { 2147483648, "20380119T031408Z" },
  { 4294967295, "21060207T062815Z" }, { 4294967296, "21060207T062816Z" },
  { 1709164800, "20240229T000000Z" }, { 1735689599, "20241231T235959Z" },
  { 1735689600, "20250101T000000Z" }, { 13574563200, "24000229T000000Z" },
  { -1, "19691231T235959Z" }, { -0.25, "19691231T235959Z" },
  { -86400, "19691231T000000Z" }, { -86401, "19691230T235959Z" },
  { -2147483648, "19011213T204552Z" }, { -62135596800, "00010101T000000Z" },
  { -62135596801, "00001231T235959Z" }, { -62162035201, "00000229T235959Z" },
  { -62162035200, "00000301T000000Z" }, { FIRST, "00000101T000000Z" },
  { LAST, "99991231T235959Z" }, { LAST + 0.5, "99991231T235959Z" },
  { LAST - DAY, "99991230T235959Z" },
  -- the last number that a double has before the year 10000
  { LAST + 1 - 2 ^ -15, "99991231T235959Z" },
}

local outside = {
  LAST + 1, LAST + 1.5, FIRST - 1, FIRST - 2 ^ -17, 1e15, -1e15, 2 ^ 53,
  2 ^ 63, -2 ^ 63, 2 ^ 64, 1e300, -1e300, huge, -huge, 0 / 0, -(0 / 0),
}

local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- What is wrong in the months of that year, which begins at that second, and
-- the second at which it ends.
local function check_year(year, at, wrong)
  for month = 1, 12 do
    local days = lengths[month]
    if month == 2 and is_leap(year) then days = 29 end
    local text = ("%04d%02d"):format(year, month)
    local first, last = core.date(at), core.date(at + days * DAY - 1)
    if first ~= text .. "01T000000Z" then wrong[#wrong + 1] = first end
    if last ~= text .. days .. "T235959Z" then wrong[#wrong + 1] = last end
    at = at + days * DAY
  end
  return at
end

describe("core.date", function()
  for _, case in ipairs(dates) do
    it("is " .. case[2], function()
      assert.are.equal(case[2], core.date(case[1]))
    end)
  end

  for _, seconds in ipairs(outside) do
    it("refuses " .. tostring(seconds), function()
      local date, reason = core.date(seconds)
      assert.is_nil(date)
      assert.are.equal("the time is outside the years 0 to 9999", reason)
    end)
  end

  it("knows the first and the last second of every month", function()
    local wrong, at = {}, FIRST
    for year = 0, 9999 do at = check_year(year, at, wrong) end
    assert.are.same({}, wrong)
    assert.are.equal(LAST + 1, at)
  end)

  it("knows every minute of a day, and every second of some", function()
    for second = 0, DAY - 1, 7 do
      assert.are.equal(("20150830T%02d%02d%02dZ"):format(
        floor(second / 3600), floor(second / 60) % 60, second % 60),
        core.date(1440892800 + second))
    end
  end)

  it("wants a number", function()
    assert.has_error(function() core.date() end)
    assert.has_error(function() core.date("soon") end)
    assert.has_error(function() core.date({}) end)
  end)
end)
