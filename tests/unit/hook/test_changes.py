"""What an installation changes on a branch, and how it is shown."""

import json
from dataclasses import replace

import pytest

from lakefs_unity_export.hook import files as hook_files
from lakefs_unity_export.hook.changes import Changes, FileChange, find_changes
from lakefs_unity_export.hook.files import LUA_ACTION, LUA_SCRIPT, WEBHOOK_ACTION, HookKind, HookSettings, render

LUA = HookSettings(kind=HookKind.LUA, host="https://adb-1.2.azuredatabricks.net", job_id="1041")
WEBHOOK = HookSettings(kind=HookKind.WEBHOOK, service="https://hook.example.com:8443")


def test_a_file_that_is_as_it_should_be_does_not_change() -> None:
    files = render(LUA)
    assert find_changes(files, hook_files.unwanted(HookKind.LUA), files.get) == Changes()


def test_a_change_is_shown_line_by_line() -> None:
    before = render(LUA)
    (change,) = find_changes(render(replace(LUA, job_id="77")), (), before.get).files
    assert change.path == LUA_ACTION
    changed = [line for line in change.diff().splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ['-        job_id: "1041"', '+        job_id: "77"']


def test_the_other_kind_of_hook_is_replaced() -> None:
    before = render(WEBHOOK)
    changes = find_changes(render(LUA), hook_files.unwanted(HookKind.LUA), before.get).files
    assert {change.path: change.after is None for change in changes} == {
        LUA_ACTION: False,
        LUA_SCRIPT: False,
        WEBHOOK_ACTION: True,
    }
    assert "+++ /dev/null" in next(change.diff() for change in changes if change.after is None)
    assert not any(change.replaces_others for change in changes)


def test_a_file_of_others_is_never_deleted_and_told_where_it_is_replaced() -> None:
    theirs = {LUA_ACTION: "name: theirs\nhooks: []\n"}
    assert find_changes({}, [LUA_ACTION], theirs.get) == Changes(kept=(LUA_ACTION,))
    changes = find_changes(render(LUA), (), theirs.get).files
    assert [(change.path, change.replaces_others) for change in changes] == [(LUA_ACTION, True), (LUA_SCRIPT, False)]


@pytest.mark.parametrize("path", hook_files.MARKS)
def test_every_file_that_is_installed_is_known_as_ours(path: str) -> None:
    ours = hook_files.template(path)
    assert find_changes({}, [path], {path: ours}.get).files == (FileChange(path=path, before=ours, after=None),)


def test_a_last_line_without_its_end_is_shown_whole() -> None:
    change = FileChange(path=LUA_ACTION, before="id: unity_export", after="id: unity_export\n")
    assert change.diff().endswith("\n")
    assert json.dumps(change.diff()).count("id: unity_export") == 2
