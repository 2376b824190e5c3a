-- `hook`: a failure whose text the run shows alone.

local support = ...

local hook = {}

function hook.fail(...)
  local text = support.text_at(support.pack(...), 1)
  support.fail("<HookFailure>" .. text .. "</HookFailure>", {alone = text})
end

return support.natives(hook)
