-- Pages: as botocore's paginators give them, in every Lua.

local cjson = require "cjson"
local core = require "iotdataplane.core"
local iotdataplane = require "iotdataplane"
local stub = require "iotdataplane.transport.stub"
local vectors = require "spec.support.vectors"

local COUNT = tonumber(os.getenv("COUNT") or 1000)
local SEED = os.getenv("SEED") or tostring(math.floor(core.random() * 2 ^ 31))
local PYTHON = os.getenv("PYTHON") or "/usr/bin/python3"

local function client_of(transport, config)
  return iotdataplane.client {
    region_name = "us-east-1", aws_access_key_id = "AK",
    aws_secret_access_key = "SK", transport = transport, config = config,
  }
end

local function body_of(page)
  local text = cjson.encode(page) -- an empty list is {} to it
  return { body = (text:gsub(':{}', ":[]")) }
end

---A transport whose service gives the pages, and then empty ones.
local function service(pages)
  local answers = {}
  for i, page in ipairs(pages) do answers[i] = body_of(page) end
  answers[#answers + 1] = {}
  return stub(answers)
end

local function unescaped(text)
  return (text:gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end))
end

---What was asked for, as botocore's paginator asks its method.
local function asked(transport)
  local out = {}
  for i, request in ipairs(transport.requests) do
    out[i] = {}
    for name, value in request.query:gmatch "([^&=]+)=([^&]*)" do
      value = unescaped(value)
      out[i][name] = name == "maxResults" and tonumber(value) or value
    end
  end
  return out
end

local function without_null(value)
  if type(value) ~= "table" then return value end
  local new = {}
  for key, item in pairs(value) do
    if item ~= cjson.null then new[key] = without_null(item) end
  end
  return new
end

