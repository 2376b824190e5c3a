"""The contract of lakeFS's hooks: which events fire, what they tell, and what happens when a hook goes wrong."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lakefs.exceptions import ConflictException
from lakefs_sdk.exceptions import ApiException

from local_stack.lakefs.standin.hooks.kinds import HookPropertyError, duration_seconds

if TYPE_CHECKING:
    from lakefs_contract import Contract
    from lakefs_hook_target import HookTarget

pytest_plugins = ["lakefs_contract"]

ROOT = Path(__file__).parents[3]
RECORDED = json.loads((ROOT / "fixtures/lakefs_events.json").read_text())
# What `every_operation` does: 4 commits with three events each, and 7 operations with two.
COMMITS = 4
EVENTS_FIRED = 3 * COMMITS + 2 * 7
SEND_ACTION = """
local http, json = require("net/http"), require("encoding/json")
action.commit.parents = array(action.commit.parents)
local body = json.marshal({action = action, username = username})
local code = http.request({url = args.url, method = "POST", body = body})
print("sent " .. action.event_type .. ", answered " .. tostring(code))
"""


def webhook(url: str, **properties: Any) -> dict[str, Any]:
    return {"id": "w1", "type": "webhook", "properties": {"url": url, **properties}}


def lua(script: str, **arguments: Any) -> dict[str, Any]:
    return {"id": "l1", "type": "lua", "properties": {"script": script, "args": arguments}}


def action(*hooks: dict[str, Any], on: list[str]) -> dict[str, Any]:
    return {"name": "rec", "on": dict.fromkeys(on), "hooks": list(hooks)}


def bodies(target: HookTarget) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in target.received]


def every_operation(contract: Contract) -> None:
    """Each operation that fires events, as they were recorded."""
    repository = contract.repository
    repository.branch("main").commit("add actions", metadata={"k": "v"})
    contract.branch("dev")
    contract.commit("dev", "d")
    merged = repository.branch("dev").merge_into("main")
    repository.branch("main").revert(contract.commit("main", "r"))
    picked = contract.commit("dev", "p", message="z1")
    repository.branch("main").cherry_pick(picked)
    repository.tag("v1").create(merged)
    repository.tag("v1").delete()
    repository.branch("dev").delete()


def test_webhooks_tell_of_every_event_what_was_recorded(contract: Contract, target: HookTarget) -> None:
    events = sorted(RECORDED["webhook"])
    contract.put_action("main", action(webhook(f"{target.url}/hook", query_params={"a": "b c"}), on=events))

    every_operation(contract)

    target.wait_for(EVENTS_FIRED)
    assert len(target.received) == EVENTS_FIRED
    told = {body["event_type"]: body for body in bodies(target)}
    assert sorted(told) == events
    for event, recorded in RECORDED["webhook"].items():
        fields = set(told[event]) - {"commit_metadata"} if event.endswith("-commit") else set(told[event])
        assert fields == set(recorded) - ({"commit_metadata"} if event.endswith("-commit") else set()), event
        assert told[event]["repository_id"] == contract.name
    request = target.received[0]
    assert (request.path, request.headers["Content-Type"]) == ("/hook?a=b+c", "application/json")
    assert told["post-merge"]["merge_source"] == "dev"
    assert told["post-create-branch"]["source_ref"] == "main"


def test_lua_actions_hold_what_was_recorded(contract: Contract, target: HookTarget) -> None:
    events = sorted(event for event in RECORDED["lua"] if event != "prepare-commit")
    contract.put_action("main", action(lua(SEND_ACTION, url=target.url), on=events))

    every_operation(contract)

    target.wait_for(EVENTS_FIRED - COMMITS)
    told = {body["action"]["event_type"]: body for body in bodies(target)}
    assert sorted(told) == events
    for event in events:
        assert shape(told[event]) == shape(RECORDED["lua"][event]), event


def shape(value: Any) -> Any:
    """The fields, and whether each is empty; what metadata says and when things happened is another matter."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key != "metadata"}
    if isinstance(value, list):
        return len(value)
    return bool(value)


