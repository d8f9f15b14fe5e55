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

---eu-isoe-west-1 has no dual-stack endpoint to botocore's older table, which
---its client still asks first; the rules have one, and we follow them.
local function check_region(row)
  for kind, options in pairs(flags) do
    if row[kind].url then
      assert.equal(row[kind].url, url_of {
        region = row.region, fips = options.fips,
        dualstack = options.dualstack,
      })
    end
  end
end

describe("endpoint.resolve", function()
  local file = io.open((os.getenv("IOTDATAPLANE_VECTORS")
    or "../shared/vectors") .. "/iot-data/region-table.json", "rb")
  if not file then
    pending("no iot-data/region-table.json")
  else
    local table_ = vectors.decode(file:read("*a"))
    file:close()
    for _, row in ipairs(table_.regions) do
      it("knows " .. row.region, function() check_region(row) end)
    end
  end

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
      "https://x-.example", "https://a..b", "http://h:99999", "http://h:x",
      "http://h\r\nx", "https://" .. ("a"):rep(64) .. ".com" } do
    it(("refuses %q"):format(url), function()
      local e, err = endpoint.parse(url)
      assert.is_nil(e)
      assert.equal("ValueError", err.name)
      assert.equal("Invalid endpoint: " .. url, err.message)
    end)
  end
end)
