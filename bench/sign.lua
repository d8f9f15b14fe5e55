-- sign.lua - the work of sign_floor.c through iotdataplane.sign.
-- usage: sign.lua N [token | new]   prints the last signature
-- As a publish does it, adding to the headers of a request that is written
-- anew; "new" makes a new request each time, as sign does for everybody else.
local sign = require "iotdataplane.sign"

local count, mode = tonumber(arg[1]) or 0, arg[2]

local HOST = "data-ats.iot.us-east-1.amazonaws.com"
local BODY = '{"device":"sensor-1","temperature":21.%d}'
local NOW = 1440938160 -- 2015-08-30T12:36:00Z

local credentials = {
  access_key = "AKIDEXAMPLE",
  secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  token = mode == "token" and ("IQoJb3JpZ2luX2Vj"):rep(50) or nil, -- 800 bytes
}
local scope = { region = "us-east-1", service = "iotdata" }

local host_header = { "host", HOST }
local in_place = mode ~= "new"

local function request(digit)
  return {
    method = "POST", scheme = "https", host = HOST, port = 443,
    path = "/topics/test", query = "",
    headers = { host_header, in_place and { "authorization", "" } or nil,
                nil, nil, nil, nil },
    body = BODY:format(digit),
  }
end

local function signature(signed)
  for _, header in ipairs(signed.headers) do
    if header[1]:lower() == "authorization" then
      return header[2]:match "Signature=(%x+)$"
    end
  end
end

local requests = {}
for digit = 0, 9 do requests[digit] = request(digit) end

local signed
for i = 0, count - 1 do
  local r = requests[i % 10]
  if in_place then -- without the date and the token
    local headers = r.headers
    headers[3], headers[4] = nil, nil
  end
  signed = sign(r, credentials, scope, NOW, in_place)
  if not signed then error "it could not be signed" end
end
if signed then print((assert(signature(signed), "not signed"))) end
