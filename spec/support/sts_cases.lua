-- sts_cases.lua - the recorded cases of STS's providers (providers.json), run
-- with stand-ins for the other providers.

local assert = require "luassert"
local assume_role = require "iotdataplane.credentials.assume_role"
local environment = require "iotdataplane.credentials.environment"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local support = require "spec.support.sts"
local vectors = require "spec.support.vectors"
local web_identity = require "iotdataplane.credentials.web_identity"

local cases = {}

local HOME = support.HOME

local function static_keys(world)
  local section = world:profile()
  local key, secret = section.aws_access_key_id, section.aws_secret_access_key
  if section.credential_process then key, secret = "AKP", "SKP" end
  if not key then return nil end
  if not secret then
    return nil, errors.new("PartialCredentialsError", {
      provider = "config-file", cred_var = "aws_secret_access_key",
    })
  end
  return {
    access_key = key, secret_key = secret, token = section.aws_session_token,
    method = "config-file",
  }
end

local function of_profile(world, name)
  local theirs = world:for_profile(name)
  local credentials, err = web_identity.get(theirs)
  if credentials or err then return credentials, err end
  return static_keys(theirs)
end

---A container's answer without what container.lua looks at.
local function of_container(world)
  local answer = assert(world:ask {
    url = "http://169.254.170.2"
      .. world:env "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    headers = { { "accept", "application/json" } },
  })
  local body = json.decode(answer.body)
  return {
    access_key = body.AccessKeyId, secret_key = body.SecretAccessKey,
    token = body.Token, method = "container-role",
  }
end

local function of_source(world, name)
  if name == "Environment" then return environment.get(world) end
  return name == "EcsContainer" and of_container(world) or nil
end

local function in_place(text)
  return (text:gsub("%${DIR}", HOME))
end

local function answers_of(case)
  local out = {}
  for i, answer in ipairs(case.http or {}) do
    local headers, body = {}, answer.body
    for name, value in next, answer.headers or {} do
      headers[#headers + 1] = { name, value }
    end
    if type(body) == "table" then body = json.encode(body) end
    out[i] = { status = answer.status, headers = headers, body = body }
  end
  return out
end

---@param case table of providers.json
---@return table # a world in which other providers are imitated
local function world_of(case)
  local env, files = {}, {}
  for name, value in next, case.env do env[name] = in_place(value) end
  for path, text in next, case.files do
    if type(text) == "string" then
      files[HOME .. "/" .. path] = in_place(text)
    end
  end
  local asked = case.session_args.profile_name
  local made = support.world {
    env = env, files = files, answers = answers_of(case),
    profile_name = asked or "default", is_explicit = asked ~= nil,
    credentials_of_profile = of_profile, credentials_of_source = of_source,
  }
  made.region = case.client_args.region_name or env.AWS_DEFAULT_REGION
    or made:profile().region
  return made
end

---The order of the real chain, as far as these cases need it.
local function chain(world)
  local providers = { environment, assume_role, web_identity }
  if world.is_explicit then table.remove(providers, 1) end
  for _, provider in ipairs(providers) do
    local credentials, err = provider.get(world)
    if credentials or err then return credentials, err end
  end
  return nil, errors.new("NoCredentialsError")
end

-- Errors that are accidents of Python, and what they are here.
local accidents = {
  EOFError = { "InvalidConfigError", "mfa_serial" },
  KeyError = { "CredentialRetrievalError", "has no date as its Expiration" },
  FileNotFoundError = { "CredentialRetrievalError",
                        "token file " .. HOME .. "/tok cannot be read" },
}

local function assert_error(expected, err)
  local accident = accidents[expected.class]
  if accident then
    assert.equal(accident[1], err.name)
    assert.is_truthy(err.message:find(accident[2], 1, true), err.message)
  else
    assert.equal(expected.class, err.name)
    assert.equal(expected.text, err.message)
  end
end

local function assert_credentials(expected, credentials)
  assert.equal(expected.access_key_id, credentials.access_key)
  assert.equal(expected.secret_access_key, credentials.secret_key)
  assert.equal(expected.session_token, credentials.token)
  assert.equal(expected.method, credentials.method)
  if credentials.method ~= "env" then -- 2099-01-01T00:00:00Z
    assert.equal(4070908800, credentials.expiry_time)
  end
end

local function url_of(request, headers)
  return request.scheme .. "://" .. headers.host .. request.path
    .. (request.query ~= "" and "?" .. request.query or "")
end

local ours = { host = true, authorization = true, ["x-amz-date"] = true }

local function assert_headers(expected, headers)
  for name, value in next, headers do
    if not ours[name] then assert.equal(expected[name], value, name) end
  end
  for name, value in next, expected do
    assert.equal(value, headers[name], name)
  end
end

local function assert_form(expected, form)
  for _, pair in ipairs(expected) do
    local name, value = pair[1], pair[2]
    value = value:gsub("EPOCH$", ("%d"):format(math.floor(support.NOW)))
    assert.equal(value, form[name], name)
    form[name] = nil
  end
  assert.same({}, form)
end

local function assert_request(expected, request)
  local headers = support.by_name(request.headers)
  assert.equal(expected.method, request.method)
  assert.equal(expected.url, url_of(request, headers))
  assert_headers(expected.headers, headers)
  assert.same(expected.signed_as, support.signed_as(headers))
  if expected.form then
    assert_form(expected.form, support.form(request.body))
  end
end

---Compares all that a case says of the way to its credentials.
---@param case table
local function check(case)
  local world, expected = world_of(case), case.expected
  local credentials, err = chain(world)
  if expected.error and expected.error.class == "RuntimeError" then
    -- an expired answer: who asked the provider judges
    assert.is_true(credentials.expiry_time < world:now())
  elseif expected.error then
    assert.is_nil(credentials)
    assert_error(expected.error, err)
  else
    assert.is_nil(err)
    assert_credentials(expected.credentials, credentials)
  end
  local requests, asked = world.transport.requests, expected.requests or {}
  assert.equal(#asked, #requests)
  for i, request in ipairs(asked) do assert_request(request, requests[i]) end
  assert.equal(expected.sleep_count or 0, #world.transport.sleeps)
end

---Makes tests of the recorded cases whose names begin so. The functions are
---busted's.
function cases.recorded(it, pending, prefix)
  local function it_if(name, test)
    if name:sub(1, #prefix) == prefix then it(name, test) end
  end
  vectors.each(it_if, pending, "config/providers.json", check)
end

return cases
