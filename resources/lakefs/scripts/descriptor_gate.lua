--[[
Refuses a commit or a merge that would leave table descriptors which cannot be exported, with every problem on a line.

args: catalog, and where the job has them too: schema_template, descriptor_folder, table_defs (see
_lakefs_actions/descriptor_gate.yaml).

The same rules and words as the exporter's, held to the same cases. Reads descriptors only once one of them changed:
until then it costs one call to lakeFS, which runs in the server, as the user who commits.
]]

local json = require("encoding/json")
local lakefs = require("lakefs")
local regexp = require("regexp")
local strings = require("strings")
local yaml = require("encoding/yaml")

local SETTINGS_PLACE = "the args of _lakefs_actions/descriptor_gate.yaml"
local PAGE_SIZE = 1000
local MAX_DESCRIPTOR_BYTES = 65536
local MAX_NAME_LENGTH = 255
local MAX_PATH_BYTES = 1024
local MERGE_STRATEGY = ".lakefs.merge.strategy"
-- As lakeFS names the strategy by which the destination wins where both sides changed an object.
local DESTINATION_WINS = "dest-wins"
local FIELDS = { "name", "type", "path", "catalog", "clone_method" }
local OPTIONAL = { catalog = true, clone_method = true }
local CLONE_METHODS = { shallow = true, storage = true, deep = true }
local SUFFIX = ".yaml"

-- Ends the run with the text alone; a server that has no `hook` yet shows a trace below it.
local function stop(text)
  local has_hook, hook = pcall(require, "hook")
  if has_hook then
    hook.fail(text)
  end
  error(text, 0)
end

local function fail(problem)
  stop("descriptor_gate: " .. problem)
end

-- Text

-- The first characters of a text: in UTF-8, only bytes from 0x80 to 0xBF continue one.
local function first_characters(text, count)
  local seen = 0
  for position = 1, #text do
    local byte = text:byte(position)
    if byte < 0x80 or byte > 0xBF then
      seen = seen + 1
      if seen > count then
        return text:sub(1, position - 1)
      end
    end
  end
  return text
end

local function count_characters(text)
  local count = 0
  for position = 1, #text do
    local byte = text:byte(position)
    if byte < 0x80 or byte > 0xBF then
      count = count + 1
    end
  end
  return count
end

local UNSEEN = regexp.compile(
  "[\\x00-\\x1f\\x7f-\\x{a0}\\x{ad}\\x{61c}\\x{1680}\\x{180e}\\x{2000}-\\x{200f}\\x{2028}-\\x{202f}" ..
    "\\x{205f}-\\x{206f}\\x{3000}\\x{e000}-\\x{f8ff}\\x{feff}\\x{fff9}-\\x{fffb}]"
)
local SHORT_ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

-- The number of the one character that the text is.
local function code_point(character)
  local first = character:byte(1)
  if first < 0x80 then
    return first
  end
  local value = first % (first < 0xE0 and 0x20 or first < 0xF0 and 0x10 or 0x08)
  for position = 2, #character do
    value = value * 0x40 + character:byte(position) % 0x40
  end
  return value
end

local HEX_DIGITS = "0123456789abcdef"

local function in_hex(value, digits)
  local text = ""
  for _ = 1, digits do
    local digit = value % 16
    text = HEX_DIGITS:sub(digit + 1, digit + 1) .. text
    value = (value - digit) / 16
  end
  return text
end

local function escaped(character)
  local code = code_point(character)
  return SHORT_ESCAPES[character] or (code < 0x100 and "\\x" .. in_hex(code, 2)) or "\\u" .. in_hex(code, 4)
end

-- The text with what cannot be seen in it written out.
local function visible(text)
  local found = UNSEEN.find(text)
  while found ~= "" do
    text = strings.replace(text, found, escaped(found), -1)
    found = UNSEEN.find(text)
  end
  return text
end

-- The text as the exporter's messages show a value.
local function quoted(text)
  local quote = (strings.contains(text, "'") and not strings.contains(text, '"')) and '"' or "'"
  local inner = strings.replace(text, "\\", "\\\\", -1)
  if quote == "'" then
    inner = strings.replace(inner, "'", "\\'", -1)
  end
  return quote .. visible(inner) .. quote
