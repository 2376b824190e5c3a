--[[
Starts one run of the Databricks job export_tables for the commit that an event left on a branch.

args: databricks_host, databricks_token, job_id (see _lakefs_actions/unity_export.yaml).

Decides nothing about tables: the job finds out what changed. Sends one request; a second delivery of the same event
carries the same idempotency token, so Databricks answers with the run it already started.
Job and run ids stay text: Lua's numbers would round long ones.
]]

local hex = require("encoding/hex")
local http = require("net/http")
local json = require("encoding/json")
local regexp = require("regexp")
local sha256 = require("crypto/sha256")
local strings = require("strings")

local RUN_NOW = "/api/2.2/jobs/run-now"
local EVENTS = {
  ["post-commit"] = true,
  ["post-merge"] = true,
  ["post-revert"] = true,
  ["post-cherry-pick"] = true,
  ["post-create-branch"] = true,
}
local SETTINGS_PLACE = "the args of _lakefs_actions/unity_export.yaml"
local LONGEST_QUOTE = 300

local REMEDIES = {
  [400] = "check job_id in " .. SETTINGS_PLACE .. ", and that the job has the parameters of this version of the bundle",
  [401] = "the token is wrong or has expired: put a valid one where databricks_token in " .. SETTINGS_PLACE .. " takes it from",
  [403] = "give the token's owner CAN MANAGE RUN on the job, and check the workspace's IP access list",
  [404] = "check databricks_host and job_id in " .. SETTINGS_PLACE .. ": there is no such job or workspace",
  [429] = "the workspace has too many requests at the moment: start the job by hand, or wait for the next commit",
}

local function fail(problem)
  error("unity_export: " .. problem, 0)
end

-- What went wrong with the request ends here: the commit stays, so say how to export it after all.
local function fail_unsent(problem)
  fail(
    problem .. ". Not exported: repository " .. action.repository_id .. ", branch " .. action.branch_id ..
      ", commit " .. action.commit_id .. "; to export it, run the job with these parameters"
  )
end

local function setting(name)
  local value = args and args[name]
  if type(value) == "number" then
    value = tostring(value)
  end
  if type(value) ~= "string" or strings.trim(value) == "" then
    fail(
      name .. " is missing or empty in " .. SETTINGS_PLACE ..
        "; where it refers to {{ ENV.X }}, X must be set on the lakeFS server and begin with LAKEFS"
    )
  end
  return strings.trim(value)
end

-- The values themselves stay out of these messages: one may be the token, put in the wrong place.
local function checked_host()
  local host = setting("databricks_host")
  while host:sub(-1) == "/" do
    host = host:sub(1, -2)
  end
  if regexp.match("^http://(127\\.0\\.0\\.1|localhost)(:[0-9]+)?$", host) then
    return host
  end
  if not regexp.match("^https://[A-Za-z0-9._-]+(:[0-9]+)?$", host) then
    fail(
      "databricks_host in " .. SETTINGS_PLACE ..
        " is not the URL of a workspace; give https:// and the host, such as https://adb-1.2.azuredatabricks.net"
    )
  end
  return host
end

local function checked_token()
  local token = setting("databricks_token")
  if not regexp.match("^[!-~]+$", token) then
    fail("databricks_token in " .. SETTINGS_PLACE .. " has characters that no token has, such as a space or line break")
  end
  return token
end

local function checked_job_id()
  local job_id = setting("job_id")
  if not regexp.match("^[1-9][0-9]{0,18}$", job_id) then
    fail("job_id in " .. SETTINGS_PLACE .. " is not the number of a job; give its digits, in quotes")
  end
  return job_id
end

local function check_event()
  if not EVENTS[action.event_type] or action.branch_id == "" or action.commit_id == "" then
    fail(
      "event " .. tostring(action.event_type) .. " leaves no commit on a branch to export; list only post-commit, " ..
        "post-merge, post-revert, post-cherry-pick and post-create-branch in _lakefs_actions/unity_export.yaml"
    )
  end
end

local function idempotency_token()
  local event = action.repository_id .. "\n" .. action.branch_id .. "\n" .. action.commit_id .. "\n" .. action.event_type
  return hex.encode(sha256.digest(event))
end

local function request_body(job_id)
  local parameters = json.marshal({
    repository = action.repository_id,
    branch = action.branch_id,
    commit_id = action.commit_id,
    event = action.event_type,
  })
  return '{"job_id":' .. job_id .. ',"job_parameters":' .. strings.trim(parameters) ..
    ',"idempotency_token":"' .. idempotency_token() .. '"}'
end

local function without_token(text, token)
  return strings.replace(text, token, "***", -1)
end

local function is_web_page(body)
  local start = strings.trim(body):sub(1, 1000):lower()
  return strings.has_prefix(start, "<") or strings.contains(start, "<html")
end

-- Databricks' own words about an error, with the token taken out, or nothing.
local function explanation(body, token)
  if is_web_page(body) then
    return " with a web page"
  end
  local read, answer = pcall(json.unmarshal, body)
  if not read or type(answer) ~= "table" or type(answer.message) ~= "string" then
    return ""
  end
  local code = type(answer.error_code) == "string" and (answer.error_code .. ": ") or ""
  return " (" .. without_token(code .. answer.message, token):sub(1, LONGEST_QUOTE) .. ")"
end

local function remedy(code)
  if code >= 500 then
    return "the workspace, or something before it, is in trouble: start the job by hand when it is well again"
  end
  return REMEDIES[code] or ("check databricks_host in " .. SETTINGS_PLACE)
end

local function started_run(host, code, body, token)
  if code ~= 200 then
    fail_unsent(host .. " answered " .. tostring(code) .. explanation(body, token) .. "; " .. remedy(code))
  end
  if is_web_page(body) then
    fail_unsent(
      host .. " answered with a web page instead of JSON; databricks_host in " .. SETTINGS_PLACE ..
        " is not a workspace, or a login or proxy stands before it"
    )
  end
  local found = regexp.compile('"run_id"\\s*:\\s*([0-9]+)').find_submatch(body)
  if found == nil or found[2] == nil then
    fail_unsent(
      host .. " answered 200 without a run_id; check that databricks_host in " .. SETTINGS_PLACE .. " is a workspace"
    )
  end
  return found[2]
end

local function main()
  check_event()
  local host, token, job_id = checked_host(), checked_token(), checked_job_id()
  local sent, code, body = pcall(http.request, {
    url = host .. RUN_NOW,
    method = "POST",
    body = request_body(job_id),
    headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" },
  })
  if not sent then
    fail_unsent(
      "no answer from " .. host .. " (" .. without_token(tostring(code), token):sub(1, LONGEST_QUOTE) ..
        "); check databricks_host in " .. SETTINGS_PLACE .. ", and that the lakeFS server can reach it"
    )
  end
  print(host .. "/jobs/" .. job_id .. "/runs/" .. started_run(host, code, body, token))
end

main()
