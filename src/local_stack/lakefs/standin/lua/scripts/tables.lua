-- `table`.

local support = ...

local pack, unpack, fail_here, check = support.pack, support.unpack, support.fail_here, support.check
local of_type, integer_at, integer_or = support.of_type, support.integer_at, support.integer_or
local text_or = support.text_or
local text_of, number_of, type_at = support.text_of, support.number_of, support.type_at
local c_rawget, c_rawset = rawget, rawset
-- Up to here a list is sorted by insertion.
local SHORT = 12
local MOST_RESULTS = 1000000

local tables = {}

local function length_of(list)
  local length = number_of(#list)
  if not length then fail_here("object length is not a number") end
  return length
end

function tables.concat(...)
  local arguments = pack(...)
  local list, separator = of_type(arguments, 1, "table"), text_or(arguments, 2, "")
  local first, last, parts = integer_or(arguments, 3, 1), nil, {}
  if arguments[4] == nil then last = length_of(list) else last = integer_at(arguments, 4) end
  for index = first, last do
    local part = text_of(c_rawget(list, index))
    if not part then
      local kind = type(c_rawget(list, index))
      fail_here("invalid value (" .. kind .. ") at index " .. index .. " in table for 'concat'")
    end
    parts[#parts + 1] = part
  end
  return table.concat(parts, separator)
end

function tables.insert(...)
  local arguments = pack(...)
  local list = of_type(arguments, 1, "table")
  local after = length_of(list) + 1
  if arguments.n == 2 then
    c_rawset(list, after, arguments[2])
    return
  elseif arguments.n ~= 3 then
    fail_here("wrong number of arguments to 'insert'")
  end
  local position = integer_at(arguments, 2)
  check(1 <= position and position <= after, 2, "position out of bounds")
  for index = after, position + 1, -1 do c_rawset(list, index, c_rawget(list, index - 1)) end
  c_rawset(list, position, arguments[3])
end

function tables.remove(...)
  local arguments = pack(...)
  local list = of_type(arguments, 1, "table")
  local size = length_of(list)
  local position = integer_or(arguments, 2, size)
  if position ~= size then check(1 <= position and position <= size + 1, 2, "position out of bounds") end
  local removed = c_rawget(list, position)
  for index = position, size - 1 do c_rawset(list, index, c_rawget(list, index + 1)) end
  c_rawset(list, math.max(position, size), nil)
  return removed
end

function tables.pack(...)
  return pack(...)
end

function tables.unpack(...)
  local arguments = pack(...)
  local list, first, last = of_type(arguments, 1, "table"), integer_or(arguments, 2, 1), nil
  if arguments[3] == nil then last = length_of(list) else last = integer_at(arguments, 3) end
  if first > last then return end
  if last - first + 1 > MOST_RESULTS then fail_here("too many results to unpack") end
  local values = {}
  for index = first, last do values[index - first + 1] = c_rawget(list, index) end
  return unpack(values, 1, last - first + 1)
end

-- Sorting is unstable, and ends with any order that is asked for.

local function swap(list, left, right)
  local value = c_rawget(list, left)
  c_rawset(list, left, c_rawget(list, right))
  c_rawset(list, right, value)
end

local function sort_by_insertion(list, size, precedes)
  for unsorted = 2, size do
    for index = unsorted, 2, -1 do
      if not precedes(c_rawget(list, index), c_rawget(list, index - 1)) then break end
      swap(list, index, index - 1)
    end
  end
end

local function sink(list, top, size, precedes)
  while true do
    local child = 2 * top
    if child > size then return end
    if child < size and precedes(c_rawget(list, child), c_rawget(list, child + 1)) then child = child + 1 end
    if not precedes(c_rawget(list, top), c_rawget(list, child)) then return end
    swap(list, top, child)
    top = child
  end
end

local function sort_by_heap(list, size, precedes)
  for top = math.floor(size / 2), 1, -1 do sink(list, top, size, precedes) end
  for last = size, 2, -1 do
    swap(list, 1, last)
    sink(list, 1, last - 1, precedes)
  end
end

function tables.sort(...)
  local arguments = pack(...)
  local list = of_type(arguments, 1, "table")
  local size = length_of(list)
  local precedes = function(left, right) return left < right end
  if arguments[2] ~= nil then precedes = of_type(arguments, 2, "function") end
  local sort = size > SHORT and sort_by_heap or sort_by_insertion
  sort(list, size, precedes)
  if size > 0 and precedes(c_rawget(list, size), c_rawget(list, 1)) then
    fail_here("invalid order function for sorting")
  end
end

return support.natives(tables)
