-- The basic functions, `debug` and `package`.

local support, globals, print_text, make_module = ...

local python, pack, unpack = support.python, support.pack, support.unpack
local fail, fail_here, position = support.fail, support.fail_here, support.position
local any_at, of_type, text_at, integer_at = support.any_at, support.of_type, support.text_at, support.integer_at
local text_of, number_of, text_or, integer_or = support.text_of, support.number_of, support.text_or, support.integer_or
local check, type_at, meta_field = support.check, support.type_at, support.meta_field
local c_next, c_tonumber, c_tostring, c_setmetatable = next, tonumber, tostring, setmetatable
local c_rawequal, c_rawget, c_rawset, c_rawlen = rawequal, rawget, rawset, rawlen
local c_type, c_collect = type, collectgarbage
local c_getmetatable, c_sub, c_find, c_floor = debug.getmetatable, string.sub, string.find, math.floor

local basic = {}

function basic.assert(...)
  local arguments = pack(...)
  if not arguments[1] then fail_here(text_or(arguments, 2, "assertion failed!")) end
  return ...
end

function basic.error(...)
  local arguments = pack(...)
  local level = integer_or(arguments, 2, 1)
  local value = arguments[1]
  local text = text_of(value)
  if text and level > 0 then text = position(level) .. text end
  if text then fail(text) end
  -- A value that is no text is lost.
  local problem = support.argument_text(-1, "string expected, got " .. c_type(value))
  fail(position(1) .. problem, {is_nothing = value == nil})
end

function basic.pcall(...)
  any_at(pack(...), 1)
  local results = pack(support.protected(...))
  return unpack(results, 1, results.n)
end

-- The handler is never called.
function basic.xpcall(...)
  local arguments = pack(...)
  check(arguments.n >= 2, 2, "value expected")
  local results = pack(support.protected(arguments[1], unpack(arguments, 3, arguments.n)))
  if not results[1] then return false, "error in error handling" end
  return unpack(results, 1, results.n)
end

function basic.tostring(...)
  local arguments = pack(...)
  local value = any_at(arguments, 1)
  local convert = meta_field(value, "__tostring")
  if convert then
    local text = convert(value)
    return text
  end
  return text_of(value) or c_tostring(value)
end

function basic.print(...)
  local arguments = pack(...)
  local parts = {}
  for index = 1, arguments.n do
    local text = text_of(globals.tostring(arguments[index]))
    if not text then fail_here("'tostring' must return a string to 'print'") end
    parts[index] = text
  end
  print_text(table.concat(parts, "\t"))
end

function basic.tonumber(...)
  local arguments = pack(...)
  if arguments[2] == nil then
    local number = number_of(arguments[1])
    if number == nil then any_at(arguments, 1) end
    return number
  end
  local text, base = text_at(arguments, 1), integer_at(arguments, 2)
  check(2 <= base and base <= 36, 2, "base out of range")
  local number = c_tonumber(text, base)
  if number and -2 ^ 63 <= number and number < 2 ^ 63 then return number end
  return nil
end

function basic.type(...)
  return c_type(any_at(pack(...), 1))
end

function basic.select(...)
  local arguments = pack(...)
  if c_type(arguments[1]) == "string" and c_sub(arguments[1], 1, 1) == "#" then return arguments.n - 1 end
  local index = integer_at(arguments, 1)
  if index < 0 then
    index = arguments.n + index
  elseif index > arguments.n then
    index = arguments.n
  end
  check(1 <= index, 1, "index out of range")
  return unpack(arguments, index + 1, arguments.n)
end

function basic.rawequal(...)
  local arguments = pack(...)
  return c_rawequal(any_at(arguments, 1), any_at(arguments, 2))
end

function basic.rawlen(...)
  local arguments = pack(...)
  local kind = type_at(arguments, 1)
  check(kind == "table" or kind == "string", 1, "table or string expected")
  return c_rawlen(arguments[1])
end

function basic.rawget(...)
  local arguments = pack(...)
  return c_rawget(of_type(arguments, 1, "table"), any_at(arguments, 2))
end

function basic.rawset(...)
  local arguments = pack(...)
  local changed = of_type(arguments, 1, "table")
  any_at(arguments, 2)
  any_at(arguments, 3)
  c_rawset(changed, arguments[2], arguments[3])
  return changed
end

function basic.getmetatable(...)
  local value = any_at(pack(...), 1)
  return meta_field(value, "__metatable") or c_getmetatable(value)
end

function basic.setmetatable(...)
  local arguments = pack(...)
  local changed, kind = of_type(arguments, 1, "table"), type_at(arguments, 2)
  check(kind == "nil" or kind == "table", 2, "nil or table expected")
  if meta_field(changed, "__metatable") then fail_here("cannot change a protected metatable") end
  return c_setmetatable(changed, arguments[2])