def test_a_post_event_follows_its_pre_event_and_names_the_new_commit(contract: Contract, target: HookTarget) -> None:
    contract.put_action("main", action(lua(SEND_ACTION, url=target.url), on=["pre-commit", "post-commit"]))
    parent = contract.repository.branch("main").get_commit().id
    commit = contract.commit("main", "a")

    target.wait_for(2)
    before, after = (body["action"] for body in bodies(target))
    assert (before["event_type"], before["commit_id"], before["source_ref"]) == ("pre-commit", "", "main")
    assert (after["event_type"], after["commit_id"], after["source_ref"]) == ("post-commit", commit, commit)
    assert (before["commit"]["parents"], after["commit"]["parents"]) == ([parent], [parent])
    assert after["pre_run_id"] == before["run_id"]


def test_a_hard_reset_and_a_conflict_tell_nobody(contract: Contract, target: HookTarget) -> None:
    contract.put_action("main", action(webhook(target.url), on=["post-commit", "post-merge", "post-revert"]))
    first = contract.commit("main", "a", content=b"1")
    contract.branch("dev")
    contract.commit("dev", "a", content=b"2")
    contract.commit("main", "a", content=b"3")
    assert len(target.wait_for(3)) == 3

    with pytest.raises(ConflictException):
        contract.repository.branch("dev").merge_into("main")
    contract.api.experimental_api.hard_reset_branch(contract.name, "main", first)

    time.sleep(0.3)
    assert len(target.received) == 3


@pytest.mark.parametrize(
    "content",
    [
        b'{"on": {"post-nothing": null}, "hooks": [{"id": "ok", "type": "lua", "properties": {"script": "a = 1"}}]}',
        b'{"on": {"post-commit": null}, "hooks": [{"id": "o", "type": "lua", "properties": {"script": "a = 1"}}]}',
        b"on: [unclosed",
        b"print('a script in the wrong folder')",
    ],
    ids=["unknown event", "one-character id", "no YAML", "no action"],
)
def test_a_bad_action_file_stops_every_commit_on_its_branch_only(content: bytes, contract: Contract) -> None:
    contract.branch("other")
    contract.put("main", "_lakefs_actions/bad.yaml", content=content)

    with pytest.raises(ApiException) as error:
        contract.api.commits_api.commit(contract.name, "main", {"message": "stopped"})
    assert error.value.status == 500
    assert contract.commit("other", "a")
    contract.repository.branch("main").object("_lakefs_actions/bad.yaml").delete()
    assert contract.commit("main", "a")


def test_a_folder_below_the_action_folder_stops_every_commit_and_every_new_branch(contract: Contract) -> None:
    contract.put("main", "_lakefs_actions/scripts/a.lua", "_lakefs_actions/scripts/b.lua")
    told = "loading file _lakefs_actions/scripts/: get action file metadata _lakefs_actions/scripts/: not found"

    for path, body in (
        (f"/repositories/{contract.name}/branches/main/commits", {"message": "m"}),
        (f"/repositories/{contract.name}/branches", {"name": "dev", "source": "main"}),
    ):
        answer = contract.request("POST", path, json=body)
        assert (answer.status_code, answer.json()["message"].count(told)) == (404, 1)

    for name in "ab":
        contract.repository.branch("main").object(f"_lakefs_actions/scripts/{name}.lua").delete()
    assert contract.commit("main", "a")


def test_every_action_file_that_cannot_be_used_is_told(stand_in_contract: Contract) -> None:
    contract = stand_in_contract
    contract.put("main", "_lakefs_actions/a", content=b"[")
    contract.put("main", "_lakefs_actions/b/c")
    contract.put("main", "_lakefs_actions/d.txt", content=b"name: 5\n")

    answer = contract.request("POST", f"/repositories/{contract.name}/branches/main/commits", json={"message": "m"})

    assert answer.status_code == 404
    (first, *problems) = answer.json()["message"].rstrip("\n").split("\n\t* ")
    assert first.startswith("prepare-commit hook aborted, run id '")
    assert first.endswith("': 3 errors occurred:")
    assert problems == [
        "parsing file _lakefs_actions/a: yaml: line 1: did not find expected node content",
        "loading file _lakefs_actions/b/: get action file metadata _lakefs_actions/b/: not found",
        "parsing file _lakefs_actions/d.txt: 'on' is required: invalid action",
    ]
    assert contract.runs(1, seconds=0.1) == []


