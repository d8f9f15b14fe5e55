local endpoint = require "iotdataplane.endpoint"
local vectors = require "spec.support.vectors"

local function url_of(options)
  local e, err = endpoint.resolve(options)
  if not e then return nil, err end
  return e.origin .. e.path, e
end

local flags = {
  plain = {}, fips = { fips = true }, dualstack = { dualstack = true },
  both = { fips = true, dualstack = true },
}

local function check_region(row)
  for kind, options in pairs(flags) do
    local url, err = url_of {
      region = row.region, fips = options.fips, dualstack = options.dualstack,
    }
    local failure = row[kind].error
    assert.equal(row[kind].url, url)
    assert.equal(failure and failure.class, err and err.name)
    assert.equal(failure and failure.text, err and err.message)
  end
end

-- What the client does where the rules say something else, or would not say
-- it of a client.
local function check_test(case)
  local params, expected = case.params, case.expect
  if not params then -- "Missing region": a client without one is not made
    return assert.equal("Invalid Configuration: Missing Region",
                        expected.error)
  end
  if params.Endpoint and (params.UseFIPS or params.UseDualStack) then
    -- the client does not tell the rules: region-endpoint.json has it
    expected = { endpoint = { url = params.Endpoint } }
  end
  local url = url_of {
    region = params.Region, endpoint_url = params.Endpoint,
    fips = params.UseFIPS, dualstack = params.UseDualStack,
  }
  assert.equal(expected.endpoint and expected.endpoint.url, url)
end

describe("endpoint.resolve", function()
  local regions = vectors.document "iot-data/region-table.json"
  if not regions then pending("no iot-data/region-table.json") end
  for _, row in ipairs(regions and regions.regions or {}) do
    it("knows " .. row.region, function() check_region(row) end)
  end

  local rules = vectors.document "iot-data/endpoint-tests-1.json"
  for i, case in ipairs(rules and rules.testCases or {}) do
    it(("follows rule %d: %s"):format(i, case.documentation), function()
      check_test(case)
    end)
  end

  for i, case in ipairs(vectors.shared(
      "iot-data/endpoint-tests-observed.json") or {}) do
    -- without a region there is no client: settings.lua sees to that
    if case.boto3_does.url then
      it(("does as seen %d: %s"):format(i, case.documentation), function()
        local params = case.params
        assert.equal(case.boto3_does.url, (url_of {
          region = params.Region, endpoint_url = params.Endpoint,
          fips = params.UseFIPS, dualstack = params.UseDualStack,
        }))
      end)
    end
  end

  for host, region in pairs {
    ["xyz-ats.iot.eu-west-1.amazonaws.com"] = "eu-west-1",
    ["xyz.iot.cn-north-1.amazonaws.com.cn"] = "cn-north-1",
    ["data-ats.iot-fips.us-gov-west-1.amazonaws.com"] = "us-gov-west-1",
    ["data-ats.iot.eu-west-1.api.aws"] = "eu-west-1",
    ["xyz.iot.eu-west-1.example.com"] = "none",
    ["xyz.iot.cn-north-1.amazonaws.com"] = "none",
    ["iot.eu-west-1.amazonaws.com"] = "none", localhost = "none",
  } do
    it("sees the region of " .. host, function()
      assert.equal(region, endpoint.region_of(host) or "none")
    end)
  end

  it("keeps a query, and strips what no connection wants", function()
    local e = endpoint.parse "https://h.example.:0/p/?a=b&c#f"
    assert.same({ "h.example", 443, "/p", "a=b&c", "h.example" },
                { e.host, e.port, e.path, e.query, e.host_header })
  end)

  it("refuses a scheme that is not HTTP's", function()
    local e, err = endpoint.parse "ftp://h"
    assert.is_nil(e)
    assert.equal("HTTPClientError", err.name)
  end)

  it("says what is wrong with a port", function()
    assert.equal("Port could not be cast to integer value as 'x'",
                 select(2, endpoint.parse "http://h:x").message)
    assert.equal("Port out of range 0-65535",
                 select(2, endpoint.parse "http://h:99999").message)
  end)

  local parsed = {
    { "https://example.com", "https", "example.com", 443, "", "example.com" },
    { "http://EXAMPLE.com:80/", "http", "example.com", 80, "", "example.com" },
    { "http://example.com:443", "http", "example.com", 443, "",
      "example.com:443" },
    { "https://h:8443/base/path/", "https", "h", 8443, "/base/path",
      "h:8443" },
    { "http://[::1]:8080", "http", "::1", 8080, "", "[::1]:8080" },
    { "https://user:pw@example.com/x?q#f", "https", "example.com", 443, "/x",
      "example.com" },
  }
  for _, case in ipairs(parsed) do
    it("reads " .. case[1], function()
      local e = assert(endpoint.parse(case[1]))
      assert.same({ case[2], case[3], case[4], case[5], case[6] },
                  { e.scheme, e.host, e.port, e.path, e.host_header })
      assert.is_nil(e.origin:find("pw", 1, true))
    end)
  end

  for _, url in ipairs { "", "example.com", "example.com:8080", "https://",
      "https://a b.example", "https://a_b.example", "https://-x.example",
      "https://x-.example", "https://a..b",
      "http://h\r\nx", "https://" .. ("a"):rep(64) .. ".com" } do
    it(("refuses %q"):format(url), function()
      local e, err = endpoint.parse(url)
      assert.is_nil(e)
      assert.equal("ValueError", err.name)
      assert.equal("Invalid endpoint: " .. url, err.message)
    end)
  end
end)
