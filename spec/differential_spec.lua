-- Random calls made by Debian's boto3 and by us, in the same run. A failure
-- names the seed: SEED=... repeats it.

local cjson = require "cjson"
local boto3 = require "spec.support.boto3"
local core = require "iotdataplane.core"
local vectors = require "spec.support.vectors"

local COUNT = tonumber(os.getenv("COUNT") or 2000)
local SEED = os.getenv("SEED") or tostring(math.floor(core.random() * 2 ^ 31))
local PYTHON = os.getenv("PYTHON") or "/usr/bin/python3"

local function run(command)
  local status = os.execute(command)
  assert.is_true(status == 0 or status == true, command)
end

local function record(what)
  local path = os.tmpname()
  run(("%s spec/support/record.py --random %s --seed %s --count %d --out %s")
    :format(PYTHON, what, SEED, COUNT, path))
  local file = assert(io.open(path, "rb"))
  local cases = vectors.decode(file:read("*a")).cases
  file:close()
  os.remove(path)
  return cases
end

---What verify.py reads: a request, and whose signature it should bear.
local function to_verify(case, request)
  return cjson.encode {
    method = request.method, scheme = request.scheme, host = request.host,
    port = request.port, path = request.path, query = request.query,
    headers = request.headers,
    body_base64 = core.base64_encode(request.body),
    credentials = case.credentials,
    region = case.client.region, service = "iotdata",
  }
end

---botocore's own verdict on our signatures.
local function verify(lines, names)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(table.concat(lines, "\n"), "\n")
  file:close()
  local pipe = assert(io.popen(PYTHON .. " spec/support/verify.py " .. path))
  local i = 0
  for line in pipe:lines() do
    i = i + 1
    assert.is_true(cjson.decode(line).ok, names[i] .. ": " .. line)
  end
  pipe:close()
  os.remove(path)
  assert.equal(#lines, i)
end

describe("boto3 and we", function()
  local function compare(what)
    local lines, names, compared = {}, {}, 0
    for _, case in ipairs(record(what)) do
      local told = ("%s, SEED=%s"):format(case.name, SEED)
      local params, reason = vectors.params(case)
      local here = vectors.has_integers or case.doubles_only
      assert.truthy(params or not here, reason)
      if params and here then
        local request, err = boto3.request(case, params)
        assert.is_truthy(request, told .. ": " .. tostring(err))
        local ok, difference = pcall(boto3.assert_same, case, request)
        assert.is_true(ok, told .. ": " .. tostring(difference))
        compared = compared + 1
        lines[compared], names[compared] = to_verify(case, request), told
      end
    end
    assert.is_true(compared >= COUNT * (vectors.has_integers and 1 or 0.5))
    verify(lines, names)
  end

  for what, told in pairs { publish = "publish",
                            operations = "the other operations" } do
    it(("send the same for %d random calls of %s (SEED=%s)")
      :format(COUNT, told, SEED), function() compare(what) end)
  end
end)
