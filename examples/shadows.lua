-- shadows.lua - a shadow's life, and a thousand retained messages page by page
--
--   lua examples/shadows.lua [THING [TOPICS]]
--
-- Endpoint, region and credentials come from the environment, as for boto3.
-- What it makes it deletes again: shadows of THING, and what is retained under
-- examples/THING/.

local cjson = require "cjson"
local iotdataplane = require "iotdataplane"

local thing = arg[1] or "iotdataplane-example"
local count = tonumber(arg[2]) or 1000
local prefix = "examples/" .. thing .. "/"
local client

local function say(text, ...)
  print(text:format(...))
end

-- ---- shadows ----

local function update(shadow, document)
  local response = client:update_thing_shadow {
    thingName = thing, shadowName = shadow, payload = cjson.encode(document),
  }
  return cjson.decode(response.payload)
end

local function read(shadow)
  local response =
    client:get_thing_shadow { thingName = thing, shadowName = shadow }
  return cjson.decode(response.payload)
end

---What was read may be old by the time that it is written: with its version
---the write is refused then.
local function conflict(version)
  local response, err = client:try("update_thing_shadow", {
    thingName = thing, shadowName = "climate",
    payload = cjson.encode {
      state = { desired = { celsius = 30 } }, version = version,
    },
  })
  if response then error "a stale version was accepted" end
  if err.name ~= "ConflictException" then error(err, 0) end
  say("Version %d is stale: %s", version, err.response.Error.Message)
end

local function life_of_shadows()
  update("climate", { state = { desired = { celsius = 21 } } })
  local document = read "climate"
  say("The shadow says: %d degrees", document.state.desired.celsius)
  update("climate", { state = { desired = { celsius = 19 } } })
  conflict(document.version)
  update("display", { state = { desired = { text = "hello" } } })
  local pages = client:get_paginator "list_named_shadows_for_thing"
  for page in pages:paginate { thingName = thing } do
    say("Shadows: %s", table.concat(page.results, ", "))
  end
end

-- ---- retained messages ----

local function topic_of(i)
  return ("%s%04d"):format(prefix, i)
end

local function retain(topic, payload)
  client:publish { topic = topic, qos = 1, retain = true, payload = payload }
end

---How many of the retained topics are ours, and on how many pages.
local function count_retained()
  local found, pages = 0, 0
  for page in client:get_paginator "list_retained_messages":paginate {
    PaginationConfig = { PageSize = 200 },
  } do
    pages = pages + 1
    for _, summary in ipairs(page.retainedTopics) do
      local is_ours = summary.topic:sub(1, #prefix) == prefix
      found = found + (is_ours and 1 or 0)
    end
  end
  return found, pages
end

local function is_retained(topic)
  local message, err = client:try("get_retained_message", { topic = topic })
  if message then return true, message end
  if err.name ~= "ResourceNotFoundException" then error(err, 0) end
  return false
end

local function life_of_messages()
  for i = 1, count do retain(topic_of(i), "message " .. i) end
  say("Retained topics: %d, on %d pages", count_retained())
  local _, message = is_retained(topic_of(1))
  say("%s has: %s", message.topic, message.payload)
  retain(topic_of(1), "") -- an empty message deletes what is retained
  say("Deleted; it is %s", is_retained(topic_of(1)) and "there" or "gone")
  say("Retained topics: %d, on %d pages", count_retained())
end

-- ---- and away with them ----

local function tidy()
  for _, shadow in ipairs { "climate", "display" } do
    client:try("delete_thing_shadow",
               { thingName = thing, shadowName = shadow })
  end
  for i = 1, count do retain(topic_of(i), "") end
end

local ok, err = pcall(function()
  client = iotdataplane.client { config = { strict = true } }
  life_of_shadows()
  life_of_messages()
  tidy()
end)

if not ok then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
