-- What the functions of the stand-in's Lua share: checks of arguments, and errors worded as go-lua words them.

local python, frames = ...

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue
local c_error, c_xpcall, c_load, c_tonumber, c_tostring = error, xpcall, load, tonumber, tostring
local c_format, c_match, c_sub, c_dump = string.format, string.match, string.sub, string.dump
local pack, unpack, rawequal, type, rawget = table.pack, table.unpack, rawequal, type, rawget
local innermost, place = frames.innermost, frames.place
local called_name, native_name = frames.called_name, frames.native_name

local support = {python = python, native = frames.native, trace = frames.trace, pack = pack, unpack = unpack}
local native = support.native

-- A value that a failed function raises: `text`, or the text of `require("hook").fail`.
local failure_mark = {}

-- Errors.

-- Raise a text as it is.
local function fail(text, fields)
  local failure = fields or {}
  failure.mark, failure.text = failure_mark, text
  c_error(failure)
end
support.fail = fail

-- Where the function is running that called the native one, `level` callers up; empty where that is native too.
local function position(level)
  local found = innermost(level + 1)
  return place(found[level + 1])
end
support.position = position

-- Raise a text, with where the native function was called.
local function fail_here(text)
  fail(position(1) .. text)
end
support.fail_here = fail_here

local function argument_text(index, problem)
  local found = innermost(2)
  local name, kind = called_name(found[1], found[2])
  if kind == "method" then
    index = index - 1
    if index == 0 then return "calling '" .. name .. "' on bad self (" .. problem .. ")" end
  end
  if name == "" then name = native_name(found[1]) end
  return "bad argument #" .. c_format("%d", index) .. " to '" .. name .. "' (" .. problem .. ")"
end
support.argument_text = argument_text

local function argument_error(index, problem)
  fail_here(argument_text(index, problem))
end
support.argument_error = argument_error

-- Arguments: `arguments` is what table.pack gives.

local function type_at(arguments, index)
  return index > arguments.n and "no value" or type(arguments[index])
end
support.type_at = type_at

local function type_error(arguments, index, expected)
  argument_error(index, expected .. " expected, got " .. type_at(arguments, index))
end
support.type_error = type_error

local function is_none_or_nil(arguments, index) return arguments[index] == nil end

-- A number as go-lua writes it.
local function number_text(number)
  if number ~= number then return "NaN" end
  if number == 1 / 0 then return "+Inf" end
  if number == -1 / 0 then return "-Inf" end
  return c_format("%.14g", number)
end
support.number_text = number_text

-- The text of a string or number, nil for anything else.
local function text_of(value)
  if type(value) == "string" then return value end
  if type(value) == "number" then return number_text(value) end
  return nil
end
support.text_of = text_of

-- The number of a number or a text that is one, nil for anything else.
local function number_of(value)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil end
  local number = c_tonumber(value)
  if number == 1 / 0 or number == -1 / 0 then return nil end
  return number
end
support.number_of = number_of

function support.any_at(arguments, index)
  if index > arguments.n then argument_error(index, "value expected") end
  return arguments[index]
end

function support.of_type(arguments, index, expected)
  if type_at(arguments, index) ~= expected then type_error(arguments, index, expected) end
  return arguments[index]
end

local function text_at(arguments, index)
  local text = text_of(arguments[index])
  if text == nil then type_error(arguments, index, "string") end
  return text
end
support.text_at = text_at

local function number_at(arguments, index)
  local number = number_of(arguments[index])
  if number == nil then type_error(arguments, index, "number") end
  return number
end
support.number_at = number_at

local function integer_at(arguments, index)
  local number = number_at(arguments, index)
  return number < 0 and math.ceil(number) or math.floor(number)
end
support.integer_at = integer_at

function support.text_or(arguments, index, default)
  if is_none_or_nil(arguments, index) then return default end
  return text_at(arguments, index)
end

function support.integer_or(arguments, index, default)
  if is_none_or_nil(arguments, index) then return default end
  return integer_at(arguments, index)
end

function support.check(condition, index, problem)
  if not condition then argument_error(index, problem) end
end

function support.meta_field(value, event)
  local metatable = debug.getmetatable(value)
  return metatable and rawget(metatable, event)
end

-- What Lua itself raises, worded as go-lua does.

local OPERATIONS = {"index", "call", "perform arithmetic on", "concatenate", "get length of"}

local function is_culprit(operation, value, kind)
  if type(value) ~= kind then return false end
  return operation ~= "perform arithmetic on" or number_of(value) == nil
end