def test_actions_come_from_the_commit_itself(contract: Contract, target: HookTarget) -> None:
    contract.branch("without")
    contract.put_action("main", action(webhook(target.url), on=["post-commit"]))
    with_action = contract.commit("main", "a")
    contract.commit("without", "b")
    contract.repository.branch("main").object("_lakefs_actions/test.yaml").delete()
    contract.commit("main", "c")

    target.wait_for(1)
    time.sleep(0.3)
    assert [body["commit_id"] for body in bodies(target)] == [with_action]


def test_a_post_hook_runs_in_the_background_and_shows_when_it_has_ended(contract: Contract, target: HookTarget) -> None:
    target.delay_seconds = 0.6
    contract.put_action("main", action(webhook(target.url), on=["post-commit"]))
    started = time.monotonic()
    commit = contract.commit("main", "a")
    took = time.monotonic() - started

    target.wait_for(1)
    assert contract.runs(0, commit=commit) == []
    (run,) = contract.runs(1, commit=commit)
    assert took < 0.6 or contract.server.kind == "server"
    assert (run.event_type, run.branch, run.commit_id, run.status) == ("post-commit", "main", commit, "completed")
    assert "200" in contract.output(run)


def test_what_lua_prints_and_raises_is_the_output_of_its_run(contract: Contract) -> None:
    contract.put_action("main", action(lua('print("one", 2)\nerror("the text", 0)'), on=["post-commit"]))
    commit = contract.commit("main", "a")

    (run,) = contract.runs(1, commit=commit)
    assert run.status == "failed"
    assert "one\t2" in contract.output(run)
    assert "the text" in contract.output(run)
    assert contract.api.actions_api.get_run(contract.name, run.run_id).run_id == run.run_id


def test_a_failing_pre_hook_stops_the_commit(contract: Contract) -> None:
    contract.put_action("main", action(lua('error("not today", 0)'), on=["pre-commit"]))

    with pytest.raises(ApiException) as error:
        contract.api.commits_api.commit(contract.name, "main", {"message": "stopped"})
    assert error.value.status == 412
    assert "not today" in str(error.value.body)
    assert contract.repository.branch("main").get_commit().message == "Repository created"


def test_an_answer_other_than_2xx_fails_a_webhook(contract: Contract, target: HookTarget) -> None:
    target.status = 404
    contract.put_action("main", action(webhook(target.url), on=["post-commit"]))
    commit = contract.commit("main", "a")

    (run,) = contract.runs(1, commit=commit)
    assert run.status == "failed"


def test_a_webhook_that_takes_longer_than_its_time_out_fails(contract: Contract, target: HookTarget) -> None:
    target.delay_seconds = 1.0
    contract.put_action("main", action(webhook(target.url, timeout="200ms"), on=["post-commit"]))
    commit = contract.commit("main", "a")

    (run,) = contract.runs(1, commit=commit)
    assert run.status == "failed"
    assert (run.end_time - run.start_time).total_seconds() <= 1


@pytest.mark.parametrize(("text", "seconds"), [("1m", 60), ("1m30s", 90), ("200ms", 0.2), ("1.5h", 5400)])
def test_durations_are_gos(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["soon", "5", "1 m", "", "-"])
def test_a_time_out_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(HookPropertyError, match=f'invalid duration "{text}"'):
        duration_seconds(text)


def test_branches_can_be_chosen_by_pattern(contract: Contract, target: HookTarget) -> None:
    listens = action(webhook(target.url), on=["post-commit"])
    listens["on"] = {"post-commit": {"branches": ["feature-*"]}}
    contract.put_action("main", listens)
    contract.commit("main", "a")
    contract.branch("feature-x")
    commit = contract.commit("feature-x", "b")

    target.wait_for(1)
    time.sleep(0.2)
    assert [body["commit_id"] for body in bodies(target)] == [commit]


def test_a_failed_hook_passes_over_those_after_it_but_those_for_failures(contract: Contract) -> None:
    names = {"first": 'error("no", 0)', "second": "print(2)", "third": "print(3)", "fourth": "print(4)"}
    hooks = [{**lua(script), "id": name} for name, script in names.items()]
    hooks[1]["if"], hooks[2]["if"] = "success()", " failure() "
    contract.put_action("main", action(*hooks, on=["post-commit"]))
    commit = contract.commit("main", "a")

    (run,) = contract.runs(1, commit=commit)
    # The SDK does not know the status of one that was passed over.
    answer = contract.request("GET", f"/repositories/{contract.name}/actions/runs/{run.run_id}/hooks")
    ended = answer.json()["results"]
    assert [(hook["hook_id"], hook["status"], "end_time" in hook) for hook in ended] == [
        ("first", "failed", True),
        ("second", "skipped", False),
        ("third", "completed", True),
        ("fourth", "skipped", False),
    ]
    assert {hook["start_time"] for hook in ended if hook["status"] == "skipped"} == {"0001-01-01T00:00:00Z"}


