-- answer.lua - what the services that answer in JSON have in common: asking
-- them again, reading their fields, and showing what they say

local date = require "iotdataplane.date"

local answer = {}

---Failures of a request after which another may do better.
answer.passing = {
  ReadTimeoutError = true, EndpointConnectionError = true,
  ConnectionClosedError = true, ConnectTimeoutError = true,
}

---Fetches until it is not to be tried again, waiting in between.
---@param world table
---@param attempts integer
---@param pause number seconds
---@param fetch function () -> value, err, whether to try again
---@return any, table|nil # what the last one gave, or nil and an error
function answer.insist(world, attempts, pause, fetch)
  local value, err, again
  for attempt = 1, attempts do
    value, err, again = fetch()
    if not again then return value, err end
    local ok, late = true, nil
    if attempt < attempts then ok, late = world:sleep(pause) end
    if not ok then return nil, late end
  end
  return nil, err
end

---What may be shown of a text: so many bytes, without half a character at
---their end or a control character.
---@param text string
---@param most integer
---@return string
function answer.shown(text, most)
  if #text > most then
    text = text:sub(1, most):gsub("[\192-\255][\128-\191]*$", "")
  end
  return (text:gsub("%c", " "))
end

---What is wrong with the fields of credentials, nil where nothing is; never a
---value.
---@param found table
---@param names table of fields, the last of which is a date
---@param optional string|nil the field that may be empty
---@return string|nil
function answer.fault_of(found, names, optional)
  for _, name in ipairs(names) do
    local value = found[name]
    if value == nil then return name .. " is missing in the answer" end
    if type(value) ~= "string" then return name .. " is not a string" end
    if value == "" and name ~= optional then return name .. " is empty" end
    if value:find("%c") then return name .. " has control characters" end
  end
  local last = names[#names]
  return not date.from_iso(found[last]) and last .. " is not a date" or nil
end

return answer