-- The name of a value that an operation refused, in the frame at `level` of the caller.
local function refused_name(operation, kind, info, level)
  local known, culprit = kind == "nil", nil
  for _, register in ipairs(pack(python.operands(info.short_src, info.linedefined, info.currentline))) do
    local name, value = getlocal(level + 1, register + 1)
    if name and is_culprit(operation, value, kind) then known, culprit = true, value break end
  end
  if not known then return "" end
  local index = 1
  while true do
    local name, value = getupvalue(info.func, index)
    if name == nil then break end
    if rawequal(value, culprit) then return "upvalue '" .. name .. "' " end
    index = index + 1
  end
  for register = 0, python.registers(info.short_src, info.linedefined) - 1 do
    local name, value = getlocal(level + 1, register + 1)
    if name == nil then break end
    if rawequal(value, culprit) then
      local named, sort = python.value_name(info.short_src, info.linedefined, register, info.currentline)
      return sort == "" and "" or sort .. " '" .. named .. "' "
    end
  end
  return ""
end

local function reworded(text, info, level)
  for _, operation in ipairs(OPERATIONS) do
    local start = "attempt to " .. operation .. " "
    if c_sub(text, 1, #start) == start then
      local kind = c_match(text, "a (%a+) value%)?$") or "nil"
      local name = info and refused_name(operation, kind, info, level + 1) or ""
      if name == "" then return start .. "a " .. kind .. " value" end
      return start .. name .. "(a " .. kind .. " value)"
    end
  end
  local two = c_match(text, "^attempt to compare two (%a+) values$")
  if two then return "attempt to compare two '" .. two .. "' values" end
  local left, right = c_match(text, "^attempt to compare (%a+) with (%a+)$")
  if left then return "attempt to compare '" .. left .. "' with '" .. right .. "'" end
  return text
end

-- The text of what was raised in the frame at `level` of the caller.
local function raised_text(problem, level)
  if type(problem) == "table" and problem.mark == failure_mark then
    if problem.is_crash then return problem.caught end
    return problem.text
  end
  local text = c_tostring(problem)
  local info = getinfo(level + 1, "Slf")
  local said = c_match(text, "^[^:\n]*:%d+: (.*)$") or text
  if info and python.is_script(info.short_src) then
    local where = python.place(info.short_src, info.linedefined, info.currentline)
    if said == "stack overflow" then return where .. ": " .. said end
    return where .. ": " .. reworded(said, info, level + 1)
  end
  return reworded(said, nil, 0)
end

local function caught(problem)
  return raised_text(problem, 2)
end

-- Call a function; false and a text where it fails.
function support.protected(call, ...)
  return c_xpcall(call, caught, ...)
end

-- Run a script to its end: true, or false, what the run shows, and `runtime` or nothing where the text stands alone.
local function last_words(problem)
  local failure = type(problem) == "table" and problem.mark == failure_mark and problem or {}
  if failure.alone then return {failure.alone, ""} end
  local text = failure.is_nothing and "" or raised_text(problem, 2)
  if not failure.is_nothing then text = text .. "\n" end
  return {text .. frames.trace(0), "runtime"}
end

function support.run(script)
  local succeeded, problem = c_xpcall(script, last_words)
  if succeeded then return true end
  if type(problem) ~= "table" then return false, c_tostring(problem), "runtime" end
  return false, problem[1], problem[2]
end

-- Compile a text; nil and what is wrong where that cannot be done.
function support.compile(text, name, environment, ...)
  local id = python.new_chunk()
  local compiled, problem = c_load(text, "=" .. id, "t")
  if not compiled then return nil, python.syntax_error(problem, text, name) end
  local loadable = python.add_chunk(id, c_dump(compiled), name)
  if select("#", ...) > 0 then return c_load(loadable, "=" .. id, "b", (...)) end
  return c_load(loadable, "=" .. id, "b", environment)
end

-- Make a function of Python native: it answers true and its results; or false, the text of its failure and what kind
-- it is: `here` goes with the place of the call, `bare` without, and after `crash` comes what `pcall` gives.
function support.guarded(call)
  local function guard(...)
    local results = pack(call(...))
    if results[1] then return unpack(results, 2, results.n) end
    local kind = results[3]
    if kind == "crash" then fail(results[2], {alone = results[2], is_crash = true, caught = results[4]}) end
    if kind == "bare" then fail(results[2]) end
    local index, problem = c_match(results[2], "^bad argument #(%d+) to '%?' %((.*)%)$")
    if index then argument_error(c_tonumber(index), problem) end
    fail_here(results[2])
  end
  native[guard] = true
  return guard
end

function support.guarded_all(functions)
  local module = {}
  for name, call in pairs(functions) do module[name] = support.guarded(call) end
  return module
end

-- Make the functions of a table native.
function support.natives(functions)
  for _, call in pairs(functions) do native[call] = true end
  return functions
end

return support
