-- Puts the globals of a script together. Gives what runs the script, and what makes functions of Python native.

local parts, python, print_text, make_module, loaded_names = ...

local globals = {_VERSION = _VERSION}
globals._G = globals

local frames = parts.frames(python)
local support = parts.support(python, frames)
local basic, debugging, package = parts.basic(support, globals, print_text, function(name)
  local functions = make_module(name)
  return functions and support.guarded_all(functions)
end)
frames.require = basic.require
for name, call in pairs(basic) do globals[name] = call end
globals.string, globals.table = parts.text(support), parts.tables(support)
globals.math, globals.bit32 = parts.numbers(support)
globals.debug, globals.package = debugging, package
debug.setmetatable("", {__index = globals.string})

package.loaded.hook = parts.hook(support)
for _, name in ipairs({"string", "table", "math", "bit32", "debug", "package", "_G"}) do
  package.loaded[name] = globals[name]
end
for _, name in ipairs(loaded_names) do
  package.loaded[name] = support.guarded_all(make_module(name))
end

local function run(script, name)
  local compiled, problem = support.compile(script, name, globals)
  if not compiled then return false, problem, "syntax" end
  return support.run(compiled)
end

return globals, run, support.guarded_all
