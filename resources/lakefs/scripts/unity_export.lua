--[[
Starts one run of the Databricks job export_tables for the commit that an event left on a branch.

args: databricks_host, job_id, and either databricks_client_id and databricks_client_secret of a service principal or
databricks_token (see _lakefs_actions/unity_export.yaml).

Decides nothing about tables: the job finds out what changed. Where no answer or a passing failure comes, it asks once
more: the same idempotency token makes Databricks answer with the run that it already started.
lakeFS allows 30 seconds for a request, and the wait before the second is 10 at most: the hook holds a worker of the
server for at most 70 seconds with a token and 100 with OAuth.
Job and run ids stay text: Lua's numbers would round long ones.
]]

local base64 = require("encoding/base64")
local hex = require("encoding/hex")
local json = require("encoding/json")
local regexp = require("regexp")
local sha256 = require("crypto/sha256")
local strings = require("strings")
local time = require("time")
local has_http, http = pcall(require, "net/http")

local TOKEN_PATH = "/oidc/v1/token"
local RUN_NOW_PATH = "/api/2.2/jobs/run-now"
local PLACE = "the args of _lakefs_actions/unity_export.yaml"
local LONGEST_QUOTE = 300
-- So many characters in a row of a secret are never shown.
local PIECE = 8
local WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2, 10
local NANOSECONDS = 1000000000
-- The decision about an event is that of src/lakefs_unity_export/events.py; both obey fixtures/run_now_cases.json.
local COMMIT_EVENTS = { "post-commit", "post-merge", "post-revert", "post-cherry-pick", "post-create-branch" }
local OTHER_EVENTS = {
  "post-create-tag", "post-delete-branch", "post-delete-tag", "pre-cherry-pick", "pre-commit", "pre-create-branch",
  "pre-create-tag", "pre-delete-branch", "pre-delete-tag", "pre-merge", "pre-revert", "prepare-commit",
}
local CONTROL_CHARACTERS = "[\\x00-\\x1f\\x7f-\\x9f" .. json.unmarshal('"\\u2028\\u2029"') .. "]"
-- What each of the args has to look like, and what is said of one that does not.
local SECRET_RULE = {
  "^[!-~]{8,}$",
  "has characters that no token has, such as a space or line break, or is too short for one",
}
local RULES = {
  databricks_host = {
    "^(https://[A-Za-z0-9._-]+|http://(127\\.0\\.0\\.1|localhost))(:[0-9]+)?/*$",
    "is not the URL of a workspace; give https:// and the host, such as https://adb-1.2.azuredatabricks.net",
  },
  job_id = { "^[1-9][0-9]{0,18}$", "is not the number of a job; give its digits, in quotes" },
  databricks_token = SECRET_RULE,
  databricks_client_id = { "^[!-9;-~]+$", "is not the application id of a service principal" },
  databricks_client_secret = SECRET_RULE,
}

local secrets = {}
local retried = false

