-- sign.lua - the work of sign_floor.c through iotdataplane.sign.
-- usage: sign.lua N [token]   prints the last signature
local sign = require "iotdataplane.sign"

local count, with_token = tonumber(arg[1]) or 0, arg[2] == "token"

local HOST = "data-ats.iot.us-east-1.amazonaws.com"
local BODY = '{"device":"sensor-1","temperature":21.%d}'
local NOW = 1440938160 -- 2015-08-30T12:36:00Z

local credentials = {
  access_key = "AKIDEXAMPLE",
  secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  token = with_token and ("IQoJb3JpZ2luX2Vj"):rep(50) or nil, -- 800 bytes
}
local scope = { region = "us-east-1", service = "iotdata" }

local function request(digit)
  return {
    method = "POST", scheme = "https", host = HOST, port = 443,
    path = "/topics/test", query = "", headers = { { "host", HOST } },
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
  signed = assert(sign(requests[i % 10], credentials, scope, NOW))
end
if signed then print((assert(signature(signed), "not signed"))) end
