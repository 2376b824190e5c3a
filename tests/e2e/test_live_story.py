"""The live tests themselves: told on the local stack, and skipped where nothing is configured."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from table_repository import TableRepository

from local_stack.demo.deployment import CHECKOUT
from local_stack.stack import LocalStack
from local_stack.stack_environment import JOB_NAME

pytestmark = pytest.mark.e2e
# The story begins with check_setup: see test_check_setup.py.
with_check_setup = pytest.mark.skipif(
    "UNITY_CATALOG_URL" in os.environ, reason="UNITY_CATALOG_URL names a server of others"
)

SECONDS = 500
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "live", "tests/live")
# What could configure the live tests, or tell pytest what to run.
LEFT_OUT = ("BUNDLE_VAR_", "LAKECTL_", "LAKEFS", "LIVE_", "PYTEST_", "DATABRICKS_")
KEPT = ("DATABRICKS_CLI",)
NAMESPACE_VARIABLE = "LAKEFS_STORAGE_NAMESPACE"
ROWS = "test_a_classic_cluster_reads_the_rows"
BY_WAREHOUSE = "test_a_warehouse_reads_the_rows"
FIRST = "test_the_first_commit_exports_every_table"


@dataclass(frozen=True, kw_only=True)
class Told:
    """A run of the live tests: what each test came to, by its name, and what was printed."""

    passed: set[str]
    skipped: dict[str, str]
    others: set[str]
    returncode: int
    text: str


def tell(folder: Path, environment: Mapping[str, str], *arguments: str) -> Told:
    """Run the live tests in a process of their own, with no configuration but this."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or not name.startswith(LEFT_OUT)}
    report = folder / "report.xml"
    ended = subprocess.run(
        [*PYTEST, f"--junitxml={report}", *arguments],
        cwd=CHECKOUT,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    cases = {case.get("name", ""): case for case in ElementTree.parse(report).iter("testcase")}
    skips = {name: case.find("skipped") for name, case in cases.items()}
    skipped = {name: each.get("message", "") for name, each in skips.items() if each is not None}
    passed = {name for name, case in cases.items() if len(case) == 0}
    return Told(
        passed=passed,
        skipped=skipped,
        others=cases.keys() - passed - skipped.keys(),
        returncode=ended.returncode,
        text=ended.stdout,
    )


def test_all_is_skipped_where_nothing_is_configured(tmp_path: Path) -> None:
    told = tell(tmp_path, {})

    assert (told.returncode, told.passed, told.others) == (0, set(), set()), told.text
    assert len(told.skipped) >= 8
    (reason,) = set(told.skipped.values())
    for missing in (
        "DATABRICKS_HOST or DATABRICKS_CONFIG_PROFILE",
        "LAKECTL_SERVER_ENDPOINT_URL",
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID",
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
        "LAKEFS_STORAGE_NAMESPACE or LAKEFS_REPOSITORY",
        "BUNDLE_VAR_catalog",
        "BUNDLE_VAR_warehouse_id",
    ):
        assert missing in reason
    assert "BUNDLE_VAR_secret_key_name" not in reason  # it has a default


def test_what_is_missing_is_named_and_nothing_else(tmp_path: Path, stack: LocalStack) -> None:
    given = story(stack, LAKEFS_REPOSITORY="any")
    del given["BUNDLE_VAR_catalog"]

    told = tell(tmp_path, given)

    assert (told.returncode, told.passed, told.others) == (0, set(), set()), told.text
    assert {reason.rpartition("set ")[2] for reason in told.skipped.values()} == {"BUNDLE_VAR_catalog"}


@with_check_setup
def test_the_story_is_told_on_the_local_stack(tmp_path: Path, stack: LocalStack) -> None:
    namespace = os.environ.get(NAMESPACE_VARIABLE, "local://live")
    # The hook of a server of others needs a token in that server's environment.
    started_by = "bundle_run" if stack.lakefs.kind == "server" else "hook"

    told = tell(tmp_path, story(stack, LIVE_STARTED_BY=started_by, **{NAMESPACE_VARIABLE: namespace}))

    assert_told(told)
    assert_left_behind(told, f"the repository's objects at {namespace}/live-", "the clones' Delta logs under ")
    assert_gone(stack)


@with_check_setup
def test_the_story_begins_in_a_repository_of_others_and_without_a_hook(
    tmp_path: Path, stack: LocalStack, repository: TableRepository
) -> None:
    repository.add("theirs", ["t1"])
    head = repository.commit()
    chosen = {"LIVE_STARTED_BY": "bundle_run", "LIVE_READERS": "everybody"}

    told = tell(tmp_path, story(stack, LAKEFS_REPOSITORY=repository.name, **chosen), "-k", f"{FIRST} or {BY_WAREHOUSE}")

    assert (told.returncode, told.passed, told.skipped) == (0, {FIRST, BY_WAREHOUSE}, {}), told.text
    # The bundle was deployed for shallow clones, and anew with what the report recommends.
    assert "the story is told with clone_method shallow" not in told.text
    assert ", recommended for everybody\n" in told.text
    assert_left_behind(told, "the objects of branch live_", "the clones' Delta logs under ")
    assert_gone(stack)
    assert repository.head() == head


@with_check_setup
def test_a_failed_check_ends_the_story_before_anything_is_exported(
    tmp_path: Path, stack: LocalStack, repository: TableRepository
) -> None:
    nowhere = {"BUNDLE_VAR_secret_scope": "no-such-scope"}
    given = story(stack, LIVE_STARTED_BY="bundle_run", LAKEFS_REPOSITORY=repository.name, **nowhere)

    told = tell(tmp_path, given)

    assert (told.returncode, told.passed, told.skipped) == (1, set(), {}), told.text
    assert "FAIL       secrets " in told.text
    assert "Exit: check_setup: exports would fail: mend secrets first, then run check_setup again" in told.text
    assert_left_behind(told, "the objects of branch live_")
    assert_gone(stack)


def story(stack: LocalStack, **variables: str) -> dict[str, str]:
    """The environment of a story that is told on the local stack."""
    return {**stack.environment(), "DATABRICKS_BUNDLE_TARGET": "local", **variables}


def assert_told(told: Told) -> None:
    """Every chapter, but for what needs databricks-connect, or a clone that warehouses read. The report comes first."""
    assert (told.returncode, told.others) == (0, set()), told.text
    assert set(told.skipped) == {ROWS, BY_WAREHOUSE}, told.text
    assert "databricks-connect" in told.skipped[ROWS]
    assert "a clone by shallow" in told.skipped[BY_WAREHOUSE]
    assert len(told.passed) == 7, told.text
    assert "verdict: nothing that was found stands in the way of exports" in told.text
    assert "the story is told with clone_method shallow, " in told.text


def assert_left_behind(told: Told, *beginnings: str) -> None:
    """What the story says that it leaves: files, and nothing else."""
    left = [line.removeprefix("left behind: ") for line in told.text.splitlines() if line.startswith("left behind: ")]
    assert len(left) == len(beginnings), left
    assert all(line.startswith(beginning) for line, beginning in zip(left, beginnings, strict=True)), left


def assert_gone(stack: LocalStack) -> None:
    """No schema of a story is left, and no job but the one that all end-to-end tests share."""
    client = stack.client()
    assert not [each.name for each in client.schemas.list(stack.catalog.name) if (each.name or "").startswith("live_")]
    assert len([job for job in client.jobs.list() if job.settings and job.settings.name == JOB_NAME]) == 1
