-- shell_words_spec.lua - words as Python's shlex.split finds them

local shell_words = require "iotdataplane.shell_words"

-- text, and the words or the reason as Python gives them
local cases = {
  { "", {} },
  { "a", { "a" } },
  { "a b", { "a", "b" } },
  { " a\tb\r\n ", { "a", "b" } },
  { "a\vb\fc", { "a\vb\fc" } },
  { "'a'\v\"b\"\f", { "a\vb\f" } },
  { "\"a b\"", { "a b" } },
  { "'a b'", { "a b" } },
  { "\"\"", { "" } },
  { "''", { "" } },
  { "a\"\"", { "a" } },
  { "''b", { "b" } },
  { "\"\" ''", { "", "" } },
  { "a\"b\"c", { "abc" } },
  { "a'b c'd", { "ab cd" } },
  { "\"a\\\"b\"", { "a\"b" } },
  { "\"a\\\\b\"", { "a\\b" } },
  { "\"a\\xb\"", { "a\\xb" } },
  { "\"a\\'b\"", { "a\\'b" } },
  { "'a\\b'", { "a\\b" } },
  { "\"\\\\\"", { "\\" } },
  { "\"\\\\\\\"\"", { "\\\"" } },
  { "a\\ b", { "a b" } },
  { "\\a", { "a" } },
  { "\\\\", { "\\" } },
  { "\\\"", { "\"" } },
  { "\\'", { "'" } },
  { "a\\\nb", { "a\nb" } },
  { "\"a\\\nb\"", { "a\\\nb" } },
  { "# a", { "#", "a" } },
  { "a #b", { "a", "#b" } },
  { "a#b", { "a#b" } },
  { "$x `y` *", { "$x", "`y`", "*" } },
  { "profile \"my profile\"", { "profile", "my profile" } },
  { "é \"à b\"", { "é", "à b" } },
  { "\"", "No closing quotation" },
  { "'", "No closing quotation" },
  { "a \"b", "No closing quotation" },
  { "a 'b", "No closing quotation" },
  { "\"\\", "No escaped character" },
  { "a\\", "No escaped character" },
  { "\\", "No escaped character" },
  { "\"a\\\"", "No closing quotation" },
  { "'\\''", "No closing quotation" },
  { "'a\"b'", { "a\"b" } },
  { "\"a'b\"", { "a'b" } },
  { "a;b|c&d", { "a;b|c&d" } },
}

describe("shell_words.split", function()
  for _, case in ipairs(cases) do
    it(("%q"):format(case[1]), function()
      local words, reason = shell_words.split(case[1])
      assert.same(case[2], words or reason)
      assert.equal(words == nil, reason ~= nil)
    end)
  end

  it("takes NUL for a character", function()
    assert.same({ "a\0b", "c\0" }, shell_words.split("a\0b 'c\0'"))
  end)
end)
