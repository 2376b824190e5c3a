"""The guide to the Lua hook says what the hook says, and names what it needs."""

import re

import pytest
import yaml
from lua_hook import COMMIT, HOST, ROOT, SCRIPT, Reply, Workspace, run_against

pytestmark = pytest.mark.lua

GUIDE = (ROOT / "docs/lua_hook.md").read_text()
ACTION_FILE = ROOT / "resources/lakefs/_lakefs_actions/unity_export.yaml"
ROWS = re.findall(r"^\| (.*?) \| .* \|$", GUIDE, re.MULTILINE)
# What the script puts together from a path and a status.
ANSWERS = re.compile(r"(/oidc/v1/token|run-now)? ?answered (\d{3}|5…)$|^\d{3}$")


def _said() -> list[str]:
    return [line for row in ROWS for line in re.findall(r"`([^`]+)`", row) if not ANSWERS.search(line)]


@pytest.mark.parametrize("line", _said())
def test_each_line_of_the_table_is_one_that_the_script_says(line: str) -> None:
    script = re.sub(r'"\s*\.\.\s*"', "", SCRIPT.read_text())
    assert all(part in script for part in line.split("repository_id"))


def test_the_table_has_every_status_that_the_script_knows_a_remedy_for() -> None:
    known = set(re.findall(r"^    \[(\d{3})\] = ", SCRIPT.read_text(), re.MULTILINE)) | {"429"}
    assert known == {"400", "401", "403", "404", "429"}
    assert known <= set(re.findall(r"\d{3}", " ".join(ROWS)))


def test_every_variable_of_the_action_file_is_set_in_a_step() -> None:
    (hook,) = yaml.safe_load(ACTION_FILE.read_text())["hooks"]
    variables = re.findall(r"ENV\.(\w+)", str(hook["properties"]["args"]))
    assert len(variables) == 4
    for variable in variables:
        assert f"\n   {variable}=" in GUIDE
    # The one for a token is not in the file: a comment must not name it.
    assert "ENV.LAKEFSACTION_DATABRICKS_TOKEN" in GUIDE


def test_the_longest_time_is_the_same_in_script_and_guide() -> None:
    for text in (SCRIPT.read_text(), GUIDE):
        assert re.search(r"at most 70 seconds with a token and\s+100 with OAuth", text)
    wait = re.search(r"LONGEST_WAIT_SECONDS = 2, (\d+)", SCRIPT.read_text())
    assert wait is not None
    assert (30 + int(wait[1]) + 30, 30 + 30 + int(wait[1]) + 30) == (70, 100)


def test_the_example_of_a_failure_is_what_the_hook_says() -> None:
    """What the Actions tab shows before the text is `actions/hook-fail` of the recording."""
    refusal = Reply.of_json(403, error_code="PERMISSION_DENIED", message="\u2026")
    outcome = run_against(Workspace(refusal), {**COMMIT, "repository_id": "my-repo", "commit_id": "0d2c" * 16})
    shown = f"Error: action failed: {outcome.error}".replace("0d2c" * 16, "0d2c\u2026")
    assert HOST in shown
    assert f"\n```\n{shown}\n```\n" in GUIDE