end

-- Walking a table: its list, then its other keys. A key that was taken away stops the walk with an error, but for those
-- of the list, as long as it was when the walk began.
local list_lengths = c_setmetatable({}, {__mode = "k"})

local function is_of_list(walked, key)
  return c_type(key) == "number" and 1 <= key and key <= (list_lengths[walked] or 0) and key == c_floor(key)
end

function basic.next(...)
  local arguments = pack(...)
  local walked, key = of_type(arguments, 1, "table"), arguments[2]
  if key == nil then
    list_lengths[walked] = c_rawlen(walked)
  elseif c_rawget(walked, key) == nil and not is_of_list(walked, key) then
    fail("invalid key to 'next'")
  end
  local found, following, value = support.protected(c_next, walked, key)
  if not found then fail("invalid key to 'next'") end
  if following == nil then return nil end
  return following, value
end

local function following(...)
  local arguments = pack(...)
  local index = integer_at(arguments, 2) + 1
  local value = c_rawget(of_type(arguments, 1, "table"), index)
  if value == nil then return nil end
  return index, value
end

local function walk(arguments, event, step, first)
  local own = meta_field(arguments[1], event)
  if own then
    local a, b, c = own(arguments[1])
    return a, b, c
  end
  return step, of_type(arguments, 1, "table"), first
end

function basic.pairs(...)
  local a, b, c = walk(pack(...), "__pairs", basic.next, nil)
  return a, b, c
end

function basic.ipairs(...)
  local a, b, c = walk(pack(...), "__ipairs", following, 0)
  return a, b, c
end

function basic.collectgarbage(...)
  local arguments = pack(...)
  local option = text_or(arguments, 1, "collect")
  integer_or(arguments, 2, 0)
  if option == "collect" then
    c_collect()
    return 0
  elseif option == "step" then
    return true
  elseif option == "count" then
    return (c_collect("count"))
  end
  return -1
end

local function whole_text(reader)
  local parts = {}
  while true do
    local part = reader()
    if part == nil or part == "" then break end
    if not text_of(part) then fail_here("reader function must return a string") end
    parts[#parts + 1] = text_of(part)
  end
  return table.concat(parts)
end

function basic.load(...)
  local arguments = pack(...)
  local mode, text, name = text_or(arguments, 3, "bt"), text_of(arguments[1]), nil
  if text then
    name = text_or(arguments, 2, text)
  else
    name = text_or(arguments, 2, "=(load)")
    text = whole_text(of_type(arguments, 1, "function"))
  end
  if c_sub(text, 1, 1) == "\27" then
    fail_here("load: the stand-in loads no compiled Lua")
  elseif not c_find(mode, "t", 1, true) then
    return nil, "attempt to load a text chunk (mode is '" .. mode .. "')"
  end
  local compiled, problem = support.compile(text, name, globals, unpack(arguments, 4, arguments.n))
  if compiled then return compiled end
  return nil, problem
end

-- Modules.

local package = {
  config = "/\n;\n?\n!\n-\n", path = "?.lua", loaded = {}, preload = {}, searchers = {},
  loadlib = function() fail_here("package.loadlib is not in the stand-in") end,
  searchpath = function() fail_here("package.searchpath is not in the stand-in") end,
}

function basic.require(...)
  local name = text_at(pack(...), 1)
  if package.loaded[name] ~= nil then return package.loaded[name] end
  local open = package.preload[name] or make_module
  local module = open(name)
  if module == nil and open == make_module then
    fail_here("module '" .. name .. "' not found: \n\tno field package.preload['" .. name .. "']?.lua")
  end
  if module == nil then module = true end
  package.loaded[name] = module
  return module
end

-- Marks a list, so that `encoding/json` writes it as one.
function basic.array(list)
  if c_type(list) ~= "table" then fail("assertion failure") end
  return c_setmetatable(list, {__index = function(_, key) if key == python.array_mark then return true end end})
end

local debugging = {}
for _, name in ipairs({
  "gethook", "getregistry", "getupvalue", "getuservalue", "sethook", "setmetatable", "setupvalue", "setuservalue",
  "upvalueid", "upvaluejoin",
}) do
  debugging[name] = function() fail_here("debug." .. name .. " is not in the stand-in") end
end

function debugging.getmetatable(...)
  return c_getmetatable(any_at(pack(...), 1))
end

function debugging.traceback(...)
  local arguments = pack(...)
  local text = text_of(arguments[1])
  if not text and arguments[1] ~= nil then return arguments[1] end
  local trace = support.trace(integer_or(arguments, 2, 1))
  return (text and text ~= "") and text .. "\n" .. trace or trace
end

support.native[following] = true
support.natives(basic)
support.natives(debugging)
support.native[package.loadlib], support.native[package.searchpath] = true, true
return basic, debugging, package
