-- shell_words.lua - a text's words, as a POSIX shell quotes them
--
-- What Python's shlex.split gives: no comments, no expansion.

local shell_words = {}

-- One for each first character of a piece: (text, at) -> the piece and where
-- it ends, or nil and the reason. `at` is that of the first character.
local readers = {}

readers["'"] = function(text, at)
  local piece, after = text:match("^([^']*)'()", at + 1)
  if not piece then return nil, "No closing quotation" end
  return piece, after
end

---Here a backslash stands for itself, but before a quote or a backslash.
readers['"'] = function(text, at)
  local from = at + 1
  local stop = text:find('["\\]', from)
  while stop and text:sub(stop, stop) == "\\" do
    if stop == #text then return nil, "No escaped character" end
    stop = text:find('["\\]', stop + 2)
  end
  if not stop then return nil, "No closing quotation" end
  local piece = text:sub(from, stop - 1):gsub('\\(["\\])', "%1")
  return piece, stop + 1
end

readers["\\"] = function(text, at)
  if at == #text then return nil, "No escaped character" end
  return text:sub(at + 1, at + 1), at + 2
end

local function plain(text, at)
  return text:match("^([^ \t\r\n'\"\\]+)()", at)
end

---One word: quoted and unquoted pieces without a space between them.
local function word_at(text, at)
  local pieces = {}
  while at <= #text and not text:find("^[ \t\r\n]", at) do
    local read = readers[text:sub(at, at)] or plain
    local piece, after = read(text, at)
    if not piece then return nil, after end
    pieces[#pieces + 1], at = piece, after
  end
  return table.concat(pieces), at
end

---@param text string
---@return table|nil, string|nil # the words, or nil and the reason: "No
---closing quotation", "No escaped character"
function shell_words.split(text)
  local words = {}
  local at = text:find("[^ \t\r\n]")
  while at do
    local word, after = word_at(text, at)
    if not word then return nil, after end
    words[#words + 1] = word
    at = text:find("[^ \t\r\n]", after)
  end
  return words
end

return shell_words