local function walk(pages)
  local given = {}
  local ok, err = pcall(function()
    for page in pages do
      page.ResponseMetadata = nil
      given[#given + 1] = page
    end
  end)
  return given, not ok and err or nil
end

local function paginate(transport, params)
  return client_of(transport):get_paginator "list_retained_messages"
    :paginate(params)
end

local function check(case)
  local expected = case.expected
  local transport = service(case.pages)
  local ok, pages = pcall(paginate, transport, case.params)
  local given, err, resume_token = {}, not ok and pages or nil, nil
  if ok then
    given, err = walk(pages)
    resume_token = pages.resume_token
  end
  if err and not err.name then error(err, 0) end
  local theirs = without_null(expected)
  assert.same(theirs.error, err and { class = err.name, text = err.message })
  assert.same(theirs.requests, asked(transport))
  assert.same(theirs.pages, given)
  assert.equal(theirs.resume_token, resume_token)
  if case.full ~= cjson.null then
    assert.same(without_null(case.full),
      paginate(service(case.pages), case.params):build_full_result())
  end
end

local function record()
  local pipe = assert(io.popen(("%s -B spec/support/record_pages.py %s %d")
    :format(PYTHON, SEED, COUNT)))
  local text = pipe:read "*a"
  pipe:close()
  return vectors.decode(text)
end

local listed = {
  list_retained_messages = { "retainedTopics", "maxResults", {} },
  list_subscriptions = { "subscriptions", "maxResults", { clientId = "c" } },
  list_named_shadows_for_thing = { "results", "pageSize",
                                   { thingName = "t" } },
}

local function topics(...)
  local list = {}
  for i, name in ipairs { ... } do list[i] = { topic = name } end
  return list
end

describe("a paginator", function()
  it(("does what botocore's does, in %d random listings (SEED=%s)")
    :format(COUNT, SEED), function()
    local cases = record()
    assert.equal(COUNT, #cases)
    for i, case in ipairs(cases) do
      local ok, difference = pcall(check, case)
      assert.is_true(ok, ("case %d, SEED=%s: %s"):format(i, SEED,
                                                         tostring(difference)))
    end
  end)

  for name, case in pairs(listed) do
    it("goes through " .. name, function()
      local result, limit, params = case[1], case[2], case[3]
      local transport = service {
        { [result] = name:find "shadows" and { "a", "b" } or topics("a", "b"),
          nextToken = "t1" },
        { [result] = name:find "shadows" and { "c" } or topics "c" },
      }
      local c = client_of(transport)
      assert.is_true(c:can_paginate(name))
      local call = { PaginationConfig = { PageSize = 2 } }
      for key, value in pairs(params) do call[key] = value end
      local count = 0
      for page in c:get_paginator(name):paginate(call) do
        count = count + #page[result]
        assert.equal(200, page.ResponseMetadata.HTTPStatusCode)
      end
      assert.equal(3, count)
      assert.equal(limit .. "=2", transport.requests[1].query)
      assert.equal("nextToken=t1&" .. limit .. "=2",
                   transport.requests[2].query)
      assert.equal(2, #transport.requests)
      assert.equal("table", type(call.PaginationConfig)) -- it is not changed
    end)
  end

  it("is called by hand, too, and gives nil ever after", function()
    local next_page = paginate(service {
      { retainedTopics = topics "a", nextToken = "x" },
      { retainedTopics = topics "b" },
    })
    assert.equal("a", next_page().retainedTopics[1].topic)
    assert.equal("b", next_page().retainedTopics[1].topic)
    assert.is_nil(next_page())
    assert.is_nil(next_page())
  end)

  it("may be crossed by a transport that yields", function()
    local transport = service { { nextToken = "x" }, { nextToken = "y" } }
    local send = transport.send
    function transport.send(...)
      coroutine.yield "waiting"
      return send(...)
    end
    local pages = coroutine.create(function()
      local next_page, count = paginate(transport, {}), 0
      while next_page() do count = count + 1 end
      return count, paginate(transport, {}):build_full_result()
    end)
    local waits, _, said, full = 0, coroutine.resume(pages)
    while said == "waiting" do
      waits = waits + 1
      _, said, full = coroutine.resume(pages)
    end
    assert.equal(3, said)
    assert.same({}, full)
    assert.equal(4, waits)
  end)

  it("asks for the same page again after an error", function()
    local next_page = paginate(stub {
      body_of { retainedTopics = topics "a", nextToken = "x" },
      { status = 404 }, body_of { retainedTopics = topics "b" },
    })
    next_page()
    local ok, err = pcall(next_page)
    assert.is_false(ok)
    assert.equal("ClientError", err.name)
    assert.equal("ListRetainedMessages", err.operation_name)
    assert.equal("b", next_page().retainedTopics[1].topic)
    assert.is_nil(next_page())
  end)

  it("finds out a token that is repeated", function()
    local lines = {}
    local transport = stub { body_of { nextToken = "x" } }
    local pages = client_of(transport, {
      logger = function(level, text)
        if level == "error" then lines[#lines + 1] = text end
      end,
    }):get_paginator "list_retained_messages":paginate()
    assert.truthy(pages())
    assert.truthy(pages())
    for _ = 1, 2 do
      local ok, err = pcall(pages)
      assert.is_false(ok)
      assert.equal("PaginationError", err.name)
      assert.equal("Error during pagination: The same next token was received "
        .. "twice: {'nextToken': 'x'}", err.message)
      assert.equal("ListRetainedMessages", err.operation_name)
      assert.is_true(err:is_a "BotoCoreError")
    end
    assert.equal(2, #transport.requests)
    assert.equal(2, #lines)
  end)

  it("takes a service's own token that looks like botocore's", function()
    for _, text in ipairs { '{"id":1}', "{}", "[]", "5", '"a"' } do
      local token = core.base64_encode(text)
      local transport = service {}
      paginate(transport, { PaginationConfig = { StartingToken = token } })()
      assert.same({ { nextToken = token } }, asked(transport))
    end
  end)

  it("refuses a starting token that is none", function()
    for _, token in ipairs { 5, true, "a___b___c", "\255",
                             core.base64_encode '{"nextToken":5}',
                             core.base64_encode
                               '{"boto_truncate_amount":"x"}' } do
      local ok, err = pcall(paginate, stub(), {
        PaginationConfig = { StartingToken = token },
      })
      assert.is_false(ok)
      assert.equal("ValueError", err.name)
      assert.equal("not_sent", err.delivery)
      assert.truthy(err.message:find "^Bad starting token: ")
    end
  end)
end)

describe("operations without pages", function()
  local c = client_of(stub())

  it("have no paginator", function()
    for _, name in ipairs { "publish", "get_thing_shadow",
                            "send_direct_message" } do
      assert.is_false(c:can_paginate(name))
      local ok, err = pcall(c.get_paginator, c, name)
      assert.is_false(ok)
      assert.equal("OperationNotPageableError", err.name)
      assert.equal("Operation cannot be paginated: " .. name, err.message)
    end
    assert.is_false(c:can_paginate "nonsense")
  end)
end)

describe("misuse of paginators", function()
  local c = client_of(stub())
  local paginator = c:get_paginator "list_retained_messages"

  local cases = {
    { "bad argument #1 to 'get_paginator' (no operation 'x')",
      function() c:get_paginator "x" end },
    { "bad self (use client:get_paginator(name), with a colon)",
      function() c.get_paginator "list_retained_messages" end },
    { "bad self (use client:can_paginate(name), with a colon)",
      function() c.can_paginate "list_retained_messages" end },
    { "bad self (use paginator:paginate{...}, with a colon)",
      function() paginator.paginate {} end },
    { "bad argument #1 to 'paginate' (table expected, got string)",
      function() paginator:paginate "x" end },
    { "bad argument #1 to 'paginate' (PaginationConfig must be a table, "
      .. "got number)",
      function() paginator:paginate { PaginationConfig = 5 } end },
    { "bad argument #1 to 'paginate' (PaginationConfig.MaxItems must be a "
      .. "whole number)",
      function()
        paginator:paginate { PaginationConfig = { MaxItems = 1.5 } }
      end },
    { "bad argument #1 to 'paginate' (PaginationConfig.PageSize must be a "
      .. "whole number)",
      function()
        paginator:paginate { PaginationConfig = { PageSize = "x" } }
      end },
  }

  for _, case in ipairs(cases) do
    it("is told of: " .. case[1], function()
      local ok, text = pcall(case[2])
      assert.is_false(ok)
      assert.equal("spec/pages_spec.lua:N: " .. case[1],
        (text:gsub("^%./", ""):gsub(":%d+:", ":N:")))
    end)
  end
end)
