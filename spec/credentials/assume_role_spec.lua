local assume_role = require "iotdataplane.credentials.assume_role"
local errors = require "iotdataplane.errors"
local cases = require "spec.support.sts_cases"
local support = require "spec.support.sts"

local ROLE = "arn:aws:iam::123456789012:role/r"

local KEYS = { access_key = "AKSRC", secret_key = "SKSRC", method = "x" }

local function new_world(config, changes)
  local fields = {
    config = config,
    answers = { { body = support.answer "AssumeRole" } },
    credentials_of_profile = function() return KEYS end,
    credentials_of_source = function() return KEYS end,
  }
  for name, value in next, changes or {} do fields[name] = value end
  return support.world(fields)
end

---What STS was asked.
local function form_of(config, changes)
  local world = new_world(config, changes)
  assert.is_truthy(assume_role.get(world))
  return support.form(world.transport.requests[1].body), world
end

local function refusal_of(config, changes)
  local world = new_world(config, changes)
  local credentials, err = assume_role.get(world)
  assert.is_nil(credentials)
  return err, world
end

local function role(lines)
  return "[default]\nrole_arn = " .. ROLE .. "\n" .. lines
    .. "\n[profile src]\nregion = x\n"
end

local SOURCED = "source_profile = src\n"

describe("assume_role, as recorded,", function()
  cases.recorded(it, pending, "role-")
end)

