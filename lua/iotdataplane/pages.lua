-- pages.lua - what an operation lists, page by page
--
-- After botocore's paginators (botocore/paginate.py): its options, its result
-- and its tokens, which either side may resume from.

local core = require "iotdataplane.core"
local errors = require "iotdataplane.errors"
local json = require "iotdataplane.json"
local python = require "iotdataplane.python"

local NO_TOKEN = "None" -- botocore takes it for Python's

-- ---- tokens: where to resume ----

---botocore's, to the byte: the service's own token, and how many items of its
---page were given already.
local function encode_token(name, token, skip)
  local text = ('{"%s": %s'):format(name, json.encode(token or json.null))
  if skip then text = ('%s, "boto_truncate_amount": %d'):format(text, skip) end
  return core.base64_encode(text .. "}")
end

---The object that a token of botocore's is; nil for any other.
local function object_of(name, text)
  local plain = core.base64_decode(text)
  local object = plain and plain:find "^%s*{" and json.decode(plain)
  if type(object) ~= "table" then return nil end
  for key in next, object do
    if key ~= name and key ~= "boto_truncate_amount" then return nil end
  end
  return next(object) ~= nil and object or nil
end

local function bad_token(text)
  return nil, errors.new("ValueError", {
    error_msg = "Bad starting token: " .. python.str(text),
  })
end

---A token as botocore once wrote them, "abc___2", or one of the service's.
local function plain_token(text)
  if not json.is_utf8(text) then return bad_token(text) end
  local token, skip = text:match "^(.-)___%s*(%d+)%s*$"
  if not token then token = text end
  if token:find("___.*___") or skip and token:find("___", 1, true) then
    return bad_token(text)
  end
  return { token = token ~= NO_TOKEN and token or nil, skip = tonumber(skip) }
end

---@return table|nil, table|nil # {token, skip}, or nil and an error
local function decode_token(name, text)
  if type(text) ~= "string" then return bad_token(text) end
  local object = object_of(name, text)
  if not object then return plain_token(text) end
  local token, skip = object[name], object.boto_truncate_amount
  if token == json.null then token = nil end
  if token ~= nil and type(token) ~= "string"
     or skip ~= nil and type(skip) ~= "number" then
    return bad_token(text)
  end
  return { token = token, skip = skip }
end

-- ---- pages ----

local Pages = { __name = "iotdataplane.pages" }
Pages.__index = Pages

local function fail(self, err)
  err.operation_name = self.operation.name
  self.client.world:log("error", tostring(err))
  error(err, 0)
end

---The next page as the service gives it.
local function ask(self)
  local params, by = self.params, self.operation.pages
  -- without a starting token, what the call itself has for it stands
  if self.has_token then
    params[by.token] = self.token ~= NO_TOKEN and self.token or nil
  end
  return self.invoke(self.client, self.name, params)
end

