-- `string`. What go-lua lacks (match, gmatch, gsub, dump) is missing, and `find` takes no patterns.

local support = ...

local python, pack, unpack, fail = support.python, support.pack, support.unpack, support.fail
local fail_here, argument_error, check = support.fail_here, support.argument_error, support.check
local text_or = support.text_or
local text_at, integer_at, integer_or = support.text_at, support.integer_at, support.integer_or
local number_at, text_of = support.number_at, support.text_of
local c_byte, c_char, c_find = string.byte, string.char, string.find
local c_rep, c_sub, c_match = string.rep, string.sub, string.match
local LONGEST = 2 ^ 30

local text = {}

-- A position counted from the end where it is negative.
local function from_start(position, length)
  if position >= 0 then return position end
  if -position > length then return 0 end
  return length + position + 1
end

function text.find(...)
  local arguments = pack(...)
  local whole, part = text_at(arguments, 1), text_at(arguments, 2)
  local start = math.max(from_start(integer_or(arguments, 3, 1), #whole), 1)
  if start > #whole + 1 then return nil end
  if arguments.n >= 4 and not arguments[4] and c_find(part, "[%^$*+?.(%[%%-]") then fail("assertion failure") end
  local first, last = c_find(whole, part, start, true)
  if not first then return nil end
  return first, last
end

function text.byte(...)
  local arguments = pack(...)
  local whole = text_at(arguments, 1)
  local first = from_start(integer_or(arguments, 2, 1), #whole)
  local last = from_start(integer_or(arguments, 3, first), #whole)
  return c_byte(whole, math.max(first, 1), math.min(last, #whole))
end

function text.char(...)
  local arguments, letters = pack(...), {}
  for index = 1, arguments.n do
    local code = integer_at(arguments, index)
    check(0 <= code and code <= 255, index, "value out of range")
    letters[index] = c_char(code)
  end
  return table.concat(letters)
end

function text.len(...)
  return #text_at(pack(...), 1)
end

function text.lower(...)
  return python.lower(text_at(pack(...), 1))
end

function text.upper(...)
  return python.upper(text_at(pack(...), 1))
end

function text.reverse(...)
  return python.reverse(text_at(pack(...), 1))
end

function text.rep(...)
  local arguments = pack(...)
  local repeated, count, separator = text_at(arguments, 1), integer_at(arguments, 2), text_or(arguments, 3, "")
  if count > 0 and (#repeated + #separator) * count > LONGEST then fail_here("resulting string too large") end
  return c_rep(repeated, count, separator)
end

function text.sub(...)
  local arguments = pack(...)
  local whole = text_at(arguments, 1)
  local first = from_start(integer_at(arguments, 2), #whole)
  local last = from_start(integer_or(arguments, 3, -1), #whole)
  if math.max(first, 1) > math.min(last, #whole) then return "" end
  return c_sub(whole, math.max(first, 1), math.min(last, #whole))
end

-- `format`: each option is checked here, and written by Python.

local function is_whole(number) return math.floor(number) == number end

local checked = {}

function checked.d(arguments, index)
  local number = number_at(arguments, index)
  local fits = is_whole(number) and -2 ^ 63 <= number and number < 2 ^ 63
  check(fits, index, "number has no integer representation")
  return number
end
checked.i = checked.d

function checked.u(arguments, index)
  local number = number_at(arguments, index)
  local fits = is_whole(number) and 0 <= number and number < 2 ^ 64
  check(fits, index, "not a non-negative number in proper range")
  return number
end

function checked.x(arguments, index)
  local number = number_at(arguments, index)
  check(0 <= number and number < 2 ^ 64, index, "not a non-negative number in proper range")
  return number
end
checked.X, checked.o = checked.x, checked.x
checked.c, checked.q = integer_at, text_at
for verb in string.gmatch("eEfgG", ".") do checked[verb] = number_at end

function checked.s(arguments, index)
  local value = arguments[index]
  local convert = support.meta_field(value, "__tostring")
  if convert then value = convert(value) end
  return text_of(value) or tostring(value)
end

local function option(arguments, index, rest)
  local flags, digits, verb = c_match(rest, "^([-+ #0]*)([0-9.]*)(.?)")
  if #flags >= 5 then fail_here("invalid format (repeated flags)") end
  if c_find(digits, "%d%d%d") or c_find(digits, "%..*%.") then
    fail_here("invalid format (width or precision too long)")
  end
  if verb == "" then fail(text_of(arguments[arguments.n]) or "") end
  if not checked[verb] then fail_here("invalid option %" .. verb .. " to 'lua_pushfstring'") end
  return python.formatted(flags, digits, verb, checked[verb](arguments, index)), #flags + #digits + 1
end

function text.format(...)
  local arguments = pack(...)
  local template, parts, position, index = text_at(arguments, 1), {}, 1, 1
  while true do
    local percent = c_find(template, "%", position, true)
    parts[#parts + 1] = c_sub(template, position, (percent or 0) - 1)
    if not percent then return table.concat(parts) end
    if c_sub(template, percent + 1, percent + 1) == "%" then
      parts[#parts + 1], position = "%", percent + 2
    elseif percent == #template then
      fail(text_of(arguments[arguments.n]) or "")
    else
      index = index + 1
      if index > arguments.n then argument_error(index, "no value") end
      local written, length = option(arguments, index, c_sub(template, percent + 1))
      parts[#parts + 1], position = written, percent + 1 + length
    end
  end
end

return support.natives(text)
