-- `math` and `bit32`.

local support = ...

local pack, fail_here, check = support.pack, support.fail_here, support.check
local number_at, integer_at, integer_or = support.number_at, support.integer_at, support.integer_or
local c_math, c_bit32 = math, bit32
local BITS = 32

local numbers, bits = {pi = c_math.pi, huge = 1.7976931348623157e308}, {}

for name in string.gmatch("abs acos asin atan ceil cos cosh deg exp floor rad sin sinh sqrt tan tanh", "%a+") do
  local compute = c_math[name]
  numbers[name] = function(...)
    return (compute(number_at(pack(...), 1)))
  end
end

for _, name in ipairs({"frexp", "modf"}) do
  local compute = c_math[name]
  numbers[name] = function(...)
    local number = number_at(pack(...), 1)
    local first, second = compute(number)
    if name == "modf" and (number == 1 / 0 or number == -1 / 0) then second = 0 / 0 end
    return first, second
  end
end

for name in string.gmatch("atan2 fmod pow", "%w+") do
  local compute = c_math[name]
  numbers[name] = function(...)
    local arguments = pack(...)
    local result = compute(number_at(arguments, 1), number_at(arguments, 2))
    return result
  end
end

for _, name in ipairs({"max", "min"}) do
  local compute = c_math[name]
  numbers[name] = function(...)
    local arguments = pack(...)
    local result = number_at(arguments, 1)
    for index = 2, arguments.n do
      local number = number_at(arguments, index)
      if number ~= number or result ~= result then
        result = 0 / 0
      else
        result = compute(result, number)
      end
    end
    return result
  end
end

function numbers.ldexp(...)
  local arguments = pack(...)
  local result = c_math.ldexp(number_at(arguments, 1), integer_at(arguments, 2))
  return result
end

function numbers.log(...)
  local arguments = pack(...)
  local number = number_at(arguments, 1)
  if arguments[2] == nil then return (c_math.log(number)) end
  return (c_math.log(number, number_at(arguments, 2)))
end

function numbers.random(...)
  local arguments = pack(...)
  local random = c_math.random()
  if arguments.n == 0 then return random end
  if arguments.n > 2 then fail_here("wrong number of arguments") end
  local low, high = 1, number_at(arguments, 1)
  if arguments.n == 2 then low, high = high, number_at(arguments, 2) end
  check(low <= high, arguments.n, "interval is empty")
  return c_math.floor(random * (high - low + 1)) + low
end

function numbers.randomseed(...)
  c_math.randomseed(number_at(pack(...), 1))
end

for name in string.gmatch("band bor bxor btest", "%a+") do
  local compute = c_bit32[name]
  bits[name] = function(...)
    local arguments, values = pack(...), {}
    for index = 1, arguments.n do values[index] = number_at(arguments, index) end
    local result = compute(table.unpack(values))
    return result
  end
end

for name in string.gmatch("arshift lrotate lshift rrotate rshift", "%a+") do
  local compute = c_bit32[name]
  bits[name] = function(...)
    local arguments = pack(...)
    local result = compute(number_at(arguments, 1), integer_at(arguments, 2))
    return result
  end
end

function bits.bnot(...)
  local result = c_bit32.bnot(number_at(pack(...), 1))
  return result
end

local function field_at(arguments, index)
  local first, width = integer_at(arguments, index), integer_or(arguments, index + 1, 1)
  check(0 <= first, index, "field cannot be negative")
  check(0 < width, index + 1, "width must be positive")
  if first + width > BITS then fail_here("trying to access non-existent bits") end
  return first, width
end

function bits.extract(...)
  local arguments = pack(...)
  local number = number_at(arguments, 1)
  local first, width = field_at(arguments, 2)
  local result = c_bit32.extract(number, first, width)
  return result
end

function bits.replace(...)
  local arguments = pack(...)
  local number, value = number_at(arguments, 1), number_at(arguments, 2)
  local first, width = field_at(arguments, 3)
  local result = c_bit32.replace(number, value, first, width)
  return result
end

for _, functions in ipairs({numbers, bits}) do
  for _, call in pairs(functions) do
    if type(call) == "function" then support.native[call] = true end
  end
end
return numbers, bits
