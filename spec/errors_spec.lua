local errors = require "iotdataplane.errors"
local model = require "iotdataplane.model"

local PYTHON = os.getenv("PYTHON") or "/usr/bin/python3"

-- Python's, that of botocore.parsers, and our own.
local not_botocore = {
  ValueError = true, RuntimeError = true, ResponseParserError = true,
  ApiCallTimeoutError = true,
}

-- Of a service's model, not of botocore's own.
local function is_service(class)
  return class.parent == errors.classes.ClientError
end

---Debian's botocore: name, first parent, text.
local function botocore()
  local pipe = assert(io.popen(PYTHON .. [[ -c '
import botocore.exceptions as x, inspect
for name, c in inspect.getmembers(x, inspect.isclass):
    if issubclass(c, Exception) and c.__module__ == x.__name__:
        print(name, c.__bases__[0].__name__, repr(getattr(c, "fmt", None)))
']]))
  local classes = {}
  for line in pipe:lines() do
    local name, parent, text = line:match("^(%S+) (%S+) (.*)$")
    classes[name] = { parent = parent, text = text }
  end
  pipe:close()
  return classes
end

local function unquoted(text)
  return (text:sub(2, -2):gsub("\\n", "\n"):gsub("\\'", "'"))
end

describe("errors.classes", function()
  it("are botocore's: ancestry and texts", function()
    local theirs, count = botocore(), 0
    for name, class in pairs(errors.classes) do
      if not not_botocore[name] and not is_service(class) then
        local original = assert(theirs[name], name)
        local parent = class.parent and class.parent.name or "Exception"
        assert.equal(original.parent, parent, name)
        if class.text then
          assert.equal(unquoted(original.text), class.text, name)
        end
        count = count + 1
      end
    end
    assert.is_true(count > 30)
  end)

  it("have every class that API.md names", function()
    for name in ([[
      ClientError BotoCoreError HTTPClientError ConnectionError
      EndpointConnectionError ConnectTimeoutError ReadTimeoutError
      ConnectionClosedError SSLError ProxyConnectionError
      ParamValidationError NoRegionError InvalidRegionError
      NoCredentialsError PartialCredentialsError CredentialRetrievalError
      MetadataRetrievalError ProfileNotFound ConfigParseError ConfigNotFound
      InvalidConfigError InvalidRetryModeError InvalidMaxRetryAttemptsError
      InfiniteLoopConfigError UnknownCredentialError TokenRetrievalError
      ApiCallTimeoutError ]]):gmatch("%S+") do
      assert.is_table(errors.classes[name], name)
    end
    for _, name in ipairs(model.exceptions) do
      assert.equal(errors.classes.ClientError, errors.classes[name].parent)
    end
  end)

  it("are shown by their names", function()
    assert.equal("NoRegionError", tostring(errors.classes.NoRegionError))
  end)
end)

describe("an error", function()
  local err = errors.new("ReadTimeoutError", {
    endpoint_url = "https://h/100%25?a=%1",
  })

  it("has boto3's text, whatever stands in its values", function()
    assert.equal('Read timeout on endpoint URL: "https://h/100%25?a=%1"',
                 err.message)
    assert.equal("ReadTimeoutError: " .. err.message, tostring(err))
  end)

  it("is of its class and of those above it", function()
    local classes = errors.classes
    for _, name in ipairs { "ReadTimeoutError", "HTTPClientError",
                            "BotoCoreError" } do
      assert.is_true(err:is_a(name))
      assert.is_true(err:is_a(classes[name]))
    end
    for _, name in ipairs { "ConnectionError", "ClientError", "nonsense" } do
      assert.is_false(err:is_a(name))
    end
  end)

  it("says that nothing was sent, until somebody knows better", function()
    assert.equal("not_sent", err.delivery)
  end)
end)
