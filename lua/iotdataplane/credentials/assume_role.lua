-- assume_role.lua - credentials of the role that a profile names
--
-- After botocore's AssumeRoleProvider. What the role is assumed with comes of
-- other providers, by way of the world.

local errors = require "iotdataplane.errors"
local python = require "iotdataplane.python"
local sts = require "iotdataplane.credentials.sts"

local assume_role = {}

local METHOD = "assume-role"

-- What `credential_source` may be.
local sources = {
  Environment = true, EcsContainer = true, Ec2InstanceMetadata = true,
}

local function invalid(text, ...)
  return nil, errors.new("InvalidConfigError", {
    error_msg = text:format(...),
  })
end

---A profile with a token's file is for web_identity.lua.
local function is_role(profile)
  return profile.role_arn ~= nil and profile.web_identity_token_file == nil
end

local function has_keys(profile)
  return profile.aws_access_key_id ~= nil
    or profile.aws_secret_access_key ~= nil
end

local function contains(list, name)
  for _, item in ipairs(list) do
    if item == name then return true end
  end
end

---A profile may be its own source where it has keys; any other one that was
---visited before is a loop.
local function check_source_profile(walk, parent, name)
  local profile = walk.profiles[name]
  if not profile then
    return invalid('The source_profile "%s" referenced in the profile "%s" '
      .. "does not exist.", name, parent)
  end
  if not contains(walk.visited, name)
     or name == parent and has_keys(profile) then
    return true
  end
  return nil, errors.new("InfiniteLoopConfigError", {
    source_profile = name, visited_profiles = python.str(walk.visited),
  })
end

local assume

local function from_profile(walk, parent, name)
  local ok, err = check_source_profile(walk, parent, name)
  if not ok then return nil, err end
  walk.visited[#walk.visited + 1] = name
  local profile = walk.profiles[name]
  if is_role(profile) and not has_keys(profile) then
    return assume(walk, name)
  end
  local credentials
  credentials, err = walk.world:credentials_of_profile(name)
  if credentials or err then return credentials, err end
  return invalid('The source profile "%s" must have credentials.', name)
end

local function from_source(walk, parent, name)
  if not sources[name] then
    return invalid('The credential source "%s" referenced in profile "%s" is '
      .. "not valid.", name, parent)
  end
  local credentials, err = walk.world:credentials_of_source(name)
  if credentials or err then return credentials, err end
  return nil, errors.new("CredentialRetrievalError", {
    provider = name, error_msg = "No credentials found in credential_source "
      .. "referenced in profile " .. parent,
  })
end

---The credentials that the role of a profile is assumed with.
local function source_of(walk, name, profile)
  local parent, source = profile.source_profile, profile.credential_source
  if parent and source then
    return invalid('The profile "%s" contains both source_profile and '
      .. "credential_source.", name)
  end
  if parent then return from_profile(walk, name, parent) end
  if source then return from_source(walk, name, source) end
  return nil, errors.new("PartialCredentialsError", {
    provider = METHOD, cred_var = "source_profile or credential_source",
  })
end

local keys = {
  "role_arn", "source_profile", "credential_source", "external_id",
  "role_session_name", "duration_seconds",
}

---What cannot be done here, whatever the source is.
local function check_role(name, profile)
  if profile.mfa_serial then
    return invalid('The profile "%s" has mfa_serial, but multi-factor '
      .. "authentication cannot be asked for here.", name)
  end
  for _, key in ipairs(keys) do
    if type(profile[key]) == "table" then
      return invalid('The %s of the profile "%s" is not a text.', key, name)
    end
  end
  return true
end

---What is no whole number is none, as in botocore.
local function duration_of(profile)
  local sign, digits = (profile.duration_seconds or "")
    :match("^%s*([+-]?)0*(%d+)%s*$")
  return digits and (sign == "-" and sign or "") .. digits
end

---In botocore's order.
local function params_of(world, profile)
  local params = {
    { "RoleSessionName", sts.session_name(world, profile.role_session_name) },
  }
  local duration = duration_of(profile)
  if profile.external_id then
    params[#params + 1] = { "ExternalId", profile.external_id }
  end
  if duration then params[#params + 1] = { "DurationSeconds", duration } end
  params[#params + 1] = { "RoleArn", profile.role_arn }
  return params
end

function assume(walk, name)
  local profile = walk.profiles[name]
  local ok, err = check_role(name, profile)
  if not ok then return nil, err end
  local source
  source, err = source_of(walk, name, profile)
  if not source then return nil, err end
  return sts.credentials(walk.world, {
    operation = "AssumeRole", method = METHOD, credentials = source,
    params = params_of(walk.world, profile),
  })
end

---@param world table beside the usual with
---`credentials_of_profile(world, name)` and `credentials_of_source(world,
---name)`, of "Environment", "EcsContainer" and "Ec2InstanceMetadata": both
---give credentials, nil where there are none, or nil and an error
---@return table|nil, table|nil # credentials, nil, or nil and an error
function assume_role.get(world)
  local config, err = world:config()
  if not config then return nil, err end
  local name = world.profile_name
  local profile = config.profiles[name]
  if not profile or not is_role(profile) then return nil end
  return assume({
    world = world, profiles = config.profiles, visited = { name },
  }, name)
end

return assume_role
