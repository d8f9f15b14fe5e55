-- process.lua - credentials that a program prints: credential_process

local date = require "iotdataplane.date"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local python = require "iotdataplane.python"
local shell_words = require "iotdataplane.shell_words"

local process = {}

local METHOD = "custom-process"
local MAX_SHOWN = 1000 -- bytes of what a program says on stderr
local MAX_VERSION = 20 -- bytes

local function failed(reason)
  return nil, errors.new("CredentialRetrievalError", {
    provider = METHOD, error_msg = reason,
  })
end

---@param line any the profile's credential_process
---@return table|nil, table|nil # the program and its arguments, or nil and an
---error
local function words_of(line)
  if type(line) ~= "string" then
    return failed "credential_process is no command, but has settings"
  end
  local words, reason = shell_words.split(line)
  if not words then
    return nil, errors.new("ValueError", { error_msg = reason })
  end
  if #words == 0 then return failed "credential_process is empty" end
  return words
end

---No more than that many bytes, and no half of a character at the end.
local function shortened(text, most)
  if #text <= most then return text end
  while most > 0 and text:find("^[\128-\191]", most + 1) do most = most - 1 end
  return text:sub(1, most)
end

local function ending_of(status)
  if status < 0 then return ("was killed by signal %d"):format(-status) end
  return ("ended with status %d"):format(status)
end

---As in botocore the error is what the program says, were it nothing at all.
local function error_of(world, result)
  world:log("warning", "credential_process " .. ending_of(result.status))
  return failed(shortened(result.stderr, MAX_SHOWN))
end

---@return string|nil, table|nil # what it printed, or nil and an error
local function output_of(world, words)
  local result, reason, err = world:run(words)
  if err then return nil, err end
  if not result then return failed("credential_process: " .. reason) end
  if result.status and result.status ~= 0 then
    return error_of(world, result)
  end
  return result.stdout
end

---A version is shown; what is none may hold a secret.
local function shown_version(version)
  if version == nil then return "<Version key not provided>" end
  if type(version) == "table" then return "<no number>" end
  return shortened(python.str(version), MAX_VERSION)
end

local function parse(text)
  if text == "" then return failed "credential_process printed nothing" end
  local answer = json.decode(text)
  if answer == nil then
    return failed "credential_process printed what is not JSON"
  elseif not text:find "^%s*{" then
    return failed "credential_process printed JSON that is no object"
  elseif answer.Version ~= 1 then
    return failed(("Unsupported version '%s' for credential process "
      .. "provider, supported versions: 1"):format(
        shown_version(answer.Version)))
  end
  return answer
end

---@return string|nil # what is wrong
local function wrong_in(answer)
  for _, key in ipairs { "AccessKeyId", "SecretAccessKey" } do
    if answer[key] == nil then
      return ("Missing required key in response: '%s'"):format(key)
    elseif type(answer[key]) ~= "string" then
      return key .. " in the response is no string"
    end
  end
  for _, key in ipairs { "SessionToken", "Expiration" } do
    local value = answer[key]
    if value == json.null then value = nil end
    if value ~= nil and type(value) ~= "string" then
      return key .. " in the response is no string"
    end
  end
end

---A text that is not empty.
local function text_of(value)
  return type(value) == "string" and value ~= "" and value or nil
end

---@return table|nil, table|nil # credentials, or nil and an error
local function credentials_of(answer, profile)
  local reason = wrong_in(answer)
  if reason then return failed(reason) end
  local expiry_time
  if type(answer.Expiration) == "string" then
    expiry_time = date.from_iso(answer.Expiration)
    if not expiry_time then
      return failed "Expiration in the response is no date"
    end
  end
  return {
    access_key = answer.AccessKeyId, secret_key = answer.SecretAccessKey,
    token = text_of(answer.SessionToken), expiry_time = expiry_time,
    account_id = text_of(answer.AccountId)
      or text_of(profile.aws_account_id),
    method = METHOD,
  }
end

---@param world table
---@return table|nil, table|nil # credentials, nil, or nil and an error
function process.get(world)
  local profile, words, text, answer, err
  profile, err = world:profile()
  if not profile then return nil, err end
  if profile.credential_process == nil then return nil end
  words, err = words_of(profile.credential_process)
  if words then text, err = output_of(world, words) end
  if text then answer, err = parse(text) end
  if not answer then return nil, err end
  return credentials_of(answer, profile)
end

return process