-- The value as it stands between the quotes of a JSON text; `marshal` takes tables only.
local function escaped(value)
  return json.marshal({ s = value }):sub(#'{"s":"' + 1, -(#'"}\n' + 1))
end

local function keep_secret(value)
  secrets[#secrets + 1] = value
  secrets[#secrets + 1] = escaped(value)
end

local function is_secret(piece)
  for _, secret in ipairs(secrets) do
    if #piece == PIECE and strings.contains(secret, piece) then
      return true
    end
  end
  return false
end

-- The text with pieces of secrets as ***, and as one line.
local function masked(text)
  local shown, hidden_to = {}, 0
  for position = 1, #text do
    local byte = text:byte(position)
    local hidden = position <= hidden_to
    if is_secret(text:sub(position, position + PIECE - 1)) then
      hidden_to = position + PIECE - 1
      shown[#shown + 1] = hidden and "" or "***"
    elseif not hidden then
      shown[#shown + 1] = (byte < 32 or byte == 127) and " " or text:sub(position, position)
    end
  end
  return table.concat(shown)
end

local function quoted(text)
  return " (" .. masked(text:sub(1, 10 * LONGEST_QUOTE)):sub(1, LONGEST_QUOTE) .. ")"
end

-- Ends the run with the text alone; a server that has no `hook` yet shows a trace below it.
local function fail(problem)
  local text = "unity_export: " .. masked(problem)
  local has_hook, hook = pcall(require, "hook")
  if has_hook then
    hook.fail(text)
  end
  error(text, 0)
end

local function field(name)
  local value = type(action) == "table" and action[name]
  return type(value) == "string" and value or ""
end

local event = {
  type = field("event_type"),
  repository = field("repository_id"),
  branch = field("branch_id"),
  commit_id = field("commit_id"),
}

-- Everything that goes wrong once there is a commit to export ends here: it stays, so say how to export it after all.
local function fail_unsent(problem)
  fail(
    problem .. ". Not exported: repository " .. event.repository .. ", branch " .. event.branch ..
      ", commit " .. event.commit_id .. "; to export it, run the job with these parameters"
  )
end

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then
      return true
    end
  end
  return false
end

local function add_name_problem(problems, name, value)
  if value == "" then
    problems[#problems + 1] = name .. " is missing"
  elseif regexp.match("(?s)^.{256}", value) then
    problems[#problems + 1] = name .. " is longer than 255 characters"
  elseif regexp.match(CONTROL_CHARACTERS, value) then
    problems[#problems + 1] = name .. " holds a control character"
  end
end

local function check_whole_event()
  local problems = {}
  add_name_problem(problems, "repository_id", event.repository)
  add_name_problem(problems, "branch_id", event.branch)
  if event.commit_id == "" then
    problems[#problems + 1] = "commit_id is missing"
  elseif not regexp.match("^[0-9a-f]{6,64}$", event.commit_id) then
    problems[#problems + 1] = "commit_id is not a commit's id, which is hexadecimal digits"
  end
  if #problems > 0 then
    fail("event " .. event.type .. ": " .. table.concat(problems, "; "))
  end
end

-- Whether there is a commit to export.
local function leaves_commit()
  if event.type == "" then
    fail("event_type is missing; this is no event as lakeFS sends it")
  end
  if contains(OTHER_EVENTS, event.type) then
    return false
  end
  if not contains(COMMIT_EVENTS, event.type) then
    local shown = regexp.match("^[ -~]{1,60}$", event.type) and ("'" .. event.type .. "'") or "event_type"
    fail(
      shown .. " is not an event of lakeFS that is known here; list only " .. table.concat(COMMIT_EVENTS, ", ") ..
        " in _lakefs_actions/unity_export.yaml"
    )
  end
  check_whole_event()
  return true
end

-- The values themselves stay out of what is said: one may be a secret, put in the wrong place.
local function setting(problems, name)
  local value = args[name]
  value = strings.trim((type(value) == "string" or type(value) == "number") and tostring(value) or "")
  if value == "" then
    problems[#problems + 1] = name .. " is missing or empty in " .. PLACE ..
      "; where it refers to {{ ENV.X }}, X must be set on the lakeFS server and begin with LAKEFS"
  elseif not regexp.match(RULES[name][1], value) then
    problems[#problems + 1] = name .. " in " .. PLACE .. " " .. RULES[name][2]
  end
  return value
end

-- How to ask for access: with a token, or else as a service principal.
local function credentials(problems)
  local has_principal = args.databricks_client_id ~= nil or args.databricks_client_secret ~= nil
  local has_token = args.databricks_token ~= nil
  if has_principal == has_token then
    problems[#problems + 1] = "give either databricks_client_id and databricks_client_secret, or databricks_token, in " ..
      PLACE .. (has_token and ", not both" or "; there is neither")
    return {}
  end
  if has_token then
    return { token = setting(problems, "databricks_token") }
  end
  return {
    client_id = setting(problems, "databricks_client_id"),
    client_secret = setting(problems, "databricks_client_secret"),
  }
end

local function without_slashes(host)
  while host:sub(-1) == "/" do
    host = host:sub(1, -2)
  end
  return host
end

local function checked_settings()
  args = type(args) == "table" and args or {}
  local problems = {}
  local settings = credentials(problems)
  keep_secret(settings.token or settings.client_secret or "")
  settings.host = without_slashes(setting(problems, "databricks_host"))
  settings.job_id = setting(problems, "job_id")
  if #problems > 0 then
    fail_unsent(table.concat(problems, "; "))
  end
  return settings
end

-- Headers have names in canonical case; one that comes twice is a list.
local function seconds_to_wait(headers)
  local value = type(headers) == "table" and headers["Retry-After"]
  if type(value) == "table" then
    value = value[1]
  end
  if type(value) == "string" and regexp.match("^[0-9]{1,9}$", value) then
    return math.min(tonumber(value), LONGEST_WAIT_SECONDS)
  end
  return WAIT_SECONDS
end

local function is_passing(sent, code)
  return not sent or code == 429 or code >= 500
end

local function send(request)
  local sent, code, body, headers = pcall(http.request, request)
  if retried or not is_passing(sent, code) then
    return sent, code, body
  end
  retried = true
  time.sleep(seconds_to_wait(sent and headers) * NANOSECONDS)
  return send(request)
end

local function is_web_page(body)
  local start = strings.trim(body):sub(1, 1000):lower()
  return strings.has_prefix(start, "<") or strings.contains(start, "<html")
end

local function fields_of(body)
  local read, answer = pcall(json.unmarshal, body)
  return read and type(answer) == "table" and answer or {}
end

-- Databricks' own words about an error, or nothing.
local function explanation(body)
  if is_web_page(body) then
    return " with a web page"
  end
  local answer, words = fields_of(body), {}
  for _, name in ipairs({ "error_code", "error", "message", "error_description" }) do
    if type(answer[name]) == "string" and answer[name] ~= "" then
      words[#words + 1] = answer[name]
    end
  end
  return #words > 0 and quoted(table.concat(words, ": ")) or ""
end

local function remedy(code, remedies)
  if code == 429 then
    return "the workspace has too many requests at the moment: start the job by hand, or wait for the next commit"
  end
  if code >= 500 then
    return "the workspace, or something before it, is in trouble: start the job by hand when it is well again"
  end
  return remedies[code] or ("check databricks_host in " .. PLACE)
end

-- The body of the answer, which is 200 and no web page.
local function answer_to(request, remedies)
  local sent, code, body = send(request)
  local used_up = is_passing(sent, code) and ", and the one retry is used up" or ""
  if not sent then
    fail_unsent(
      "no answer from " .. request.url .. quoted(tostring(code)) .. used_up .. "; check databricks_host in " .. PLACE ..
        ", and that the lakeFS server can reach it"
    )
  end
  if code ~= 200 then
    fail_unsent(
      request.url .. " answered " .. tostring(code) .. explanation(body) .. used_up .. "; " .. remedy(code, remedies)
    )
  end
  if is_web_page(body) then
    fail_unsent(
      request.url .. " answered with a web page instead of JSON; databricks_host in " .. PLACE ..
        " is not a workspace, or a login or proxy stands before it"
    )
  end
  return body
end

local function access_token(settings)
  local url = settings.host .. TOKEN_PATH
  local basic = base64.encode(settings.client_id .. ":" .. settings.client_secret)
  keep_secret(basic)
  local principal = "databricks_client_id and databricks_client_secret in " .. PLACE
  local body = answer_to({
    url = url,
    method = "POST",
    body = "grant_type=client_credentials&scope=all-apis",
    headers = { ["Authorization"] = "Basic " .. basic, ["Content-Type"] = "application/x-www-form-urlencoded" },
  }, {
    [400] = "check " .. principal,
    [401] = "the client id or the secret is wrong, or the secret has expired: put valid ones where " .. principal ..
      " take them from",
    [403] = "check that the service principal is in this workspace, and the workspace's IP access list",
  })
  local token = fields_of(body).access_token
  if type(token) ~= "string" or not regexp.match(SECRET_RULE[1], token) then
    fail_unsent(url .. " answered 200 without an access_token; check that databricks_host in " .. PLACE .. " is a workspace")
  end
  keep_secret(token)
  return token
end

local function idempotency_token()
  return hex.encode(
    sha256.digest(event.repository .. "\n" .. event.branch .. "\n" .. event.commit_id .. "\n" .. event.type)
  )
end

local function request_body(job_id)
  local parameters = json.marshal({
    repository = event.repository,
    branch = event.branch,
    commit_id = event.commit_id,
    event = event.type,
  })
  return '{"job_id":' .. job_id .. ',"job_parameters":' .. strings.trim(parameters) ..
    ',"idempotency_token":"' .. idempotency_token() .. '"}'
end

local function started_run(settings, token)
  local url = settings.host .. RUN_NOW_PATH
  local body = answer_to({
    url = url,
    method = "POST",
    body = request_body(settings.job_id),
    headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" },
  }, {
    [400] = "check job_id in " .. PLACE .. ", and that the job has the parameters of this version of the bundle",
    [401] = settings.token
        and ("the token is wrong or has expired: put a valid one where databricks_token in " .. PLACE .. " takes it from")
      or ("add the service principal to this workspace, or correct databricks_host in " .. PLACE),
    [403] = "give the token's owner CAN MANAGE RUN on the job, and check the workspace's IP access list",
    [404] = "check databricks_host and job_id in " .. PLACE .. ": there is no such job or workspace",
  })
  local found = regexp.compile('"run_id"\\s*:\\s*([0-9]+)').find_submatch(body)
  if type(fields_of(body).run_id) ~= "number" or found == nil or found[2] == nil then
    fail_unsent(url .. " answered 200 without a run_id; check that databricks_host in " .. PLACE .. " is a workspace")
  end
  return found[2]
end

local function main()
  if not leaves_commit() then
    print("event " .. event.type .. " leaves no new commit on a branch: nothing to export")
    return
  end
  if not has_http then
    fail_unsent(
      "net/http is off on this lakeFS server: set actions.lua.net_http_enabled=true, " ..
        "or use the webhook trigger or reconcile"
    )
  end
  local settings = checked_settings()
  local run_id = started_run(settings, settings.token or access_token(settings))
  print(masked(settings.host .. "/jobs/" .. settings.job_id .. "/runs/" .. run_id))
end

main()
