-- cached.lua - credentials kept until near their end, and renewed once for
-- everybody who waits
--
-- After botocore's RefreshableCredentials. Who renews holds a lease, whose end
-- moves on with what its provider does; the others use the old credentials
-- while they may, or wait. A lease that ended is taken over, so that a call
-- which was abandoned hangs nobody.

local core = require "iotdataplane.core"
local chain = require "iotdataplane.credentials.chain"
local static = require "iotdataplane.credentials.static"
local errors = require "iotdataplane.errors"

local cached = {}

-- Seconds before the end (botocore/credentials.py).
local ADVISORY = 15 * 60 -- from here on somebody renews
local MANDATORY = 10 * 60 -- and from here on all wait for it

local FIRST_LEASE = 5 -- seconds, for what a provider does before it asks
local PATIENCE = 0.02 -- seconds between looks at somebody else's renewal

-- ---- who shares ----

-- By transport of the user's own, or `everybody`; then by source.
local everybody = {}
local shared = setmetatable({}, { __mode = "k" })
local by_function = setmetatable({}, { __mode = "k" })

-- What credentials may be made of, beside the files.
local variables = {
  "HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ROLE_ARN",
  "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_DISABLED",
  "AWS_EC2_METADATA_V1_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
  "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "AWS_IMDS_USE_IPV6",
  "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO",
  "AWS_ENDPOINT_URL_SSO_OIDC", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
  "AWS_STS_REGIONAL_ENDPOINTS", "AWS_USE_FIPS_ENDPOINT",
  "AWS_USE_DUALSTACK_ENDPOINT", "BOTO_CONFIG",
}

---The same text for the same source: hashed, for there are keys in it.
local function fingerprint(world)
  local config = world.options.config or {}
  local parts = {
    world.profile_name, tostring(world.is_explicit), tostring(world.region),
    tostring(world.verify), tostring(config.use_fips_endpoint),
    tostring(config.use_dualstack_endpoint),
    tostring(config.ignore_configured_endpoint_urls), world.files.texts(),
  }
  for _, name in ipairs(variables) do
    local value = world.getenv(name)
    parts[#parts + 1] = value and name .. "=" .. value or name
  end
  return core.sha256(table.concat(parts, "\0"))
end

local function entry(list, key)
  local value = list[key]
  if not value then
    value = {}
    list[key] = value
  end
  return value
end

---Where the credentials of this world's source are kept.
---@param world table
---@return table # {credentials = what is there now, or nil}
function cached.of(world)
  local options = world.options
  if static.is_given(options) then return {} end
  local owner = type(options.transport) == "table" and options.transport
    or everybody
  local sources = entry(shared, owner)
  if options.credentials then
    return entry(entry(by_function, options.credentials), sources)
  end
  return entry(sources, fingerprint(world))
end

-- ---- renewing ----

local function left_of(credentials, now)
  return credentials.expiry_time and credentials.expiry_time - now
    or math.huge
end

---Must something be done about these before they sign?
---@param credentials table|nil
---@param now number seconds since the epoch
---@return boolean
function cached.is_due(credentials, now)
  if not credentials then return true end
  local till = credentials.expiry_time
  return till ~= nil and till - now < ADVISORY
end

---As the world is to a provider that works for a call.
local function view_of(world, lease, deadline)
  return setmetatable({ lease = lease, deadline = deadline }, {
    __index = world,
  })
end

local function check_fresh(fresh, now)
  if left_of(fresh, now) > 0 then return fresh end
  return nil, errors.new("RuntimeError", {
    error_msg = "Credentials were refreshed, but the refreshed credentials "
      .. "are still expired.",
  })
end

---Keeps what came of it, for the others too; but they have their own time.
local function settle(cache, lease, fresh, err)
  if fresh then cache.credentials = fresh end
  if cache.lease == lease then cache.lease = nil end
  if err and err.name == "ApiCallTimeoutError" then return end
  cache.ended = (cache.ended or 0) + 1
  cache.err = err
end

local function renew(cache, world, is_mandatory, deadline)
  local began = world:monotonic()
  local lease = { till = began + FIRST_LEASE }
  cache.lease = lease
  local fresh, err = chain.get(view_of(world, lease, deadline))
  if fresh then fresh, err = check_fresh(fresh, world:now()) end
  settle(cache, lease, fresh, err)
  if fresh then return fresh end
  local ended = world:monotonic()
  if is_mandatory then return nil, err end
  -- no more than half of the time is spent on what is not urgent
  cache.not_before = ended + (ended - began)
  world:log("warning", "Refreshing temporary credentials failed during "
    .. "advisory refresh period: " .. tostring(err))
  return cache.credentials
end

---What somebody else's renewal, which was waited for, came to.
local function outcome(cache, ended, now)
  if not cache.ended or cache.ended == ended then return nil end
  local kept = cache.credentials
  if kept and left_of(kept, now) >= MANDATORY then return kept end
  if cache.err then return nil, errors.copy(cache.err) end
  return kept
end

local function is_leased(cache, world)
  return cache.lease and cache.lease.till > world:monotonic()
end

local function wait(world, deadline)
  if deadline and world:monotonic() + PATIENCE >= deadline then
    return nil, errors.new("ApiCallTimeoutError", {
      endpoint_url = world.endpoint_url,
    })
  end
  world.transport:sleep(PATIENCE)
  return true
end

---Credentials that are not due, however long that takes; or those that still
---do while somebody sees to it.
---@param cache table of cached.of
---@param world table
---@param deadline number|nil of the call, on `monotonic`
---@return table|nil, table|nil # credentials, or nil and an error
function cached.get(cache, world, deadline)
  local ended = cache.ended
  while true do
    local kept, now = cache.credentials, world:now()
    if not cached.is_due(kept, now) then return kept end
    local is_mandatory = not kept or left_of(kept, now) < MANDATORY
    local found, err = outcome(cache, ended, now)
    if found or err then return found, err end
    if not is_mandatory and (is_leased(cache, world)
       or world:monotonic() < (cache.not_before or -math.huge)) then
      return kept
    elseif not is_leased(cache, world) then
      return renew(cache, world, is_mandatory, deadline)
    end
    found, err = wait(world, deadline)
    if not found then return nil, err end
  end
end

return cached
