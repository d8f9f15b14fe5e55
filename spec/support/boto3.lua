-- boto3.lua - our request for a recorded call, to hold beside boto3's

local cjson = require "cjson"
local core = require "iotdataplane.core"
local iotdataplane = require "iotdataplane"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local assert = require "luassert"

local boto3 = {}

local USER_PROPERTIES = "x-amz-mqtt5-user-properties"

-- Not compared: ours to choose, or new with each call. boto3's
-- accept-encoding is one of API.md's departures.
local own = {
  ["user-agent"] = true, ["amz-sdk-invocation-id"] = true,
  ["accept-encoding"] = true, ["content-length"] = true,
}

local function string_or_nil(value)
  return type(value) == "string" and value or nil
end

function boto3.client(case, transport)
  local c, k = case.client, case.credentials
  return iotdataplane.client {
    region_name = c.region, endpoint_url = string_or_nil(c.endpoint_url),
    aws_access_key_id = k.access_key_id,
    aws_secret_access_key = k.secret_access_key,
    aws_session_token = string_or_nil(k.session_token),
    transport = transport,
    config = {
      use_fips_endpoint = c.use_fips_endpoint == true,
      use_dualstack_endpoint = c.use_dualstack_endpoint == true,
    },
  }
end

---@return string # what boto3's client calls the operation of that name
function boto3.method(name)
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

---@return table|nil, table|nil # the request that the call would send, or
---nil and the error
function boto3.request(case, params)
  local transport = stub({}, vectors.seconds(case.timestamp))
  local _, err = boto3.client(case, transport)
    :try(boto3.method(case.operation), params)
  return transport.requests[1], err
end

local function sorted(pairs_)
  table.sort(pairs_, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  return pairs_
end

local function query_pairs(query)
  local out = {}
  for name, value in query:gmatch("([^&=]+)=([^&]*)") do
    out[#out + 1] = { name, value }
  end
  return sorted(out)
end

local function header_pairs(headers, skip)
  local out = {}
  for _, h in ipairs(headers) do
    local name = h[1]:lower()
    if not own[name] and not (skip and skip[name]) then
      out[#out + 1] = { name, h[2] }
    end
  end
  return sorted(out)
end

local function value_of(headers, name)
  for _, h in ipairs(headers) do
    if h[1]:lower() == name then return h[2] end
  end
end

local function content_length(request)
  local bytes = assert(core.write_request(request.method, request.path,
    request.query, request.headers, request.body))
  return bytes:match("Content%-Length: (%d+)")
end

local function user_properties(headers)
  local value = value_of(headers, USER_PROPERTIES)
  local text = value and vectors.bytes(value)
  return text and cjson.decode("[" .. text .. "]")
end

---Asserts that the request is what boto3 sent. Where the keys of an object
---stood in another order, its JSON is compared decoded, and the signature
---is left to botocore (spec/support/verify.py).
function boto3.assert_same(case, request)
  local wire = case.expected.wire
  local reordered = case.order_sensitive
    and { [USER_PROPERTIES] = true, authorization = true }
  assert.equal(wire.method, request.method)
  assert.equal(wire.path, request.path)
  assert.same(sorted(wire.query), query_pairs(request.query))
  assert.same(header_pairs(wire.headers, reordered),
              header_pairs(request.headers, reordered))
  assert.equal(value_of(wire.headers, "content-length"),
               content_length(request))
  assert.equal(vectors.bytes(wire.body_base64), request.body)
  assert.same(wire.connect, {
    scheme = request.scheme, host = request.host, port = request.port,
  })
  if reordered then
    assert.same(user_properties(wire.headers),
                user_properties(request.headers))
  end
end

return boto3