---The items of a list from one to another.
local function slice(list, from, to)
  local new = {}
  for i = from, to do new[#new + 1] = list[i] end
  return new
end

---Leaves out what was given before the starting token was.
local function skip_given(self, page)
  local by = self.operation.pages
  local list, skip = page[by.result], self.skip
  self.skip = 0
  if skip > 0 and list then page[by.result] = slice(list, skip + 1, #list) end
  return skip
end

---Leaves out what would be too many; true where there was any.
local function truncate(self, page, skipped)
  local by = self.operation.pages
  local list = page[by.result] or {}
  local room = self.max_items and self.max_items - self.count
  if not room or #list <= room then return false end
  page[by.result] = slice(list, 1, room)
  self.resume_token = encode_token(by.token, self.token, room + skipped)
  return true
end

---What follows the page: another, or none.
local function advance(self, page)
  local by = self.operation.pages
  self.count = self.count + #(page[by.result] or {})
  local token = page[by.token]
  if token == "" then token = nil end
  if not token then
    self.is_over = true
  elseif self.count == self.max_items then
    self.is_over = true
    self.resume_token = encode_token(by.token, token)
  end
  self.is_repeated = token ~= nil and token == self.previous
  self.previous, self.token, self.has_token = token, token, true
end

---@return table|nil # the next page, as the operation gives it; nil after the
---last; raises as the operation does, and then asks for the same page again
function Pages:__call()
  if self.is_over then return nil end
  if self.is_repeated then
    local name = self.operation.pages.token
    fail(self, errors.new("PaginationError", {
      message = "The same next token was received twice: "
        .. python.str { [name] = self.token },
    }))
  end
  local page = ask(self)
  local skipped = skip_given(self, page)
  if truncate(self, page, skipped) then
    self.is_over = true
  else
    advance(self, page)
  end
  return page
end

---All the pages that are left, as one.
---@return table # {[result] = all items, NextToken = where to resume, if
---MaxItems left some out}
function Pages:build_full_result()
  local by, all = self.operation.pages, {}
  local page = self()
  while page do
    local list = page[by.result]
    if list then
      local items = all[by.result] or {}
      for _, item in ipairs(list) do items[#items + 1] = item end
      all[by.result] = items
    end
    page = self()
  end
  all.NextToken = self.resume_token
  return all
end

-- ---- paginators ----

local Paginator = { __name = "iotdataplane.paginator" }
Paginator.__index = Paginator

---An integer as Python's int() makes it of a number or of digits.
local function count_of(config, name)
  local value = config[name]
  if value == nil then return nil end
  local number = tonumber(value)
  if not number or number % 1 ~= 0 or number < 0 then
    error(("bad argument #1 to 'paginate' (PaginationConfig.%s must be a "
      .. "whole number)"):format(name), 4)
  end
  return number
end

local function config_of(params)
  local config = params.PaginationConfig
  if config == nil then return {} end
  if type(config) == "table" then return config end
  error(("bad argument #1 to 'paginate' (PaginationConfig must be a table, "
    .. "got %s)"):format(type(config)), 4)
end

---A mistake of the programmer's is told of at the line that made it.
local function check_call(self, params)
  if getmetatable(self) ~= Paginator then
    error("bad self (use paginator:paginate{...}, with a colon)", 3)
  elseif params ~= nil and type(params) ~= "table" then
    error(("bad argument #1 to 'paginate' (table expected, got %s)")
      :format(type(params)), 3)
  end
end

local function pages_of(self, params)
  local config, by = config_of(params), self.operation.pages
  local pages = setmetatable({
    client = self.client, invoke = self.invoke, name = self.name,
    operation = self.operation, params = {}, count = 0, skip = 0,
    max_items = count_of(config, "MaxItems"),
  }, Pages)
  for key, value in next, params do pages.params[key] = value end
  pages.params.PaginationConfig = nil
  pages.params[by.limit] = count_of(config, "PageSize")
    or pages.params[by.limit]
  return pages, config.StartingToken
end

---@param params table|nil the operation's, and PaginationConfig = {MaxItems =
---items at most in all, PageSize = of a page, StartingToken = what an earlier
---one's `resume_token` was}
---@return table # call it for the next page, or `for page in` it; its
---`resume_token` says where MaxItems ended it
function Paginator:paginate(params)
  check_call(self, params)
  local pages, text = pages_of(self, params or {})
  if text == nil then return pages end
  local start, err = decode_token(pages.operation.pages.token, text)
  if not start then fail(pages, err) end
  pages.has_token, pages.token = true, start.token
  pages.skip = start.skip or 0
  return pages
end

---@param client table
---@param name string of an operation that has pages
---@param operation table of model.operations
---@param invoke function (client, name, params) -> a page; raises
---@return table # a paginator
local function paginator(client, name, operation, invoke)
  return setmetatable({
    client = client, name = name, operation = operation, invoke = invoke,
  }, Paginator)
end

return paginator
