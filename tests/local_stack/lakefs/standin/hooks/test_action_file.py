"""What an action file may hold, beyond the recorded ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_stack.lakefs.standin.hooks.action_file import Action, ActionFileError, parse_action

FILE = "_lakefs_actions/a.yaml"
HOOK = {"id": "hh", "type": "lua", "properties": {"script": "print(1)"}}


def parse(**fields: Any) -> Action:
    return parse_action(FILE, json.dumps({"name": "ok", "on": {"pre-commit": None}, "hooks": [HOOK]} | fields).encode())


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "a.b"}, "'name' is invalid"),
        ({"name": ["a"]}, "cannot unmarshal !!seq into string"),
        ({"on": ["pre-commit"]}, "cannot unmarshal !!seq into map"),
        ({"on": {}}, "'on' is required"),
        ({"on": {"pre-commit": {"branches": {"a": 1}}}}, "cannot unmarshal !!map into []string"),
        ({"on": {"pre-commit": {"branches": [["a"]]}}}, "cannot unmarshal !!seq into string"),
        ({"hooks": {"id": "hh"}}, "cannot unmarshal !!map into []actions.ActionHook"),
        ({"hooks": ["hh"]}, "cannot unmarshal !!str `hh` into actions.ActionHook"),
        ({"hooks": [HOOK | {"id": "1a"}]}, "hook[0] missing ID"),
        ({"hooks": [HOOK | {"id": "a b"}]}, "hook[0] missing ID"),
        ({"hooks": [HOOK | {"id": "hh\n"}]}, "hook[0] missing ID"),
        ({"hooks": [HOOK, HOOK | {"id": "ok", "type": "airflow"}]}, "hook[1] type 'ok' unknown"),
        ({"hooks": [HOOK | {"properties": "x"}]}, "cannot unmarshal !!str `x` into map[string]interface {}"),
        ({"hooks": [HOOK | {"properties": {"script": ""}}]}, "'script' or 'script_path' must be supplied"),
        ({"hooks": [HOOK | {"properties": {"script_path": 5}}]}, "'script' or 'script_path' must be supplied"),
        ({"hooks": [HOOK | {"type": "webhook", "properties": {"url": ""}}]}, "'url' must be supplied"),
    ],
)
def test_an_action_file_that_cannot_be_used_is_refused_with_the_reason(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(ActionFileError) as refused:
        parse(**fields)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"parsing file {FILE}: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"name: ok\nname: ok\n", 'line 2: mapping key "name" already defined at line 1'),
        (b"on:\n  pre-commit:\n  pre-commit:\n", 'line 3: mapping key "pre-commit" already defined at line 2'),
        (b"hooks: [{properties: {args: {a: 1, a: 2}}}]", 'mapping key "a" already defined'),
        (b"name: \x01", "control characters are not allowed"),
        (b"name: \xff", "invalid leading UTF-8 octet"),
        (b"a: b: c", "yaml: mapping values are not allowed in this context"),
        (b"a: *b", "yaml: unknown anchor 'b' referenced"),
        (b"hooks: [{properties: &b {c: *b}}]", "yaml: anchor 'b' value contains itself"),
    ],
)
def test_yaml_that_the_server_does_not_read_is_refused(text: bytes, told: str) -> None:
    with pytest.raises(ActionFileError, match="yaml: ") as refused:
        parse_action(FILE, text)
    assert told in str(refused.value)


def test_values_of_args_have_the_servers_types() -> None:
    text = b"""
name: ok
on: {post-commit: }
hooks:
  - {id: hh, type: lua, properties: {script: "x", args: {
      a: yes, b: 010, c: 1e3, d: 0x10, e: ~, f: "5", g: true, h: 2024-01-01, i: 1:30, j: -1_000, k: .5}}}
"""
    (hook,) = parse_action(FILE, text).hooks
    args = hook.properties["args"]
    assert str(args.pop("h")) == "2024-01-01"
    assert args == {
        "a": "yes",
        "b": 8,
        "c": 1000.0,
        "d": 16,
        "e": None,
        "f": "5",
        "g": True,
        "i": "1:30",
        "j": -1000,
        "k": 0.5,
    }


def test_a_map_is_merged_into_a_hook() -> None:
    text = b"""
name: ok
on: {pre-commit: &on {branches: [main]}, post-commit: {<<: *on}}
hooks:
  - &first {id: one, type: lua, properties: {script: x}}
  - {<<: *first, id: two}
"""
    action = parse_action(FILE, text)
    assert action.branches_by_event == {"pre-commit": ("main",), "post-commit": ("main",)}
    assert [(hook.id, hook.type, hook.properties) for hook in action.hooks] == [
        ("one", "lua", {"script": "x"}),
        ("two", "lua", {"script": "x"}),
    ]


def test_what_is_nested_deeper_than_python_reads_is_refused() -> None:
    text = "hooks: [{properties: {a: " + "[" * 2000 + "]" * 2000 + "}}]"
    with pytest.raises(ActionFileError, match="the stand-in reads nothing that is nested so deep"):
        parse_action(FILE, text.encode())
