local alone = require "spec.transport_alone"
local contract = require "spec.transport_contract"
local new = require "iotdataplane.transport.multi"

local function new_transport(changes)
  local options = { max_idle_time = 50, max_pool_connections = 10 }
  for name, value in next, changes or {} do options[name] = value end
  return new(options)
end

describe("the multi transport", function()
  contract(new_transport, { client_certificate = true, late_alert = true })
end)

describe("the multi transport by poll", function()
  contract(function() return new_transport { by_poll = true } end,
    { client_certificate = true, late_alert = true })
end)

describe("the multi transport alone", function() alone "multi" end)