end

-- Settings

local function text_setting(name, default)
  local value = args and args[name]
  if value == nil or value == "" then
    value = default
  end
  if type(value) ~= "string" or strings.trim(value) == "" then
    fail(
      name .. " is missing or not text in " .. SETTINGS_PLACE ..
        "; where it refers to {{ ENV.X }}, X must be set on the lakeFS server and begin with LAKEFS"
    )
  end
  return strings.trim(value)
end

-- The entries of a list, or of a text with commas.
local function list_setting(name)
  local value = args and args[name]
  if type(value) == "string" then
    value = strings.split(value, ",")
  elseif value == nil then
    value = {}
  end
  if type(value) ~= "table" then
    value = { not_a_list = value }
  end
  local entries, last = {}, 0
  for position in pairs(value) do
    if type(position) ~= "number" then
      fail(name .. " is not a list in " .. SETTINGS_PLACE)
    end
    last = position > last and position or last
  end
  -- An empty entry is a hole, at which ipairs would stop.
  for position = 1, last do
    local entry = value[position]
    if type(entry) ~= "string" then
      fail(name .. " has an entry that is not text in " .. SETTINGS_PLACE .. "; put it in quotes")
    end
    if strings.trim(entry) ~= "" then
      entries[#entries + 1] = strings.trim(entry)
    end
  end
  return entries
end

local function without_prefix(text, prefix)
  return strings.has_prefix(text, prefix) and text:sub(#prefix + 1) or text
end

local function without_suffix(text, suffix)
  return strings.has_suffix(text, suffix) and text:sub(1, #text - #suffix) or text
end

local function without_slashes(text)
  while strings.has_prefix(text, "/") do
    text = text:sub(2)
  end
  while strings.has_suffix(text, "/") do
    text = text:sub(1, -2)
  end
  return text
end

-- Names and paths. A check returns the value as it will be used, or nothing and what is wrong.

local CONTROL = regexp.compile("[\\x00-\\x1f\\x7f-\\x{9f}\\x{2028}\\x{2029}]")
local NOT_IN_NAMES = regexp.compile(
  "[ \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{202f}\\x{205f}\\x{3000}./\\\\'\"`%?#*:;|<>{}\\[\\]]"
)
local NOT_IN_PATHS = regexp.compile("[\\\\'\"`]|\\{\\{|\\}\\}")

local function first_found(text, pattern)
  local found = CONTROL.find(text)
  return found ~= "" and found or pattern.find(text)
end

-- Unity Catalog stores names in lower case.
local function check_identifier(kind, value)
  if value == "" then
    return nil, kind .. " is empty; give it a name"
  end
  local stored = value:lower()
  local length = count_characters(stored)
  if length > MAX_NAME_LENGTH then
    return nil, kind .. " " .. quoted(first_characters(value, 40)) .. "... has " .. tostring(length) ..
      " characters, Unity Catalog takes " .. tostring(MAX_NAME_LENGTH) .. "; shorten it"
  end
  local found = first_found(value, NOT_IN_NAMES)
  if found ~= "" then
    return nil, kind .. " " .. quoted(value) .. " holds " .. quoted(found) .. "; use letters, digits, '_' and '-' in it"
  end
  return stored
end

local function table_name(value)
  local stored, problem = check_identifier("table name", value)
  local name = stored and strings.replace(stored, "-", "_", -1)
  if name == "_delta_log" then
    return nil, "table name " .. quoted(value) .. " would make the branch's folder look like a Delta table; use another name"
  end
  return name, problem
end

local function check_segments(bare, path)
  local last = ""
  for _, segment in ipairs(strings.split(bare, "/")) do
    last = segment
    if segment == "" or segment == "." or segment == ".." then
      local named = segment == "" and "an empty segment" or "the segment " .. quoted(segment)
      return "path " .. quoted(path) .. " has " .. named .. "; write it from the repository's root"
    end
  end
  if last == "_delta_log" then
    return "path " .. quoted(path) .. " is the log of a Delta table; name the table's folder, which holds it"
  end
  return nil
end

local function table_path(path)
  local bare = without_suffix(without_prefix(path, "/"), "/")
  if bare == "" then
    return nil, "path " .. quoted(path) .. " is empty; name the folder of the table"
  end
  local found = first_found(bare, NOT_IN_PATHS)
  if found ~= "" then
    return nil, "path " .. quoted(first_characters(path, 200)) .. " holds " .. quoted(found) .. "; use a path without it"
  end
  if #bare > MAX_PATH_BYTES then
    return nil, "path " .. quoted(first_characters(path, 40)) .. "... has " .. tostring(#bare) ..
      " bytes, an object's key " .. tostring(MAX_PATH_BYTES) .. "; shorten it"
  end
  local problem = check_segments(bare, path)
  return not problem and bare or nil, problem
end

local function contains(outer, inner)
  return strings.has_prefix(inner .. "/", outer .. "/")
end

local function path_outside(folder, value)
  local path, problem = table_path(value)
  if path and (contains(path, folder) or contains(folder, path)) then
    return nil, "path " .. quoted(path) .. " and the descriptor folder " .. quoted(folder) ..
      " lie inside each other; move the table"
  end
  return path, problem
end

-- The rules, from the settings

local PLACEHOLDERS = { ["{branch}"] = true, ["{repository}"] = true }

local function check_template(template)
  local found = regexp.compile("\\{[^{}]*\\}").find_all(template, -1) or {}
  table.sort(found)
  for _, placeholder in ipairs(found) do
    if not PLACEHOLDERS[placeholder] then
      fail(
        "schema_template " .. quoted(template) .. " has the placeholder " .. placeholder ..
          "; use {branch} and {repository}"
      )
    end
  end
end

local function schema_problem(template)
  local filled = strings.replace(template, "{branch}", action.branch_id, -1)
  local _, problem = check_identifier("schema", strings.replace(filled, "{repository}", action.repository_id, -1))
  return problem
end

local function checked_folder()
  local folder = text_setting("descriptor_folder", "_lakefs_tables")
  local _, problem = table_path(folder)
  if problem then
    fail("descriptor_folder: " .. problem .. ", in " .. SETTINGS_PLACE)
  end
  return without_slashes(folder)
end

-- The path without an ending that is almost that of descriptors, such as `.yml`; nothing where it has none.
local function without_almost_suffix(path)
  for _, ending in ipairs({ ".yml", SUFFIX }) do
    if strings.has_suffix(path:sub(-#ending):lower(), ending) and not strings.has_suffix(path, SUFFIX) then
      return path:sub(1, #path - #ending)
    end
  end
  return nil
end

local function note(text)
  print(visible("note: " .. text))
end

-- Which files are wanted, and their order, by their paths inside the folder without `.yaml`; nothing where all are.
local function wanted_files()
  local wanted = nil
  for position, entry in ipairs(list_setting("table_defs")) do
    local key, bare = without_suffix(entry, SUFFIX), without_almost_suffix(entry)
    wanted = wanted or {}
    wanted[key] = wanted[key] or position
    if bare then
      note("table_defs names " .. quoted(entry) .. ", and descriptors end in .yaml; write " .. quoted(bare) .. " there")
    end
  end
  return wanted
end

local function read_rules()
  local template = text_setting("schema_template", "{branch}")
  check_template(template)
  return {
    catalog = text_setting("catalog"),
    schema_template = template,
    folder = checked_folder(),
    wanted = wanted_files(),
  }
end

-- What lakeFS holds

-- Objects come as they are, so what is said in the place of one is JSON; other answers are tables.
local function refuse_answer(code, what, answer)
  local read, refusal = pcall(json.unmarshal, answer)
  refusal = read and refusal or answer
  local said = type(refusal) == "table" and type(refusal.message) == "string" and " (" .. refusal.message .. ")" or ""
  fail("lakeFS answered " .. tostring(code) .. said .. " when asked for " .. what)
end

-- The entries of every page; `ask` gets what the page comes after.
local function every_entry(what, ask)
  local entries, after = {}, ""
  while true do
    local code, page = ask(after)
    if code ~= 200 or type(page) ~= "table" or type(page.pagination) ~= "table" then
      refuse_answer(code, what, page)
    end
    local results = page.results or {}
    for _, entry in ipairs(results) do
      entries[#entries + 1] = entry
    end
    if not page.pagination.has_more or #results == 0 then
      return entries
    end
    after = results[#results].path
  end
end

local function uncommitted_changes(rules)
  return every_entry("uncommitted changes of branch " .. action.branch_id, function(after)
    return lakefs.diff_branch(action.repository_id, action.branch_id, after, PAGE_SIZE, rules.folder .. "/")
  end)
end

-- What the source changed since it left the destination.
local function changes_to_merge(destination, rules)
  return every_entry("changes of " .. action.source_ref .. " since " .. destination, function(after)
    return lakefs.diff_refs(
      action.repository_id, destination, action.source_ref, after, rules.folder .. "/", "", PAGE_SIZE
    )
  end)
end

-- The path inside the folder, or nothing for what lies elsewhere, and for hidden files and folders.
local function path_inside(path, folder)
  local inside = without_prefix(path, folder .. "/")
  for _, part in ipairs(strings.split(inside, "/")) do
    if strings.has_prefix(part, ".") or strings.has_prefix(part, "_") then
      return nil
    end
  end
  return inside ~= path and inside or nil
end

-- The key by which table_defs names a file, or nothing: hidden files and folders and other endings are no descriptors.
local function descriptor_key(path, folder)
  local inside = path_inside(path, folder)
  return inside and strings.has_suffix(inside, SUFFIX) and without_suffix(inside, SUFFIX) or nil
end

-- A file that is no descriptor for its ending alone is no reason to refuse: the export does without it.
local function note_on_ending(path, rules)
  local inside = path_inside(path, rules.folder)
  local bare = inside and without_almost_suffix(inside)
  if bare and (rules.wanted == nil or rules.wanted[inside] or rules.wanted[bare]) then
    note(path .. " is not read: descriptors end in .yaml; rename it")
  end
end

local function is_descriptor(path, rules)
  local key = descriptor_key(path, rules.folder)
  return key ~= nil and (rules.wanted == nil or rules.wanted[key] ~= nil)
end

-- By path, or in the order of table_defs where it says which.
local function in_order(files, rules)
  local function rank(file)
    return rules.wanted[descriptor_key(file.path, rules.folder)]
  end
  table.sort(files, function(one, other)
    if rules.wanted == nil then
      return one.path < other.path
    end
    return rank(one) < rank(other)
  end)
  return files
end

-- The descriptor files at a ref, each as its path, its size and where to read it.
local function descriptor_files(ref, rules)
  local entries = every_entry("objects at " .. ref, function(after)
    return lakefs.list_objects(action.repository_id, ref, after, rules.folder .. "/", "", PAGE_SIZE)
  end)
  local files = {}
  for _, entry in ipairs(entries) do
    if is_descriptor(entry.path, rules) then
      files[#files + 1] = { path = entry.path, size = entry.size_bytes or 0, ref = ref }
    end
  end
  return files
end

local function before_commit(rules)
  local brings = false
  for _, change in ipairs(uncommitted_changes(rules)) do
    if change.type ~= "removed" then
      note_on_ending(change.path, rules)
      brings = brings or is_descriptor(change.path, rules)
    end
  end
  return brings and in_order(descriptor_files(action.branch_id, rules), rules) or nil
end

-- The files that the source changed, or nothing where it brings none. Where both sides changed one, the source's
-- counts, unless the destination wins.
local function files_from_source(destination, rules)
  local strategy = (action.commit.metadata or {})[MERGE_STRATEGY]
  local from_source, brings = {}, false
  for _, change in ipairs(changes_to_merge(destination, rules)) do
    local is_lost = change.type == "conflict" and strategy == DESTINATION_WINS
    if change.type ~= "removed" and not is_lost then
      note_on_ending(change.path, rules)
    end
    if is_descriptor(change.path, rules) and not is_lost then
      from_source[change.path] = true
      brings = brings or change.type ~= "removed"
    end
  end
  return brings and from_source or nil
end

local function before_merge(rules)
  if not regexp.match("^[0-9a-f]{6,64}$", action.source_ref) then
    fail("event pre-merge: source_ref is missing or not a commit's id")
  end
  local destination = action.commit.parents[1] or action.branch_id
  local from_source = files_from_source(destination, rules)
  if not from_source then
    return nil
  end
  local files = {}
  for _, file in ipairs(descriptor_files(destination, rules)) do
    if not from_source[file.path] then
      files[#files + 1] = file
    end
  end
  for _, file in ipairs(descriptor_files(action.source_ref, rules)) do
    if from_source[file.path] then
      files[#files + 1] = file
    end
  end
  return in_order(files, rules)
end

-- One descriptor

local function new_findings()
  local lines = {}
  return lines, function(file, where, message)
    lines[#lines + 1] = visible(file .. ": " .. (where ~= "" and where .. ": " or "") .. message)
  end
end

-- The content of a file, or nothing where it cannot be read or is too large for a descriptor.
local function read_content(file, tell)
  if file.size > MAX_DESCRIPTOR_BYTES then
    tell(file.path, "", "has " .. tostring(file.size) .. " bytes; a descriptor is a few lines of YAML")
    return nil
  end
  local code, content = lakefs.get_object(action.repository_id, file.ref, file.path)
  if code == 404 or code == 410 then
    tell(file.path, "", "cannot be read, lakeFS answered " .. tostring(code))
    return nil
  end
  if code ~= 200 or type(content) ~= "string" then
    refuse_answer(code, "object " .. file.path, content)
  end
  return content
end

-- YAML. The exporter reads version 1.1 and one document, lakeFS's library 1.2 and the first of several, and it gives no
-- dates to Lua. So before it reads a text, marks are put before the plain values of the fields, which then come as they
-- are written, and before what looks like a date or a merge key, which then is text.

local YAML_LINE = regexp.compile("line ([0-9]+): ([^\\n]*)")
local TWICE = regexp.compile("^mapping key \"([^\"\\\\]*)\" already defined at line ([0-9]+)$")
-- What lakeFS's library says of a text that is YAML and that the exporter reads. Keys that are lists are one key to it.
local NO_FAULT = regexp.compile(
  "^yaml: (?:document contains excessive aliasing|exceeded max depth|cannot decode|!!binary|anchor '|map merge|" ..
    "invalid map key|unmarshal errors:\\n  line [0-9]+: mapping key \"\" )"
)
local DOCUMENT_START = regexp.compile("^(?:\\n%[^\\n]*|\\n[ \\t]*(?:#[^\\n]*)?)*\\n---")
local AFTER_DOCUMENT = regexp.compile("(?s)\\n(?:---|\\.\\.\\.)(?:[ \\t\\n].*)?$")
local NOTHING = regexp.compile("^(?:\\n(?:(?:---|\\.\\.\\.)(?:[ \\t]+#[^\\n]*|[ \\t]*)|[ \\t]*(?:#[^\\n]*)?))*$")
local BYTE_ORDER_MARK = "\239\187\191"
local A_LIST = regexp.compile("^[ \\t\\n]*(?:\\[|-(?:[ \\t\\n]|$))")
-- Plain values that YAML 1.1 does not read as text: nothing, and switches, numbers (also to base 60) and dates. What is
-- tagged as binary is taken with its tag.
local NULL = regexp.compile("^(?:~|null|Null|NULL)$")
local NOT_TEXT = regexp.compile(
  "^(?:!!binary.*|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF" ..
    "|[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+" ..
    "|[-+]?[0-9][0-9_]*\\.[0-9_]*(?:[eE][-+][0-9]+)?|\\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?" ..
    "|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\\.[0-9_]*|[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)" ..
    "|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \\t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}" ..
    "(?:\\.[0-9]*)?(?:[ \\t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$"
)

-- The places for marks: groups one and two end before a plain value, of a field or with an anchor, and the third and
-- fourth before a date or a merge key. A value on the line below its key is looked for by itself.
local FIELD = "(?:" .. table.concat(FIELDS, "|") .. ")"
local FIELD_KEY = "[\\n{,][ \\t\\n]*(?:" .. FIELD .. "[ \\t]*:[ \\t]|[\"']" .. FIELD .. "[\"'][ \\t]*:)[ \\t]*"
local ANCHOR = "&[^ \\t\\n,{}\\[\\]]+[ \\t]+"
local PLAIN = "(?:[+.~0-9A-Za-z]|-[.0-9]|!!binary[ \\t])"
local PLACES = regexp.compile(
  "(" .. FIELD_KEY .. "(?:" .. ANCHOR .. ")?)" .. PLAIN .. "|(:[ \\t]+" .. ANCHOR .. ")" .. PLAIN ..
    "|([ \\t\\n\\[{,:])[0-9]{4}-[0-9]{1,2}-[0-9]|([\\n{,][ \\t\\n]*)<<[ \\t]*:"
)
local VALUES_BELOW = regexp.compile(
  "([\\n{,][ \\t\\n]*[\"']?" .. FIELD .. "[\"']?[ \\t]*:(?:[ \\t]*(?:#[^\\n]*)?\\n)+[ \\t]+(?:" .. ANCHOR .. ")?)" ..
    PLAIN
)

-- Words that the text does not hold: for plain values, for the rest, and for the document itself.
local function new_marks(text)
  local word = "Mark"
  while strings.contains(text, word) do
    word = word .. "k"
  end
  return { plain = word .. "p", other = word .. "o", document = word .. "d" }
end

local function with_marks_at(places, text, marks)
  local parts, from = {}, 1
  for _, found in ipairs(places.find_all_submatch(text, -1)) do
    -- In lakeFS, `find` looks for the text itself.
    local first = text:find(found[1], from)
    local plain, other = found[2] .. (found[3] or ""), (found[4] or "") .. (found[5] or "")
    local place = first + #plain + #other
    parts[#parts + 1] = text:sub(from, place - 1) .. (other == "" and marks.plain or marks.other)
    parts[#parts + 1] = text:sub(place, first + #found[1] - 1)
    from = first + #found[1]
  end
  return table.concat(parts) .. text:sub(from)
end

local function with_marks(text, marks)
  return with_marks_at(VALUES_BELOW, with_marks_at(PLACES, text, marks), marks)
end

local function without_marks(text, marks)
  return strings.replace(strings.replace(text, marks.plain, "", -1), marks.other, "", -1)
end

local function not_yaml(line, reason)
  return nil, line, "is not YAML (" .. reason .. "); write it as `key: value` lines"
end

-- The number of a line in the file; the key of the document is a line of its own.
local function line_before(number)
  return tostring(math.max(tonumber(number) - 1, 1))
end

-- What lakeFS's library says of a text that it refuses, with the line where it names one.
local function refusal(problem)
  local found = YAML_LINE.find_submatch(problem)
  if not found[3] then
    return not_yaml("", problem)
  end
  local line = "line " .. line_before(found[2])
  local twice = TWICE.find_submatch(found[3])
  if twice[3] then
    local first = line_before(twice[3])
    return nil, line, "the key " .. quoted(twice[2]) .. " stands twice, first in line " .. first .. "; keep one"
  end
  return not_yaml(line, found[3])
end

-- Compiled patterns only find; those that are asked here never match an empty text.
local function matches(pattern, text)
  return pattern.find(text) ~= ""
end

-- The text before the document, the document, and what follows it.
local function split_document(text)
  local start = DOCUMENT_START.find(text)
  local document = text:sub(#start + 1)
  local rest = AFTER_DOCUMENT.find(document)
  return start, without_suffix(document, rest), rest
end

-- The document as the value of a key, with its lines indented: lakeFS's library does not look behind a document.
local function as_value(start, document, marks)
  local head = start == "" and "" or start:sub(2) .. "\n"
  return head .. marks.document .. ":" .. strings.replace(document, "\n", "\n ", -1)
end

-- The keys of a file, without the marks that stand before a key on the line below another.
local function bare_keys(keys, marks)
  local bare = {}
  for key, value in pairs(keys) do
    bare[type(key) == "string" and without_marks(key, marks) or key] = value
  end
  return bare
end

-- The keys of a file, with the marks in its values. Else nothing, the field of the problem and the problem; where
-- lakeFS's library is to blame, nothing, nothing and what it says.
local function parse_yaml(content)
  if strings.has_prefix(content, "\255\254") or strings.has_prefix(content, "\254\255") then
    return nil, nil, "UTF-16"
  end
  local lines = strings.replace(strings.replace(content, "\r\n", "\n", -1), "\r", "\n", -1)
  local start, document, rest = split_document("\n" .. without_prefix(lines, BYTE_ORDER_MARK))
  if rest ~= "" and not matches(NOTHING, rest) then
    return not_yaml("", "found another document")
  end
  if strings.contains(document, "\n" .. BYTE_ORDER_MARK) then
    return not_yaml("", "found a byte order mark within the text")
  end
  local marks = new_marks(lines)
  local read, parsed = pcall(yaml.unmarshal, as_value(start, document, marks))
  local problem = not read and type(parsed) == "string" and parsed or "nested too deeply"
  if not read and strings.has_prefix(problem, "yaml: ") and not matches(NO_FAULT, problem) then
    return refusal(problem)
  end
  local marked_read, marked = pcall(yaml.unmarshal, as_value(start, with_marks(document, marks), marks))
  if not read and not marked_read then
    return nil, nil, problem
  end
  -- A mark may stand where a tag allows no text.
  local keys = (marked_read and marked or parsed)[marks.document]
  if type(keys) ~= "table" or matches(A_LIST, document) then
    return nil, "", "holds no `key: value` lines; give it name, type and path"
  end
  if keys[marks.other .. "<<"] ~= nil then
    return not_yaml("", "merge keys (<<) are not read")
  end
  return { keys = bare_keys(keys, marks), marks = marks }
end

-- The text of a field; else nothing, and what is wrong unless it is missing. Libraries disagree about which plain
-- words are text, so a plain value is judged by its spelling.
local function field_text(parsed, field)
  local value = parsed.keys[field]
  if type(value) ~= "string" then
    return nil, value ~= nil and "is not text; put its value in quotes" or nil
  end
  if not strings.has_prefix(value, parsed.marks.plain) then
    return without_marks(value, parsed.marks)
  end
  value = without_marks(value, parsed.marks)
  if matches(NULL, value) then
    return nil, nil
  end
  if matches(NOT_TEXT, value) then
    return nil, "is not text; put its value in quotes"
  end
  return value
end

-- The texts of the fields, or nothing where one of them is wrong.
local function read_fields(file, parsed, tell)
  local fields, valid = {}, true
  for _, field in ipairs(FIELDS) do
    local text, problem = field_text(parsed, field)
    fields[field] = text
    if not text and not problem and not OPTIONAL[field] then
      problem = "is missing; add it"
    end
    if problem then
      tell(file, field, problem)
      valid = false
    end
  end
  return valid and fields or nil
end

local function check_names(file, fields, rules, tell)
  local catalog, catalog_problem = check_identifier("catalog", fields.catalog or rules.catalog)
  local name, name_problem = table_name(fields.name)
  local path, path_problem = path_outside(rules.folder, fields.path)
  local method_problem
  if fields.clone_method and not CLONE_METHODS[fields.clone_method] then
    method_problem = "is none of shallow, storage, deep; use one of them, or leave it out"
  end
  local problems = { catalog = catalog_problem, name = name_problem, path = path_problem, clone_method = method_problem }
  for _, field in ipairs({ "catalog", "name", "path", "clone_method" }) do
    if problems[field] then
      tell(file, field, problems[field])
    end
  end
  if catalog and name and path and not method_problem then
    return { file = file, table = name, path = path }
  end
  return nil
end

-- The descriptor in a file, or nothing where it is wrong, cannot be read here, or is of another type than delta, which
-- is not exported.
local function read_descriptor(file, content, rules, tell)
  local parsed, where, problem = parse_yaml(content)
  if not parsed and not where then
    note(file .. " is not checked: lakeFS's YAML library cannot read it (" .. problem .. "), the export can")
    return nil
  end
  if not parsed then
    tell(file, where, problem)
    return nil
  end
  local kind = field_text(parsed, "type")
  if kind and strings.trim(kind):lower() ~= "delta" then
    return nil
  end
  local fields = read_fields(file, parsed, tell)
  return fields and check_names(file, fields, rules, tell)
end

-- All descriptors together

local function other_files(same, descriptor)
  local files = {}
  for _, other in ipairs(same) do
    if other ~= descriptor then
      files[#files + 1] = other.file
    end
  end
  return table.concat(files, ", ")
end

-- The tables whose name no other descriptor has.
local function without_collisions(tables, tell)
  local by_name, names, kept = {}, {}, {}
  for _, descriptor in ipairs(tables) do
    if not by_name[descriptor.table] then
      by_name[descriptor.table] = {}
      names[#names + 1] = descriptor.table
    end
    table.insert(by_name[descriptor.table], descriptor)
  end
  for _, name in ipairs(names) do
    local same = by_name[name]
    for _, descriptor in ipairs(same) do
      if #same == 1 then
        kept[#kept + 1] = descriptor
      else
        tell(
          descriptor.file,
          "name",
          "table " .. quoted(name) .. " is also described by " .. other_files(same, descriptor) ..
            "; rename one, they cannot share it"
        )
      end
    end
  end
  return kept
end

-- In the order of path and slash, what a folder holds follows it; tables of one path stay in their order.
local function sort_by_path(tables)
  for position, descriptor in ipairs(tables) do
    descriptor.position = position
  end
  table.sort(tables, function(one, other)
    if one.path == other.path then
      return one.position < other.position
    end
    return one.path .. "/" < other.path .. "/"
  end)
end

local function tell_of_nested(tables, tell)
  sort_by_path(tables)
  local outer = nil
  for _, descriptor in ipairs(tables) do
    if outer and outer.path ~= descriptor.path and contains(outer.path, descriptor.path) then
      tell(
        descriptor.file,
        "path",
        "path " .. quoted(descriptor.path) .. " lies inside the table " .. quoted(outer.path) .. " of " .. outer.file ..
          "; move it out"
      )
    else
      outer = descriptor
    end
  end
end

local function find_problems(files, rules)
  local lines, tell = new_findings()
  local tables = {}
  for _, file in ipairs(files) do
    local content = read_content(file, tell)
    local descriptor = content and read_descriptor(file.path, content, rules, tell)
    if descriptor then
      tables[#tables + 1] = descriptor
    end
  end
  tell_of_nested(without_collisions(tables, tell), tell)
  return lines
end

local EVENTS = { ["pre-commit"] = before_commit, ["pre-merge"] = before_merge }

local function refuse(lines)
  local operation = without_prefix(action.event_type, "pre-")
  local count = #lines == 1 and "1 problem" or tostring(#lines) .. " problems"
  stop(
    count .. " in the table descriptors that this " .. operation .. " would leave; mend all, then try again:\n" ..
      table.concat(lines, "\n")
  )
end

local function main()
  local files_of_event = EVENTS[action.event_type]
  if not files_of_event then
    fail("event " .. tostring(action.event_type) .. " is not checked, list only pre-commit and pre-merge")
  end
  local rules = read_rules()
  local schema = schema_problem(rules.schema_template)
  if schema then
    refuse({ "branch " .. action.branch_id .. ": " .. schema })
  end
  local files = files_of_event(rules)
  if not files then
    return
  end
  local lines = find_problems(files, rules)
  if #lines > 0 then
    refuse(lines)
  end
  print("the table descriptors are valid")
end

main()
