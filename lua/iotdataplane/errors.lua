-- errors.lua - the table of exception classes, and the errors made of them
--
-- Names, ancestry and texts are botocore's (botocore/exceptions.py); where a
-- class there has two parents the first one counts. ValueError is Python's,
-- ApiCallTimeoutError our own.

local model = require "iotdataplane.model"
local python = require "iotdataplane.python"

local errors = {}

-- name, parent, text
local declared = {
  { "BotoCoreError", nil, "An unspecified error occurred" },
  { "ClientError" },
  { "ValueError", "BotoCoreError", "{error_msg}" },
  { "RuntimeError", "BotoCoreError", "{error_msg}" },
  { "ValidationError", "BotoCoreError",
    "Invalid value ('{value}') for param {param} of type {type_name} " },
  { "ParamValidationError", "BotoCoreError",
    "Parameter validation failed:\n{report}" },
  -- making a connection, and what comes through it
  { "ConnectionError", "BotoCoreError",
    "An HTTP Client failed to establish a connection: {error}" },
  { "EndpointConnectionError", "ConnectionError",
    'Could not connect to the endpoint URL: "{endpoint_url}"' },
  { "SSLError", "ConnectionError",
    "SSL validation failed for {endpoint_url} {error}" },
  { "ConnectTimeoutError", "ConnectionError",
    'Connect timeout on endpoint URL: "{endpoint_url}"' },
  { "ProxyConnectionError", "ConnectionError",
    'Failed to connect to proxy URL: "{proxy_url}"' },
  { "HTTPClientError", "BotoCoreError",
    "An HTTP Client raised an unhandled exception: {error}" },
  { "ReadTimeoutError", "HTTPClientError",
    'Read timeout on endpoint URL: "{endpoint_url}"' },
  { "ConnectionClosedError", "HTTPClientError",
    "Connection was closed before we received a valid response from "
    .. 'endpoint URL: "{endpoint_url}".' },
  { "ResponseStreamingError", "HTTPClientError",
    "An error occurred while reading from response stream: {error}" },
  { "ApiCallTimeoutError", "BotoCoreError",
    'The call took longer than api_call_timeout on endpoint URL: '
    .. '"{endpoint_url}"' },
  -- region and endpoint
  { "BaseEndpointResolverError", "BotoCoreError",
    "An unspecified error occurred" },
  { "NoRegionError", "BaseEndpointResolverError",
    "You must specify a region." },
  { "EndpointVariantError", "BaseEndpointResolverError",
    "Unable to construct a modeled endpoint with the following variant(s) "
    .. "{tags}: " },
  { "UnknownEndpointError", "BaseEndpointResolverError",
    "Unable to construct an endpoint for {service_name} in region "
    .. "{region_name}" },
  { "InvalidRegionError", "ValidationError",
    "Provided region_name '{region_name}' doesn't match a supported "
    .. "format." },
  { "EndpointProviderError", "BotoCoreError", "{msg}" },
  { "EndpointResolutionError", "EndpointProviderError", "{msg}" },
  -- credentials
  { "NoCredentialsError", "BotoCoreError", "Unable to locate credentials" },
  { "PartialCredentialsError", "BotoCoreError",
    "Partial credentials found in {provider}, missing: {cred_var}" },
  { "CredentialRetrievalError", "BotoCoreError",
    "Error when retrieving credentials from {provider}: {error_msg}" },
  { "MetadataRetrievalError", "BotoCoreError",
    "Error retrieving metadata: {error_msg}" },
  { "UnknownCredentialError", "BotoCoreError",
    "Credential named {name} not found." },
  { "TokenRetrievalError", "BotoCoreError",
    "Error when retrieving token from {provider}: {error_msg}" },
  { "NoAuthTokenError", "BotoCoreError",
    "Unable to locate authorization token" },
  { "RefreshWithMFAUnsupportedError", "BotoCoreError",
    "Cannot refresh credentials: MFA token required." },
  { "SSOError", "BotoCoreError",
    "An unspecified error happened when resolving AWS credentials or an "
    .. "access token from SSO." },
  { "SSOTokenLoadError", "SSOError", "Error loading SSO Token: {error_msg}" },
  { "UnauthorizedSSOTokenError", "SSOError",
    "The SSO session associated with this profile has expired or is "
    .. "otherwise invalid. To refresh this SSO session run aws sso login "
    .. "with the corresponding profile." },
  -- configuration
  { "ProfileNotFound", "BotoCoreError",
    "The config profile ({profile}) could not be found" },
  { "ConfigParseError", "BotoCoreError",
    "Unable to parse config file: {path}" },
  { "ConfigNotFound", "BotoCoreError",
    "The specified config file ({path}) could not be found." },
  { "InvalidConfigError", "BotoCoreError", "{error_msg}" },
  { "InfiniteLoopConfigError", "InvalidConfigError",
    "Infinite loop in credential configuration detected. Attempting to "
    .. "load from profile {source_profile} which has already been visited. "
    .. "Visited profiles: {visited_profiles}" },
  { "InvalidRetryConfigurationError", "BotoCoreError",
    'Cannot provide retry configuration for "{retry_config_option}". Valid '
    .. "retry configuration options are: {valid_options}" },
  { "InvalidRetryModeError", "InvalidRetryConfigurationError",
    'Invalid value provided to "mode": "{provided_retry_mode}" must be one '
    .. "of: {valid_modes}" },
  { "InvalidMaxRetryAttemptsError", "InvalidRetryConfigurationError",
    'Value provided to "max_attempts": {provided_max_attempts} must be an '
    .. "integer greater than or equal to {min_value}." },
  { "InvalidProxiesConfigError", "BotoCoreError",
    "Invalid configuration value(s) provided for proxies_config." },
  { "InvalidIMDSEndpointError", "BotoCoreError",
    "Invalid endpoint EC2 Instance Metadata endpoint: {endpoint}" },
  { "InvalidIMDSEndpointModeError", "BotoCoreError",
    "Invalid EC2 Instance Metadata endpoint mode: {mode} Valid endpoint "
    .. "modes (case-insensitive): {valid_modes}." },
  { "UnsupportedSignatureVersionError", "BotoCoreError",
    "Signature version is not supported: {signature_version}" },
  -- an answer that is not understood
  { "ResponseParserError", "BotoCoreError",
    "Unable to parse response: {error_msg}" },
  -- pages
  { "OperationNotPageableError", "BotoCoreError",
    "Operation cannot be paginated: {operation_name}" },
  { "PaginationError", "BotoCoreError",
    "Error during pagination: {message}" },
}