@pytest.mark.parametrize(("event", "status"), [("post-commit", 201), ("pre-commit", 500)])
@pytest.mark.parametrize("condition", ["always()", "true", "succes()", "failure"])
def test_a_condition_that_is_none_fails_its_hook(
    condition: str, event: str, status: int, stand_in_contract: Contract
) -> None:
    contract = stand_in_contract
    contract.put_action("main", action({**lua("print(1)"), "if": condition}, on=[event]))

    answer = contract.request("POST", f"/repositories/{contract.name}/branches/main/commits", json={"message": "m"})

    assert answer.status_code == status
    (run,) = contract.runs(1)
    assert run.status == "failed"
    assert contract.output(run).startswith("Error: reflect: call of reflect.Value.Call on zero Value")


def test_variables_of_the_server_reach_hooks_by_prefix(stand_in_contract: Contract, target: HookTarget) -> None:
    contract = stand_in_contract
    header = webhook(
        target.url, headers={"X-Greeting": "{{ ENV.LAKEFSACTION_GREETING }}!", "X-Other": "[{{ ENV.HOME }}]"}
    )
    printing = 'print(args.deep.text, args.only, "[" .. args.other .. "]")'
    script = lua(
        printing,
        deep={"text": "say {{ ENV.LAKEFSACTION_GREETING }}"},
        only="{{ ENV.LAKEFS_LUA_ONLY }}",
        other="{{ ENV.HOME }}",
    )
    contract.put_action("main", action(script, header, on=["post-commit"]))
    commit = contract.commit("main", "a")

    (run,) = contract.runs(1, commit=commit)
    assert contract.output(run) == "say hello\tfor lua\t[]\n"
    (request,) = target.wait_for(1)
    assert (request.headers["X-Greeting"], request.headers["X-Other"]) == ("hello!", "[]")


@pytest.mark.parametrize(("event", "status"), [("post-commit", 201), ("pre-commit", 500)])
def test_a_missing_variable_leaves_no_run_and_stops_a_pre_event(
    event: str, status: int, stand_in_contract: Contract
) -> None:
    contract = stand_in_contract
    contract.put_action("main", action(lua("print(1)", a="{{ ENV.LAKEFSACTION_NONE }}"), on=[event]))

    answer = contract.request("POST", f"/repositories/{contract.name}/branches/main/commits", json={"message": "m"})

    assert answer.status_code == status
    assert contract.runs(1, seconds=0.3) == []


@pytest.mark.parametrize("branch", ["main", "feature-x"])
def test_our_hook_starts_a_run_for_a_commit(branch: str, contract: Contract, target: HookTarget) -> None:
    hook = (ROOT / "resources/lakefs/_lakefs_actions/unity_export.yaml").read_text()
    values = {
        "DATABRICKS_HOST": target.url,
        "DATABRICKS_CLIENT_ID": "principal",
        "DATABRICKS_CLIENT_SECRET": "dose-secret",
        "EXPORT_JOB_ID": "1041",
    }
    target.answer_json(200, access_token="of-the-principal", run_id=455644833)
    for name, value in values.items():
        hook = hook.replace("{{ ENV.LAKEFSACTION_" + name + " }}", value)
    script = (ROOT / "resources/lakefs/scripts/unity_export.lua").read_bytes()
    if branch != "main":
        contract.branch(branch)
    contract.put(branch, "_lakefs_actions/unity_export.yaml", content=hook.encode())
    commit = contract.commit(branch, "scripts/unity_export.lua", content=script)

    (run,) = contract.runs(1, commit=commit)
    assert contract.output(run).strip() == f"{target.url}/jobs/1041/runs/455644833"
    asked, request = target.received
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"principal:dose-secret").decode()
    assert request.headers["Authorization"] == "Bearer of-the-principal"
    assert json.loads(request.body)["job_parameters"] == {
        "repository": contract.name,
        "branch": branch,
        "commit_id": commit,
        "event": "post-commit",
    }
