-- busted_output.lua - an output handler for busted: each spec file's name,
-- each failure whole, and at the very end one line, "N passed, N failed".
--
--   busted -o spec/support/busted_output.lua
--
-- The last line comes with busted's "exit" event only. A run that was ended
-- some other way, by os.exit or a crash, has none, and counts as failed.

local passed, failed, skipped = 0, 0, 0

local function write(...)
  io.stdout:write(...)
  io.stdout:flush()
end

-- "file:line", where the trace of an element has them
local function place(trace)
  if not (trace and trace.short_src) then return "" end
  return (" (%s:%s)"):format(trace.short_src, trace.currentline)
end

local function indented(text)
  text = tostring(text):gsub("%s+$", ""):gsub("\n", "\n  ")
  return "  " .. text .. "\n"
end

return function()
  local busted = require "busted"
  local handler = {}

  local function full_name(element)
    local name = element.name or element.descriptor or "busted"
    local parent = busted.parent(element)
    while parent and parent.name and parent.descriptor ~= "file" do
      name = parent.name .. " " .. name
      parent = busted.parent(parent)
    end
    return name
  end

  local function print_failure(element, _, message, trace)
    write("FAILED ", full_name(element), place(element.trace or trace), "\n")
    write(indented(message == nil and "nil error" or message))
    if trace and trace.traceback then write(indented(trace.traceback)) end
    return nil, true
  end

  -- What fails outside a test (a file, a describe, a before_each) counts as
  -- one failure; a test counts once, when it ends.
  local function failure(element, ...)
    if element.descriptor ~= "it" then failed = failed + 1 end
    return print_failure(element, ...)
  end

  local function test_end(element, _, status)
    if status == "success" then
      passed = passed + 1
    elseif status == "pending" then
      skipped = skipped + 1
      write("skipped ", full_name(element), place(element.trace), "\n")
    else
      failed = failed + 1
    end
    return nil, true
  end

  local function exit()
    write(("%d passed, %d failed"):format(passed, failed),
      skipped > 0 and (", %d skipped"):format(skipped) or "", "\n")
    return nil, true
  end

  local function file_start(file)
    write(file.name, "\n")
    return nil, true
  end

  -- Called by busted with its options.
  function handler.subscribe()
    busted.subscribe({ "file", "start" }, file_start)
    busted.subscribe({ "test", "end" }, test_end)
    busted.subscribe({ "failure" }, failure)
    busted.subscribe({ "error" }, failure)
    busted.subscribe({ "exit" }, exit)
  end

  return handler
end