-- Exceptions of the services that give credentials, by the code on the wire
-- (botocore's sts/2011-06-15/service-2.json and its like).
local others = {
  sts = {
    ExpiredTokenException = "ExpiredTokenException",
    IDPCommunicationError = "IDPCommunicationErrorException",
    IDPRejectedClaim = "IDPRejectedClaimException",
    InvalidIdentityToken = "InvalidIdentityTokenException",
    MalformedPolicyDocument = "MalformedPolicyDocumentException",
    PackedPolicyTooLarge = "PackedPolicyTooLargeException",
    RegionDisabledException = "RegionDisabledException",
  },
}

local class_meta = {
  __name = "iotdataplane.exception",
  __tostring = function(class) return class.name end,
}

---Every exception class by its name: {name, parent, text}.
errors.classes = {}

local function declare(name, parent, text)
  errors.classes[name] = setmetatable({
    name = name, parent = parent and errors.classes[parent], text = text,
  }, class_meta)
end

for _, d in ipairs(declared) do declare(d[1], d[2], d[3]) end
-- Each service's exceptions by their code; nil is IoT's data plane.
local of_service = {}

for _, name in ipairs(model.exceptions) do
  declare(name, "ClientError")
  of_service[name] = name
end
for _, names in next, others do
  for _, name in next, names do declare(name, "ClientError") end
end

---@return table|nil # the class of the data plane's exception of that code
function errors.modelled(code)
  return of_service[code] and errors.classes[of_service[code]]
end

local methods = {}

---@param class table|string a class of `client.exceptions`, or its name
---@return boolean # is the error of that class, or of one under it?
function methods:is_a(class)
  local name = type(class) == "table" and class.name or class
  local at = errors.classes[self.name]
  while at do
    if at.name == name then return true end
    at = at.parent
  end
  return false
end

errors.metatable = {
  __name = "iotdataplane.error",
  __index = methods,
  __tostring = function(e) return e.name .. ": " .. e.message end,
}

---An error of the class, its text filled in with the values; nothing was sent
---unless the caller says otherwise.
function errors.new(name, values)
  local text = errors.classes[name].text
  local message = text:gsub("{([%w_]+)}", function(key)
    return tostring(values[key])
  end)
  return setmetatable({
    name = name, message = message, delivery = "not_sent",
  }, errors.metatable)
end

---The same error for another call, which fills in what it knows itself.
function errors.copy(e)
  local new = {}
  for key, value in next, e do new[key] = value end
  return setmetatable(new, errors.metatable)
end

---A service's error (e.response has Error and ResponseMetadata): its own
---class where the service has one of that code, else ClientError. The text
---is finished by `errors.describe`, when it is known how often it was tried.
---@param service string|nil "sts", ...; nil is IoT's data plane
function errors.from_service(operation_name, response, service)
  local names = service and (others[service] or {}) or of_service
  return setmetatable({
    name = names[response.Error.Code] or "ClientError",
    message = "",
    operation_name = operation_name,
    response = response,
    delivery = "unknown",
  }, errors.metatable)
end

local function retry_info(metadata)
  if not metadata.MaxAttemptsReached then return "" end
  return (" (reached max retries: %d)"):format(metadata.RetryAttempts)
end

---Completes the text of a service's error, once its ResponseMetadata is
---complete.
function errors.describe(e)
  local Error = e.response.Error
  local function shown(value)
    if value == nil then return "Unknown" end
    return python.str(value)
  end
  e.message = "An error occurred (" .. shown(Error.Code)
    .. ") when calling the " .. e.operation_name .. " operation"
    .. retry_info(e.response.ResponseMetadata) .. ": "
    .. shown(Error.Message)
end

return errors
