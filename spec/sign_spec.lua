local core = require "iotdataplane.core"
local sign = require "iotdataplane.sign"
local vectors = require "spec.support.vectors"

local function credentials_of(case)
  local c = case.credentials
  local token = c.session_token
  return {
    access_key = c.access_key_id, secret_key = c.secret_access_key,
    token = type(token) == "string" and token or nil,
  }
end

local function request_of(case)
  local r = case.request
  return {
    method = r.method, path = r.path, query = r.query, headers = r.headers,
    body = vectors.bytes(r.body_base64),
  }
end

local function value_of(request, name)
  local found
  for _, h in ipairs(request.headers) do
    if h[1]:lower() == name then
      assert.is_nil(found, name .. " is there twice")
      found = h[2]
    end
  end
  return found
end

local function check_whole(case, signed)
  local expected = case.expected
  assert.equal(expected.authorization, value_of(signed, "authorization"))
  for _, list in ipairs { "added_headers", "added_after_signing" } do
    for _, h in ipairs(expected[list] or {}) do
      assert.equal(h[2], value_of(signed, h[1]:lower()))
    end
  end
end

---The headers as they stood when they were signed.
local function as_signed(case, signed)
  local headers = {}
  for _, h in ipairs(signed.headers) do
    local late = case.options.omit_session_token
      and h[1] == "x-amz-security-token"
    if not late then headers[#headers + 1] = h end
  end
  return headers
end

local function check_steps(case, signed, raw)
  local expected = case.expected
  local canonical, names =
    core.canonical_request(signed.method, signed.path, signed.query,
                           as_signed(case, signed), signed.body, raw)
  assert.equal(expected.canonical_request, canonical)
  assert.equal(expected.signed_headers, names)
  local to_sign = core.string_to_sign(canonical, case.region, case.service,
                                      case.timestamp)
  assert.equal(expected.string_to_sign, to_sign)
  assert.equal(expected.signature, core.signature(to_sign,
    case.credentials.secret_access_key, case.region, case.service,
    case.timestamp))
end

describe("sign", function()
  describe("as recorded:", function()
    vectors.each(it, pending, "sigv4/header-signing.json", function(case)
      local options = case.options
      local signed = assert(sign(request_of(case), credentials_of(case), {
        region = case.region, service = case.service,
        normalize_path = options.normalize_path,
        omit_session_token = options.omit_session_token,
        sign_body = options.sign_body,
      }, vectors.seconds(case.timestamp)))
      check_whole(case, signed)
      check_steps(case, signed, not options.normalize_path)
    end)
  end)

  local keys = { access_key = "AK", secret_key = "SK" }
  local scope = { region = "us-east-1", service = "iotdata" }

  local function request()
    return {
      method = "POST", path = "/topics/t", query = "", body = "x",
      headers = { { "host", "h" } }, scheme = "https",
    }
  end

  it("gives a new request and leaves the old one as it was", function()
    local old = request()
    local headers = old.headers
    local new = sign(old, keys, scope, 0)
    assert.are_not.equal(old, new)
    assert.equal(headers, old.headers)
    assert.same(request(), old)
    assert.equal("https", new.scheme)
  end)

  it("replaces what an earlier signature left", function()
    local first = sign(request(), keys, scope, 0)
    assert.same(sign(request(), keys, scope, 86400),
                sign(first, keys, scope, 86400))
  end)

  it("signs in place, too, and writes an authorization anew", function()
    local old, token = request(), { access_key = "AK", secret_key = "SK",
                                    token = "T" }
    local headers = old.headers
    for _ = 1, 3 do -- more of ours than are made anew
      for _, name in ipairs { "Authorization", "X-Amz-Date",
          "x-amz-security-token" } do
        headers[#headers + 1] = { name, "stale" }
      end
    end
    headers[#headers + 1] = { "x-amz-z", "kept" }
    local expected = sign(old, token, scope, 0)
    assert.equal(old, (sign(old, token, scope, 0, true)))
    assert.equal(headers, old.headers)
    local authorization = table.remove(expected.headers)
    table.insert(expected.headers, 2, { "Authorization", authorization[2] })
    assert.same(expected.headers, headers)
    assert.equal(5, #headers)
  end)

  it("signs in place what it signs elsewhere, however many headers", function()
    for count, fits in pairs { [124] = true, [125] = false } do
      local old = request()
      for i = #old.headers + 1, count do
        old.headers[i] = { "x-amz-meta-" .. i, "v" }
      end
      assert.equal(fits, sign(old, keys, scope, 0) ~= nil)
      table.insert(old.headers, 2, { "authorization", "" })
      assert.equal(fits, sign(old, keys, scope, 0, true) ~= nil)
    end
  end)

  it("drops the kept key with the secret, the day, the scope", function()
    local function authorization(secret, region, service, now)
      local signed = sign(request(),
        { access_key = "AK", secret_key = secret },
        { region = region, service = service }, now)
      return value_of(signed, "authorization")
    end
    local variants = {
      { "SK", "r", "s", 0 }, { "SL", "r", "s", 0 }, { "SK", "q", "s", 0 },
      { "SK", "r", "t", 0 }, { "SK", "r", "s", 86400 },
      { "SKr", "", "s", 0 }, { "SK", "rs", "", 0 },
    }
    local before, seen = {}, {}
    for i, v in ipairs(variants) do
      before[i] = authorization(v[1], v[2], v[3], v[4])
      assert.is_nil(seen[before[i]])
      seen[before[i]] = true
    end
    for i = #variants, 1, -1 do
      local v = variants[i]
      assert.equal(before[i], authorization(v[1], v[2], v[3], v[4]))
    end
  end)

  it("does not sign what botocore leaves out", function()
    local r = request()
    for _, name in ipairs { "User-Agent", "Connection", "Expect",
        "Transfer-Encoding", "X-Amzn-Trace-Id", "amz-sdk-request",
        "amz-sdk-invocation-id" } do
      r.headers[#r.headers + 1] = { name, "x" }
    end
    assert.truthy(value_of(sign(r, keys, scope, 0), "authorization")
      :find("SignedHeaders=host;x-amz-date,", 1, true))
  end)

  it("refuses control bytes in credentials, and does not show them",
     function()
    for name in pairs { access_key = 1, secret_key = 1, token = 1 } do
      for _, byte in ipairs { "\r", "\n", "\0", "\127", "\t" } do
        local wrong = { access_key = "AK", secret_key = "SK", token = "T" }
        wrong[name] = "hidden" .. byte
        local signed, err = sign(request(), wrong, scope, 0)
        assert.is_nil(signed)
        assert.equal("ParamValidationError", err.name)
        assert.is_nil(err.message:find("hidden", 1, true))
        assert.truthy(err.message:find("aws_", 1, true))
      end
    end
  end)
end)
