"""The files of a hook: what is rendered, what is refused, and what changes in a repository."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakefs_unity_export import hook_files
from lakefs_unity_export.descriptor_gate import GateRules
from lakefs_unity_export.errors import HookError, SettingsError
from lakefs_unity_export.events import COMMIT_EVENTS
from lakefs_unity_export.hook_files import (
    LUA_ACTION,
    LUA_GATE_ACTION,
    LUA_GATE_SCRIPT,
    LUA_SCRIPT,
    WEBHOOK_ACTION,
    WEBHOOK_GATE_ACTION,
    Authentication,
    HookKind,
    HookSettings,
    events_for,
    find_changes,
    render,
    variables,
)

RESOURCES = Path(__file__).parents[2] / "resources/lakefs"
LUA = HookSettings(kind=HookKind.LUA, host="https://adb-1.2.azuredatabricks.net/", job_id="1041")
WEBHOOK = HookSettings(kind=HookKind.WEBHOOK, service="https://hook.example.com:8443")


def action(files: dict[str, str], path: str) -> dict[Any, Any]:
    """What lakeFS reads; YAML 1.1 takes `on` for a boolean, lakeFS does not."""
    read: dict[Any, Any] = yaml.safe_load(files[path])
    return {("on" if key is True else key): value for key, value in read.items()}


def test_the_lua_hook_names_the_workspace_and_the_job_and_no_secret() -> None:
    files = render(LUA)
    read = action(files, LUA_ACTION)
    assert read["on"] == dict.fromkeys(COMMIT_EVENTS)
    (hook,) = read["hooks"]
    assert hook["properties"]["args"] == {
        "databricks_host": "https://adb-1.2.azuredatabricks.net",
        "databricks_client_id": "{{ ENV.LAKEFSACTION_DATABRICKS_CLIENT_ID }}",
        "databricks_client_secret": "{{ ENV.LAKEFSACTION_DATABRICKS_CLIENT_SECRET }}",
        "job_id": "1041",
    }
    assert hook["properties"]["script_path"] == LUA_SCRIPT
    assert files[LUA_SCRIPT] == (RESOURCES / LUA_SCRIPT).read_text()
    assert variables(LUA) == ("LAKEFSACTION_DATABRICKS_CLIENT_ID", "LAKEFSACTION_DATABRICKS_CLIENT_SECRET")


def test_the_lua_hook_signs_in_with_a_token_where_that_is_asked_for() -> None:
    settings = replace(LUA, authentication=Authentication.TOKEN)
    (hook,) = action(render(settings), LUA_ACTION)["hooks"]
    assert hook["properties"]["args"] == {
        "databricks_host": "https://adb-1.2.azuredatabricks.net",
        "databricks_token": "{{ ENV.LAKEFSACTION_DATABRICKS_TOKEN }}",
        "job_id": "1041",
    }
    assert variables(settings) == ("LAKEFSACTION_DATABRICKS_TOKEN",)


def test_the_webhook_names_the_service() -> None:
    files = render(replace(WEBHOOK, gate=True))
    for path, route in ((WEBHOOK_ACTION, "events"), (WEBHOOK_GATE_ACTION, "validate")):
        (hook,) = action(files, path)["hooks"]
        assert hook["properties"]["url"] == f"https://hook.example.com:8443/{route}"
    assert action(files, WEBHOOK_GATE_ACTION)["on"] == {"pre-commit": None, "pre-merge": None}
    assert variables(WEBHOOK) == ("LAKEFSACTION_WEBHOOK_SECRET",)
    assert render(WEBHOOK).keys() == {WEBHOOK_ACTION}


@pytest.mark.parametrize("settings", [LUA, replace(WEBHOOK, gate=True)])
def test_events_and_branches_are_those_asked_for(settings: HookSettings) -> None:
    asked = replace(settings, events=("post-commit", "post-merge"), branches=("main", "release-*"))
    files = render(asked)
    for path in files:
        if path.endswith(".yaml") and "gate" not in path:
            below = {"branches": ["main", "release-*"]}
            assert action(files, path)["on"] == {"post-commit": below, "post-merge": below}
        elif path.endswith(".yaml"):
            assert action(files, path)["on"]["pre-merge"] == {"branches": ["main", "release-*"]}


def test_the_lua_gate_has_the_rules_of_the_job() -> None:
    rules = GateRules(catalog="lake", schema_template="{repository}_{branch}", folder="defs", table_defs=("a", "b/c"))
    files = render(replace(LUA, gate=True, rules=rules, branches=("main",)))
    read = action(files, LUA_GATE_ACTION)
    (hook,) = read["hooks"]
    assert read["on"] == {event: {"branches": ["main"]} for event in ("pre-commit", "pre-merge")}
    assert hook["properties"]["args"] == {
        "catalog": "lake",
        "schema_template": "{repository}_{branch}",
        "descriptor_folder": "defs",
        "table_defs": "a,b/c",
    }
    assert files[hook["properties"]["script_path"]] == hook_files.template(LUA_GATE_SCRIPT)


def test_what_a_person_copies_by_hand_is_what_is_rendered_from() -> None:
    assert hook_files.MARKS.keys() == {
        path.relative_to(RESOURCES).as_posix() for path in RESOURCES.rglob("*") if path.is_file()
    }
    for path in hook_files.MARKS:
        assert hook_files.template(path) == (RESOURCES / path).read_text()
        assert hook_files.MARKS[path] in hook_files.template(path)


def test_every_problem_is_said_at_once() -> None:
    settings = replace(LUA, host="adb-1.net", job_id="01", events=("post-commit", "pre-commit"), branches=('a"b', "ok"))
    with pytest.raises(SettingsError) as failure:
        settings.checked()
    told = str(failure.value).splitlines()
    assert told[0] == "the hook cannot be installed:"
    assert [line.split()[0] for line in told[1:]] == ["--branches", "--events", "--databricks-host", "--job-id"]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "http://adb-1.net",
        "https://adb-1.net/path",
        "https://user:secret@adb-1.net",
        "https://adb-1.net?x=1",
        'https://adb-1.net"',
        "https://adb-1.net\nid: x",
        "https://{{ ENV.LAKEFSACTION_X }}",
        "https://adb-1.net:port",
    ],
)
def test_an_address_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="--databricks-host"):
        replace(LUA, host=host).checked()
    with pytest.raises(SettingsError, match="--webhook-url"):
        replace(WEBHOOK, service=host).checked()


def test_the_rules_of_the_lua_gate_are_checked() -> None:
    rules = GateRules(catalog="", schema_template="{nothing}", folder="../x")
    with pytest.raises(SettingsError) as failure:
        replace(LUA, gate=True, rules=rules).checked()
    for option in ("--catalog", "--schema-template", "--table-descriptors-path"):
        assert option in str(failure.value)
    assert replace(WEBHOOK, gate=True, rules=rules).checked()


@pytest.mark.parametrize(
    ("version", "unknown"),
    [
        ("1.51.0", ("post-revert", "post-cherry-pick")),
        ("v1.52.1", ("post-cherry-pick",)),
        ("1.64.9", ("post-cherry-pick",)),
        ("1.65.0", ()),
        ("1.84.0-dev", ()),
        ("2.0", ()),
        ("dev", ()),
        ("", ()),
    ],
)
def test_events_that_a_server_does_not_know_are_left_out(version: str, unknown: tuple[str, ...]) -> None:
    known, left_out = events_for(version, COMMIT_EVENTS)
    assert left_out == unknown
    assert known == tuple(event for event in COMMIT_EVENTS if event not in unknown)


def test_a_file_that_is_as_it_should_be_does_not_change() -> None:
    files = render(LUA)
    assert find_changes(files, hook_files.unwanted(HookKind.LUA), files.get) == ()


def test_a_change_is_shown_line_by_line() -> None:
    before = render(LUA)
    (change,) = find_changes(render(replace(LUA, job_id="77")), (), before.get)
    assert change.path == LUA_ACTION
    changed = [line for line in change.diff().splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ['-        job_id: "1041"', '+        job_id: "77"']


def test_the_other_kind_of_hook_is_replaced() -> None:
    before = render(WEBHOOK)
    changes = find_changes(render(LUA), hook_files.unwanted(HookKind.LUA), before.get)
    assert {change.path: change.after is None for change in changes} == {
        LUA_ACTION: False,
        LUA_SCRIPT: False,
        WEBHOOK_ACTION: True,
    }
    assert "+++ /dev/null" in next(change.diff() for change in changes if change.after is None)


@pytest.mark.parametrize("deleted", [True, False])
def test_a_file_of_others_is_never_touched(deleted: bool) -> None:
    theirs = {LUA_ACTION: "name: ours\nhooks: []\n"}
    with pytest.raises(HookError, match=r"unity_export\.yaml is there, and is not a file of this hook"):
        find_changes({} if deleted else render(LUA), [LUA_ACTION] if deleted else [], theirs.get)


def test_a_last_line_without_its_end_is_shown_whole() -> None:
    change = hook_files.FileChange(path=LUA_ACTION, before="id: unity_export", after="id: unity_export\n")
    assert change.diff().endswith("\n")
    assert json.dumps(change.diff()).count("id: unity_export") == 2
