-- The frames of a running script, and the trace of them as go-lua words it.
--
-- A function that is Go in go-lua is "native" here. The frames of a script are its own functions and the native ones;
-- all other frames of these files are hidden.

local python = ...

local getinfo = debug.getinfo

-- How many frames are looked through; those of a deeper recursion are left out of a trace.
local MOST_FRAMES = 2000
-- A trace of more frames than these two together shows so many at its start and its end.
local FIRST_SHOWN, LAST_SHOWN = 11, 10

-- `native` has the native functions as keys; `require` is the one that go-lua knows the name of.
local frames = {native = {}, require = nil}
local native = frames.native

-- The innermost frames, at most so many: {native = true, func} or {chunk, number, position, func}, where `number` is
-- that of the function in its chunk, and `position` follows the instruction that runs.
local function innermost(most)
  local found, level = {}, 2
  while #found < most and level < MOST_FRAMES do
    local info = getinfo(level, "Slf")
    if not info then break end
    if native[info.func] then
      found[#found + 1] = {native = true, func = info.func}
    elseif python.is_script(info.short_src) then
      local inner = found[#found]
      if inner and not inner.native and python.is_tail_call(info.short_src, info.linedefined, info.currentline) then
        inner.is_tail_call = true
      else
        found[#found + 1] = {
          chunk = info.short_src, number = info.linedefined, position = info.currentline, func = info.func,
        }
      end
    end
    level = level + 1
  end
  return found
end

-- Chunk and line, with what stands between them and a text; empty for a native frame.
local function place(frame)
  if not frame or frame.native then return "" end
  return python.place(frame.chunk, frame.number, frame.position) .. ": "
end

-- What go-lua calls a function that was called from `caller`.
local function called_name(frame, caller)
  if caller and not caller.native and not frame.is_tail_call then
    return python.called_name(caller.chunk, caller.number, caller.position)
  end
  return "", ""
end

local function native_name(frame)
  return frame.func == frames.require and "require" or "?"
end

local function trace_line(frame, caller)
  local name, kind = called_name(frame, caller)
  local where = frame.native and "[Go]:" or python.place(frame.chunk, frame.number, frame.position) .. ":"
  if kind ~= "" then
    name = "function '" .. name .. "'"
  elseif frame.native then
    name = native_name(frame)
    if name ~= "?" then name = "function '" .. name .. "'" end
  else
    name = python.defined(frame.chunk, frame.number)
  end
  return "\n\t" .. where .. " in " .. name .. (frame.is_tail_call and "\n\t(...tail calls...)" or "")
end

local function trace_of(found)
  local text, from, to = "stack traceback:", #found + 1, #found
  if #found > FIRST_SHOWN + LAST_SHOWN + 1 then from, to = FIRST_SHOWN + 1, #found - LAST_SHOWN end
  for index = 1, #found do
    if index == from then
      text = text .. "\n\t..."
    elseif index < from or index > to then
      text = text .. trace_line(found[index], found[index + 1])
    end
  end
  return text
end

-- The trace of the running frames without the innermost `skipped`.
function frames.trace(skipped)
  local found, kept = innermost(MOST_FRAMES), {}
  for index = skipped + 1, #found do kept[#kept + 1] = found[index] end
  return trace_of(kept)
end

frames.innermost, frames.place, frames.called_name, frames.native_name = innermost, place, called_name, native_name
return frames