describe("assume_role", function()
  local not_configured = {
    ["no such profile"] = "[profile other]\nrole_arn = x\n",
    ["no role_arn"] = "[default]\nsource_profile = src\n",
    ["a web identity"] = role(SOURCED .. "web_identity_token_file = /t"),
  }
  for name, config in pairs(not_configured) do
    it("is not asked to with " .. name, function()
      local credentials, err = assume_role.get(new_world(config))
      assert.is_nil(credentials)
      assert.is_nil(err)
    end)
  end

  it("hands on that the files are malformed", function()
    local err = refusal_of("[default\n")
    assert.equal("ConfigParseError", err.name)
  end)

  local params = {
    { "duration_seconds = 900", "DurationSeconds", "900" },
    { "duration_seconds = +0901", "DurationSeconds", "901" },
    { "duration_seconds = 43200", "DurationSeconds", "43200" },
    { "duration_seconds = 900.5", "DurationSeconds", nil },
    { "duration_seconds = 1e3", "DurationSeconds", nil },
    { "duration_seconds =", "DurationSeconds", nil },
    { "external_id = a b+c/d&e=é", "ExternalId", "a b+c/d&e=é" },
    { "role_session_name = me@x", "RoleSessionName", "me@x" },
    { "role_session_name =", "RoleSessionName",
      "botocore-session-1440938160" },
    { "", "RoleSessionName", "botocore-session-1440938160" },
    { "", "ExternalId", nil },
    { "", "RoleArn", ROLE },
  }
  for _, case in ipairs(params) do
    it(("makes %s = %s of %q"):format(case[2], tostring(case[3]), case[1]),
       function()
      local form = form_of(role(SOURCED .. case[1]))
      assert.equal(case[3], form[case[2]])
      assert.is_nil(form.WebIdentityToken)
    end)
  end

  local DEFAULT_LOOP = "Infinite loop in credential configuration detected. "
    .. "Attempting to load from profile %s which has already been visited. "
    .. "Visited profiles: %s"
  local chain = "[default]\nrole_arn = r\nsource_profile = b\n"
    .. "[profile b]\nrole_arn = r\nsource_profile = c\n"

  local refused = {
    { "both kinds of sources",
      role(SOURCED .. "credential_source = Environment"),
      "InvalidConfigError", 'The profile "default" contains both '
        .. "source_profile and credential_source." },
    { "a source of another case", role "credential_source = environment",
      "InvalidConfigError", 'The credential source "environment" referenced '
        .. 'in profile "default" is not valid.' },
    { "an empty source_profile", role "source_profile =",
      "InvalidConfigError", 'The source_profile "" referenced in the profile '
        .. '"default" does not exist.' },
    { "a source missing behind another", chain, "InvalidConfigError",
      'The source_profile "c" referenced in the profile "b" does not exist.' },
    { "a loop that begins later", chain
        .. "[profile c]\nrole_arn = r\nsource_profile = b\n",
      "InfiniteLoopConfigError",
      DEFAULT_LOOP:format("b", "['default', 'b', 'c']") },
    { "a later profile that is its own source", chain
        .. "[profile c]\nrole_arn = r\nsource_profile = c\n",
      "InfiniteLoopConfigError",
      DEFAULT_LOOP:format("c", "['default', 'b', 'c']") },
    { "a loop to a profile with keys", "[default]\nrole_arn = r\n"
        .. "source_profile = b\naws_access_key_id = A\n[profile b]\n"
        .. "role_arn = r\nsource_profile = default\n",
      "InfiniteLoopConfigError",
      DEFAULT_LOOP:format("default", "['default', 'b']") },
    { "a source without a source", chain .. "[profile c]\nrole_arn = r\n",
      "PartialCredentialsError", "Partial credentials found in assume-role, "
        .. "missing: source_profile or credential_source" },
    { "mfa_serial", role(SOURCED .. "mfa_serial = m"), "InvalidConfigError",
      'The profile "default" has mfa_serial, but multi-factor authentication '
        .. "cannot be asked for here." },
    { "mfa_serial of a source", chain .. "[profile c]\nrole_arn = r\n"
        .. "mfa_serial = m\nsource_profile = x\n", "InvalidConfigError",
      'The profile "c" has mfa_serial, but multi-factor authentication '
        .. "cannot be asked for here." },
    { "a nested value", "[default]\nrole_arn = r\nsource_profile =\n a = b\n",
      "InvalidConfigError", 'The source_profile of the profile "default" is '
        .. "not a text." },
    { "a short role", "[default]\nrole_arn = aws:19-characters-x\n"
        .. SOURCED .. "[profile src]\nregion = x\n",
      "ParamValidationError", "Parameter validation failed:\nInvalid length "
        .. "for parameter RoleArn, value: 19, valid min length: 20" },
    { "all too little", "[default]\nrole_arn =\nexternal_id =\n"
        .. "duration_seconds = 899\nrole_session_name = é\n"
        .. SOURCED .. "[profile src]\nregion = x\n",
      "ParamValidationError", "Parameter validation failed:\nInvalid length "
        .. "for parameter RoleSessionName, value: 1, valid min length: 2\n"
        .. "Invalid length for parameter ExternalId, value: 0, valid min "
        .. "length: 2\nInvalid value for parameter DurationSeconds, value: "
        .. "899, valid min value: 900\nInvalid length for parameter RoleArn, "
        .. "value: 0, valid min length: 20" },
    { "a negative duration", role(SOURCED .. "duration_seconds = -900"),
      "ParamValidationError", "Parameter validation failed:\nInvalid value "
        .. "for parameter DurationSeconds, value: -900, valid min value: "
        .. "900" },
  }
  for _, case in ipairs(refused) do
    it("refuses " .. case[1], function()
      local err, world = refusal_of(case[2])
      assert.equal(case[3], err.name)
      assert.equal(case[4], err.message)
      assert.same({}, world.transport.requests)
    end)
  end

  it("signs with the source's credentials", function()
    local asked
    local _, world = form_of(role(SOURCED), {
      credentials_of_profile = function(self, name)
        asked = { self.profile_name, name }
        return { access_key = "AK9", secret_key = "S", token = "T9" }
      end,
    })
    assert.same({ "default", "src" }, asked)
    local headers = support.by_name(world.transport.requests[1].headers)
    assert.equal("AK9", support.signed_as(headers).access_key_id)
    assert.equal("T9", headers["x-amz-security-token"])
  end)

  for _, name in ipairs { "Environment", "EcsContainer",
                          "Ec2InstanceMetadata" } do
    it("asks the world for credentials of " .. name, function()
      local asked
      form_of(role("credential_source = " .. name), {
        credentials_of_source = function(_, source)
          asked = source
          return KEYS
        end,
      })
      assert.equal(name, asked)
    end)
  end

  local failing = {
    credentials_of_profile = role(SOURCED),
    credentials_of_source = role "credential_source = Ec2InstanceMetadata",
  }
  for method, config in pairs(failing) do
    it("hands on the error of " .. method, function()
      local failure = errors.new("NoRegionError")
      local err = refusal_of(config, {
        [method] = function() return nil, failure end,
      })
      assert.equal(failure, err)
    end)
  end

  it("says where no credentials were found", function()
    local function none() return nil end
    local err = refusal_of(role(SOURCED), { credentials_of_profile = none })
    assert.equal('The source profile "src" must have credentials.',
      err.message)
    err = refusal_of(role "credential_source = Ec2InstanceMetadata",
      { credentials_of_source = none })
    assert.equal("Error when retrieving credentials from "
      .. "Ec2InstanceMetadata: No credentials found in credential_source "
      .. "referenced in profile default", err.message)
  end)

  it("does not try a communication error of its own again", function()
    local err, world = refusal_of(role(SOURCED), { answers = {
      { status = 400, body = support.error("IDPCommunicationError", "no") },
    } })
    assert.equal("IDPCommunicationErrorException", err.name)
    assert.equal(1, #world.transport.requests)
  end)

  it("follows a chain from its end to its beginning", function()
    local world = new_world(chain:gsub("_arn = r", "_arn = " .. ROLE)
      .. "[profile c]\naws_access_key_id = A\nrole_arn = never\n", {
        answers = {
          { body = support.answer("AssumeRole", { AccessKeyId = "ONE" }) },
          { body = support.answer("AssumeRole", { AccessKeyId = "TWO" }) },
        },
      })
    assert.equal("TWO", assume_role.get(world).access_key)
    local keys = {}
    for i, request in ipairs(world.transport.requests) do
      local headers = support.by_name(request.headers)
      keys[i] = support.signed_as(headers).access_key_id
    end
    assert.same({ "AKSRC", "ONE" }, keys)
  end)

  it("stops where a link of the chain is refused", function()
    local err, world = refusal_of(chain:gsub("_arn = r", "_arn = " .. ROLE)
      .. "[profile c]\naws_access_key_id = A\n", { answers = {
        { status = 403, body = support.error("AccessDenied", "no") },
      } })
    assert.equal("ClientError", err.name)
    assert.equal(1, #world.transport.requests)
  end)
end)
