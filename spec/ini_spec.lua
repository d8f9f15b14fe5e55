-- ini_spec.lua - the syntax of the AWS files

local ini = require "iotdataplane.ini"

-- text, and what botocore's raw_config_parse gives for it
local good = {
  { "", {} },
  { "# a\n  ; b\n\n \t\n", {} },
  { "[a]", { a = {} } },
  { "[a]\nk=v\n[b]\nk: w\n", { a = { k = "v" }, b = { k = "w" } } },
  { "[a]\nKey Two \t=\t v w \t\n", { a = { ["key two"] = "v w" } } },
  { "[a]\nk=x=y:z\nl:x=y\n", { a = { k = "x=y:z", l = "x=y" } } },
  { "[a]\nk=\nl=\n\n\n", { a = { k = "", l = "" } } },
  { "[a]\nk=v # w ; x\n", { a = { k = "v # w ; x" } } },
  { "[a]\nk=%(l)s%%$HOME\n", { a = { k = "%(l)s%%$HOME" } } },
  { "[a]\nk='v'\nl=\"w\"\n", { a = { k = "'v'", l = '"w"' } } },
  -- section names
  { "[ a ]\n[A]\n[a]\n", { [" a "] = {}, A = {}, a = {} } },
  { "[a] b\n  [c]\n[d]] e\n", { a = {}, c = {}, ["d]"] = {} } },
  { "[a]\n[]=v\n[k=v\n", { a = { ["[]"] = "v", ["[k"] = "v" } } },
  { "[a]\nk=v\n[b]\n  l=w\n", { a = { k = "v" }, b = { l = "w" } } },
  -- lines of a value
  { "[a]\nk=v\n w\n\t x = y\n", { a = { k = "v\nw\nx = y" } } },
  { "[a]\nk=v\n\n \n w\n\n[b]\n", { a = { k = "v\n\n\nw" }, b = {} } },
  { "[a]\nk=v\n # no\n;no\n w\n", { a = { k = "v\nw" } } },
  { "[a]\nk=v\n [b]\n", { a = { k = "v\n[b]" } } },
  { "[a]\n k=v\n l=w\n  x\nm=y\n",
    { a = { k = "v", l = "w\nx", m = "y" } } },
  { " [a]\n  k=v\n l=w\n", { a = { k = "v", l = "w" } } },
  -- the ends of lines, and white space
  { "[a]\r\nk=v\r\n w\rl=x", { a = { k = "v\nw", l = "x" } } },
  { "[a]\nk\31=\11v\12\28\n", { a = { k = "v" } } },
  { "[a]\nk=v\11w\12=\28x\n", { a = { k = "v\11w\12=\28x" } } },
  { "[\195\169]\n\195\169=\195\160\n",
    { ["\195\169"] = { ["\195\169"] = "\195\160" } } },
  { "[a]\nk=v\0w\n", { a = { k = "v\0w" } } },
  -- nested settings
  { "[a]\nk =\n  P = q\n  r=s = t:u\nl=w\n",
    { a = { k = { P = "q", r = "s = t:u" }, l = "w" } } },
  { "[a]\nk =\n\n  # no\n  p = q\n\n  p =\n", { a = { k = { p = "" } } } },
  { "[a]\nk =\n  =q\11r=s\28\12t=u\31\n",
    { a = { k = { [""] = "q", r = "s", t = "u" } } } },
  { "[a]\nk=\n  p=q\31r\n", { a = { k = { p = "q\31r" } } } },
  { "[a]\nk=\n  p=q\11 \12r=s\n", { a = { k = { p = "q", r = "s" } } } },
  -- what DEFAULT gives to the others
  { "[DEFAULT]\nk=v\n", {} },
  { "[a]\nk=v\n[DEFAULT]\nk=w\nl=x\n[DEFAULT]\nm=y\n[b]\n",
    { a = { k = "v", l = "x", m = "y" }, b = { k = "w", l = "x", m = "y" } } },
  { "[DEFAULT]\nk=\n  junk\n", {} },
  { "[DEFAULT]\nk=\n  junk\n[a]\nk=v\n", { a = { k = "v" } } },
}

-- text, line and reason
local bad = {
  { "k=SECRET\n[a]\n", 1, "text before the first section" },
  { "# b\n\n  SECRET\n", 3, "text before the first section" },
  { "\239\187\191[a]\n", 1, "text before the first section" },
  { "\239\187\191", 1, "text before the first section" },
  { "[a]\nSECRET\n", 2, "neither a section nor an option" },
  { "[a]\r\n\r\rSECRET\n", 4, "neither a section nor an option" },
  { "[a]\n[]\n", 2, "neither a section nor an option" },
  { "[a]\n[b\n", 2, "neither a section nor an option" },
  { "[a]\n = SECRET\n", 2, "an option without a name" },
  { "[a]\nk=v\n:SECRET\n", 3, "an option without a name" },
  { "[a]\nk=SECRET\n\nK = SECRET\n", 4, "an option stands twice" },
  { "[DEFAULT]\nk=v\n[DEFAULT]\nk=w\n", 4, "an option stands twice" },
  { "[a]\n[b]\n[a]\n", 3, "a section stands twice" },
  { "[a]\nk=v\n[b\255]\n", 3, "not UTF-8" },
  { "[a]\n# \237\160\128\n", 2, "not UTF-8" },
  { "[a]\nk=\n p=q\n # c\n\n SECRET\n", 6, 'a nested line without "="' },
  { "[a]\nk=\n p=q\11SECRET\n", 3, 'a nested line without "="' },
  { "[d]\nk=\n X\n[c]\nk=\n X\n[b]\nk=\n X\n[a]\nk=\n X\n[e]\nk=\n X\n", 3,
    'a nested line without "="' },
  { "[DEFAULT]\nk=\n SECRET\n[a]\n", 3, 'a nested line without "="' },
}

describe("ini.parse", function()
  for _, case in ipairs(good) do
    it(("takes %q"):format(case[1]), function()
      local sections, line, reason = ini.parse(case[1])
      assert.same(case[2], sections or { line, reason })
    end)
  end

  for _, case in ipairs(bad) do
    it(("refuses %q"):format(case[1]), function()
      local sections, line, reason = ini.parse(case[1])
      assert.same({ nil, case[2], case[3] }, { sections, line, reason })
    end)
  end

  it("gives the sections' names in their order", function()
    local _, order = ini.parse("[b]\n[DEFAULT]\n[c]\n[a]\n")
    assert.same({ "b", "c", "a" }, order)
  end)

  it("takes a long line in little time", function()
    local spaces = (" "):rep(200000)
    local text = "[a]\nk = v" .. spaces .. "\n" .. spaces .. "\n"
    local start = os.clock()
    assert.same({ a = { k = "v" } }, (ini.parse(text)))
    assert.is_true(os.clock() - start < 2)
  end)
end)
