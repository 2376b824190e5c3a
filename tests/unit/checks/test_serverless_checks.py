"""Who reads rows on serverless compute: each thing in the way told by its line, and what each answer settles."""

from collections.abc import Callable
from typing import Any

import pytest
from serverless_double import SessionDouble

from lakefs_unity_export.checks.handed_over import RegisteredClones
from lakefs_unity_export.checks.model import Claim, Line, Status
from lakefs_unity_export.checks.redaction import Redaction
from lakefs_unity_export.checks.runner import run_checks
from lakefs_unity_export.checks.serverless_checks import CHECKS, ServerlessSetup
from lakefs_unity_export.clones.methods import CloneMethod

FAIL, WARN, NOT_RUN, NOT_TRIED, PASS = Status.FAIL, Status.WARN, Status.NOT_RUN, Status.NOT_TRIED, Status.PASS
TABLES = {method: f"`lake`.`checks`.`{method}`" for method in CloneMethod}
FORBIDDEN = "[FAILED_READ_FILE.NO_HINT] Error while reading file s3://bucket/data/1: 403 Forbidden"
DENIED = "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have SELECT on Table"


def check(
    session: SessionDouble,
    runtime: str = "client.4.0",
    handed_over: Callable[[], RegisteredClones] = lambda: RegisteredClones(tables=TABLES),
    new_session: Callable[[], Any] | None = None,
) -> dict[str, Line]:
    setup = ServerlessSetup(runtime=runtime, new_session=new_session or (lambda: session), handed_over=handed_over)
    return {line.id: line for line in run_checks(CHECKS, setup, Redaction())}


def test_rows_that_are_read_are_told_for_each_method() -> None:
    lines = check(SessionDouble(TABLES))
    assert {line.status for line in lines.values()} == {PASS}
    assert {id_: line.claim for id_, line in lines.items() if line.claim is not Claim.OPEN} == {
        "serverless_shallow_rows": Claim.REFUTED,
        "serverless_storage_rows": Claim.CONFIRMED,
        "serverless_deep_rows": Claim.CONFIRMED,
    }


@pytest.mark.parametrize(
    ("method", "why", "claim", "says", "remedy"),
    [
        ("shallow", FORBIDDEN, Claim.CONFIRMED, "it cannot be read: ", "the one that is recommended for warehouses"),
        ("storage", FORBIDDEN, Claim.OPEN, "it cannot be read: ", "external location over lakeFS's storage namespace"),
        # A refusal for want of a grant says nothing of what serverless compute can do.
        ("shallow", DENIED, Claim.OPEN, "it may not be read: ", "the one that is recommended for warehouses"),
        ("deep", DENIED, Claim.OPEN, "it may not be read: ", "do what the line external_location_grants says"),
    ],
)
def test_rows_that_are_not_read_are_told_by_their_line_alone(
    method: str, why: str, claim: Claim, says: str, remedy: str
) -> None:
    lines = check(SessionDouble(TABLES, unread={method: why}))
    line = lines[f"serverless_{method}_rows"]
    assert (line.status, line.claim) == (WARN, claim)
    assert line.finding.startswith(says)
    assert why in line.finding
    assert remedy in line.remedy
    assert {other.status for other in lines.values() if other is not line} == {PASS}


def test_a_table_without_rows_settles_nothing() -> None:
    lines = check(SessionDouble(TABLES, rows=[]))
    assert {(lines[f"serverless_{m}_rows"].status, lines[f"serverless_{m}_rows"].claim) for m in CloneMethod} == {
        (NOT_TRIED, Claim.OPEN)
    }


def test_a_task_on_a_cluster_says_so_and_asks_nothing() -> None:
    def no_session() -> object:
        raise AssertionError

    lines = check(SessionDouble(TABLES), runtime="17.3", new_session=no_session)
    assert {line.status for line in lines.values()} == {NOT_RUN}
    assert lines["serverless"].finding == "this task runs on a cluster, with runtime 17.3"


def test_a_task_without_a_session_says_so() -> None:
    def no_session() -> object:
        raise ImportError("No module named 'pyspark'")

    lines = check(SessionDouble(TABLES), new_session=no_session)
    assert (lines["serverless"].status, lines["serverless_deep_rows"].status) == (NOT_TRIED, NOT_RUN)
    assert "No module named 'pyspark'" in lines["serverless"].finding


def test_only_what_is_registered_is_read() -> None:
    registered = RegisteredClones(tables={CloneMethod.DEEP: TABLES[CloneMethod.DEEP]})
    lines = check(SessionDouble(TABLES), handed_over=lambda: registered)
    assert [line.status for line in lines.values()] == [PASS, NOT_RUN, NOT_RUN, PASS]
    assert lines["serverless_shallow_rows"].finding == "needs warehouse_shallow"


def test_without_a_word_of_the_warehouse_nothing_is_read() -> None:
    def silent() -> RegisteredClones:
        raise ValueError("Task key does not exist in run")

    assert [line.status for line in check(SessionDouble(TABLES), handed_over=silent).values()] == [PASS, *[NOT_RUN] * 3]
