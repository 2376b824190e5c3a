"""Both scripts fail by `hook.fail`, so that people see their text alone; by `error` where a server has no `hook`."""

from collections.abc import Callable

import pytest
from gate_repository import FOLDER, GateRepository
from lua_hook import COMMIT, NOT_EXPORTED, Reply, Workspace, run_against

from local_stack.lakefs.standin.lua.runtime import LuaError

pytestmark = pytest.mark.lua

WITHOUT_HOOK = """
local ask = require
require = function(name)
  if name == "hook" then error("module 'hook' not found: no field package.preload['hook']") end
  return ask(name)
end
"""
# What ends the run, and how it was called, as its error.
TOLD_HOOK = """
local ask = require
require = function(name)
  if name == "hook" then
    return { fail = function(...) error("fail " .. select("#", ...) .. " " .. ..., 0) end }
  end
  return ask(name)
end
"""
REFUSED = (
    "1 problem in the table descriptors that this commit would leave; mend all, then try again:\n"
    f"{FOLDER}/a.yaml: path: is missing; add it"
)
BAD_SETTING = "descriptor_gate: descriptor_folder: path '..' has the segment '..'; write it from the repository's root"
FORBIDDEN = (
    "unity_export: https://adb-1.2.azuredatabricks.net/api/2.2/jobs/run-now answered 403; give the token's owner"
)


def _failed_gate(before: str, **arguments: str) -> str:
    repository = GateRepository()
    repository.before = before
    repository.stage({f"{FOLDER}/a.yaml": b"name: a\ntype: delta\n"})
    with pytest.raises(LuaError) as failure:
        repository.run("pre-commit", **arguments)
    return str(failure.value)


def refused_descriptors(before: str) -> str:
    return _failed_gate(before)


def bad_setting(before: str) -> str:
    return _failed_gate(before, descriptor_folder="..")


def refused_run(before: str) -> str:
    return run_against(Workspace(Reply(status=403)), before=before).error


def unknown_event(before: str) -> str:
    return run_against(Workspace(), {**COMMIT, "event_type": "post-lunch"}, before=before).error


FAILURES = [
    (refused_descriptors, REFUSED),
    (bad_setting, BAD_SETTING),
    (refused_run, FORBIDDEN),
    (unknown_event, "unity_export: 'post-lunch' is not an event of lakeFS that is known here"),
]


@pytest.mark.parametrize(("fail", "text"), FAILURES)
def test_a_failure_is_handed_to_hook_fail_as_one_text(fail: Callable[[str], str], text: str) -> None:
    assert fail(TOLD_HOOK).startswith("runtime error: fail 1 " + text)


@pytest.mark.parametrize(("fail", "text"), FAILURES)
def test_a_server_without_hook_shows_the_same_text(fail: Callable[[str], str], text: str) -> None:
    assert fail(WITHOUT_HOOK).startswith("runtime error: " + text)


def test_a_run_that_does_not_fail_asks_for_no_hook() -> None:
    outcome = run_against(Workspace(), before=WITHOUT_HOOK)
    assert (outcome.printed.rpartition("/")[2], outcome.error) == ("455644833", "")


def test_what_is_not_exported_is_still_told_last() -> None:
    assert NOT_EXPORTED + "\nstack traceback:\n" in refused_run(TOLD_HOOK)
