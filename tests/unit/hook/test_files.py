"""The files of a hook: what is rendered, what is refused, and what changes in a repository."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakefs_unity_export.commit.descriptor_gate import GateRules
from lakefs_unity_export.errors import HookError, SettingsError
from lakefs_unity_export.events import COMMIT_EVENTS
from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.files import (
    LUA_ACTION,
    LUA_GATE_ACTION,
    LUA_GATE_SCRIPT,
    LUA_SCRIPT,
    WEBHOOK_ACTION,
    WEBHOOK_GATE_ACTION,
    Authentication,
    HookKind,
    HookSettings,
    Variables,
    events_for,
    render,
    variables,
)

RESOURCES = Path(__file__).parents[3] / "resources/lakefs"
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
    assert told[0] == "nothing was done:"
    assert [line.split()[0] for line in told[1:]] == ["--branches", "--events", "--databricks-host", "--job-id"]


@pytest.mark.parametrize(
    "host",
    [
        "",
        "http://adb-1.net",
        "https://adb-1.net/path",
        "https://user:secret@adb-1.net",
        "https://adb-1.net?x=1",
        "https://adb-1.net#",
        "https://adb-1.net?",
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
    rules = GateRules(catalog="", schema_template="{nothing}", folder="../x", table_defs=("a\nb",))
    with pytest.raises(SettingsError) as failure:
        replace(LUA, gate=True, rules=rules).checked()
    for option in ("--catalog", "--schema-template", "--table-descriptors-path", "--table-defs"):
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


@pytest.mark.parametrize("host", ["https://[::1]:80", "https://bücher.example", "https://a,b", "http://[::1]"])
def test_a_host_that_the_script_does_not_take_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match="--databricks-host"):
        replace(LUA, host=host).checked()


@pytest.mark.parametrize("pattern", ["", "{a,b}", "[ab]", "a b", "a/b", 'a"', "a'", "a\nb", "\x07", "ä", "a\\"])
def test_a_pattern_that_lakefs_may_not_read_is_refused(pattern: str) -> None:
    with pytest.raises(SettingsError, match="--branches has"):
        replace(LUA, branches=("main", pattern)).checked()
    assert replace(LUA, branches=("main", "release-*", "v?", "**", "_x")).checked()


def test_the_files_name_the_variables_that_are_asked_for() -> None:
    asked = Variables(
        client_id="LAKEFSACTION_DATABRICKS_CLIENT_SECRET",  # the default name of another
        client_secret="LAKEFSACTION_B",
        token="LAKEFSACTION_C",
        webhook_secret="LAKEFSACTION_D",
    )
    lua = replace(LUA, variables=asked)
    (hook,) = action(render(lua), LUA_ACTION)["hooks"]
    assert hook["properties"]["args"]["databricks_client_id"] == "{{ ENV.LAKEFSACTION_DATABRICKS_CLIENT_SECRET }}"
    assert hook["properties"]["args"]["databricks_client_secret"] == "{{ ENV.LAKEFSACTION_B }}"
    assert variables(replace(lua, authentication=Authentication.TOKEN)) == ("LAKEFSACTION_C",)
    files = render(replace(WEBHOOK, gate=True, variables=asked))
    for path in (WEBHOOK_ACTION, WEBHOOK_GATE_ACTION):
        (hook,) = action(files, path)["hooks"]
        assert hook["properties"]["headers"] == {"Authorization": "Bearer {{ ENV.LAKEFSACTION_D }}"}
        assert "LAKEFSACTION_WEBHOOK_SECRET" not in files[path]


@pytest.mark.parametrize(
    "name", ["", "DATABRICKS_TOKEN", "LAKEFS_TOKEN", "lakefsaction_x", "LAKEFSACTION_", "LAKEFSACTION_A B"]
)
def test_a_variable_that_lakefs_hands_to_no_hook_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(
        SettingsError, match=r"--token-variable is no name .* hands its hooks no variable of another name"
    ):
        replace(LUA, variables=Variables(token=name)).checked()


def test_an_event_that_is_named_twice_is_written_once() -> None:
    text = render(replace(LUA, events=("post-merge", "post-merge")))[LUA_ACTION]
    assert text.count("  post-merge:\n") == 1


ODD_TEXTS = (
    *("2024-01-01", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00", "12:30", "2024-1-1"),
    *("1", "-1", "1.5", "1e3", "010", "0x10", "1_000", ".inf", ".nan"),
    *("true", "False", "yes", "no", "on", "OFF", "null", "~", "<<", "="),
    *('quote"d', "single'd", "back\\slash\\1", "ends in \\", r"\g<0>", "\U0001f600", "läke", "日本"),
    *(
        "# no comment",
        "a #b",
        "a: b",
        "a:",
        "- a",
        "[a",
        "{a}",
        "&a",
        "*a",
        "!a",
        "!!str 5",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
    ),
    *(" in front", "behind ", "?", "? a", "---", "...", "a \u2028 b", "a\u2029", "a\x85b", "\x7f", "a\ufeffb"),
)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_a_value_of_args_is_written_in_quotes_and_read_as_the_text_it_is(text: str) -> None:
    settings = replace(
        LUA, gate=True, rules=GateRules(catalog=text, schema_template=text, folder=text, table_defs=(text,))
    )
    written = render(settings)[LUA_GATE_ACTION]
    (hook,) = action({LUA_GATE_ACTION: written}, LUA_GATE_ACTION)["hooks"]
    assert hook["properties"]["args"] == dict.fromkeys(
        ("catalog", "schema_template", "descriptor_folder", "table_defs"), text
    )
    assert unquoted_values(written) == []


@pytest.mark.parametrize("value", ["2024-01-01", "null", "1e3", "true"])
def test_names_of_branches_are_written_in_quotes(value: str) -> None:
    for path, text in render(replace(LUA, gate=True, branches=(value,), rules=GateRules(catalog="lake"))).items():
        if path.endswith(".yaml"):
            assert f'branches: ["{value}"]' in text


@pytest.mark.parametrize("path", sorted(path for path in hook_files.MARKS if path.endswith(".yaml")))
def test_every_value_that_a_person_copies_is_in_quotes(path: str) -> None:
    text = hook_files.template(path)
    assert unquoted_values(text) == []
    # What stands in a comment to be filled in, too.
    examples = re.findall(r"^ +# (\w+: .*)$", text, re.MULTILINE)
    assert [example for example in examples if not re.fullmatch(r'\w+: "[^"]*"', example)] == [
        example for example in examples if example.startswith("OAuth: ")
    ]


@pytest.mark.parametrize(
    "settings", [LUA, replace(LUA, authentication=Authentication.TOKEN), replace(WEBHOOK, gate=True)]
)
def test_every_value_that_is_rendered_is_in_quotes(settings: HookSettings) -> None:
    for path, text in render(settings).items():
        if path.endswith(".yaml"):
            assert unquoted_values(text) == [], path


def unquoted_values(text: str) -> list[str]:
    """Values in the properties of an action's hooks that YAML may take for something else than text."""
    found: list[str] = []

    def walk(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            for _, value in node.value:
                walk(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                walk(value)
        elif node.style != '"':
            found.append(node.value)

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value:
        if key.value == "hooks":
            for hook in value.value:
                walk(next(part for name, part in hook.value if name.value == "properties"))
        elif key.value == "name":
            walk(value)
    return found


def test_a_template_that_is_not_of_this_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_files, "template", lambda path: "name: other\n")
    for settings in (LUA, WEBHOOK):
        with pytest.raises(HookError, match="install the wheel anew"):
            render(settings)


def test_comments_stay() -> None:
    text = render(replace(LUA, authentication=Authentication.TOKEN))[LUA_ACTION]
    assert "# Starts the Databricks job export_tables for every new commit" in text
    assert "# the job's number" in text
