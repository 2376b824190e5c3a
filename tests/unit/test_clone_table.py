"""The clone task's decisions, on tables in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lakefs_unity_export.clone_table import (
    Action,
    CloneRequest,
    CloneResult,
    NoSourceTableError,
    TargetStorageError,
    TargetTakenError,
    clone,
)
from lakefs_unity_export.delta_tables import TableState, string_literal
from lakefs_unity_export.errors import (
    ExportError,
    LakeFSAccessError,
    LakeFSGoneError,
    LakeFSNotFoundError,
    LakeFSUnavailableError,
    SettingsError,
)

REQUEST = CloneRequest(
    repository="lake",
    branch="main",
    commit_id="c" * 64,
    commit_generation=5,
    path="tables/orders",
    table="`unity`.`main`.`orders`",
    source_path=f"s3a://lake/{'c' * 64}/tables/orders",
    target_path="abfss://exports@account.dfs.core.windows.net/lake/main/orders",
)
SOURCE = TableState(location=REQUEST.source_path, version=9, files=3, bytes=300)


@dataclass
class TablesInMemory:
    """Delta tables by path; `calls` are the effects, in order."""

    found: dict[str, TableState]
    failures: dict[str, Exception] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def describe(self, path: str) -> TableState | None:
        self.reads.append(path)
        self._fail(path)
        return self.found.get(path)

    def holds_files(self, path: str) -> bool:
        return path in self.files

    def clone(self, source: str, target: str, *, properties: Mapping[str, str], user_metadata: str) -> None:
        self._fail("clone")
        self.calls.append(("clone", source, target, user_metadata))
        before = self.found.get(target)
        self.found[target] = replace(
            self.found[source],
            location=target,
            version=before.version + 1 if before else 0,
            comment=None,
            properties=properties,
        )

    def set_comment(self, path: str, comment: str, *, user_metadata: str) -> None:
        self._fail("comment")
        self.calls.append(("comment", path, comment, user_metadata))
        state = self.found[path]
        self.found[path] = replace(state, version=state.version + 1, comment=comment)

    def _fail(self, what: str) -> None:
        if what in self.failures:
            raise self.failures[what]


def target(**changes: Any) -> TableState:
    """The clone of an earlier commit, or what the changes make of it."""
    shown = replace(REQUEST.provenance, commit_id="b" * 64, commit_generation=4)
    state = TableState(location=REQUEST.target_path, version=2, properties=shown.properties(), files=1, bytes=100)
    shown_changes = {key: changes.pop(key) for key in list(changes) if key in vars(shown)}
    if shown_changes:
        state = replace(state, properties=replace(shown, **shown_changes).properties())
    return replace(state, **changes)


def tables(at_target: TableState | None = None, **more: Any) -> TablesInMemory:
    found = {REQUEST.source_path: SOURCE}
    if at_target is not None:
        found[REQUEST.target_path] = at_target
    return TablesInMemory(found, **more)


CURRENT = target(commit_id=REQUEST.commit_id, commit_generation=5)


@pytest.mark.parametrize("before", [None, target(), target(commit_generation=5), target(path="old/orders")])
def test_a_free_target_or_our_own_earlier_clone_is_cloned(before: TableState | None) -> None:
    at = tables(before)
    result = clone(at, REQUEST, clock=iter([10.0, 12.5]).__next__)
    assert at.calls == [("clone", REQUEST.source_path, REQUEST.target_path, REQUEST.provenance.user_metadata())]
    assert at.found[REQUEST.target_path].properties == REQUEST.provenance.properties()
    assert result == CloneResult(
        action=Action.CLONED,
        table=REQUEST.table,
        commit_id=REQUEST.commit_id,
        version_before=before.version if before else None,
        version=before.version + 1 if before else 0,
        files=3,
        bytes=300,
        seconds=2.5,
    )


def test_a_target_at_this_commit_with_a_comment_is_left_alone_without_asking_lakefs() -> None:
    at = tables(replace(CURRENT, comment="orders"))
    assert clone(at, REQUEST).action is Action.CURRENT
    assert (at.calls, at.reads) == ([], [REQUEST.target_path])


def test_a_target_at_this_commit_from_another_path_is_cloned_again() -> None:
    at = tables(target(commit_id=REQUEST.commit_id, commit_generation=5, path="old/orders"))
    assert clone(at, REQUEST).action is Action.CLONED


@pytest.mark.parametrize("is_written_in_full", [False, True])
def test_a_target_at_this_commit_from_a_long_path_is_left_alone(is_written_in_full: bool) -> None:
    request = replace(REQUEST, path="/".join(["p" * 200] * 5))
    properties = request.provenance.properties() | ({"lakefs.path": request.path} if is_written_in_full else {})
    at = tables(replace(CURRENT, properties=properties, comment="theirs"))
    assert clone(at, request).action is Action.CURRENT
    assert at.calls == []


def test_a_newer_commit_at_the_target_is_left_alone() -> None:
    at = tables(target(commit_generation=6))
    assert clone(at, REQUEST).action is Action.SUPERSEDED
    assert (at.calls, at.reads) == ([], [REQUEST.target_path])


def test_of_two_lines_of_commits_the_later_one_has_the_table() -> None:
    ours = replace(REQUEST, line=3)
    assert clone(tables(target(commit_generation=6, line=2)), ours).action is Action.CLONED
    assert clone(tables(target(commit_generation=4, line=4)), ours).action is Action.SUPERSEDED


def test_a_target_at_this_commit_from_an_earlier_line_is_cloned_again() -> None:
    """Else a late run of the earlier line, with a higher generation, could still take it."""
    at = target(commit_id=REQUEST.commit_id, commit_generation=5, line=2)
    assert clone(tables(at), replace(REQUEST, line=3)).action is Action.CLONED


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (target(properties={}), "did not make"),
        (target(properties={"lakefs.repository": "lake", "lakefs.branch": "main"}), "did not make"),
        (target(repository="other"), "repository 'other'"),
        (target(branch="dev"), "branch 'dev'"),
        (target(location="abfss://exports@account.dfs.core.windows.net/lake/main"), "lies inside the Delta table"),
    ],
)
def test_what_is_not_this_tables_clone_is_refused_and_untouched(taken: TableState, says: str) -> None:
    at = tables(taken)
    with pytest.raises(TargetTakenError, match=says) as raised:
        clone(at, REQUEST)
    assert REQUEST.target_path in str(raised.value)
    assert REQUEST.table in str(raised.value)
    assert at.calls == []


def test_another_spelling_of_the_target_is_the_same_place() -> None:
    at = tables(replace(target(), location=REQUEST.target_path + "/"))
    assert clone(at, REQUEST).action is Action.CLONED


def test_files_without_a_delta_log_are_refused() -> None:
    at = tables(files={REQUEST.target_path})
    with pytest.raises(TargetTakenError, match="no Delta table"):
        clone(at, REQUEST)
    assert at.calls == []


def test_no_table_at_the_source_names_source_and_descriptor() -> None:
    at = tables()
    del at.found[REQUEST.source_path]
    with pytest.raises(NoSourceTableError) as raised:
        clone(at, REQUEST)
    assert REQUEST.source_path in str(raised.value)
    assert "'path: tables/orders' in the descriptor of `unity`.`main`.`orders`" in str(raised.value)
    assert at.calls == []


def test_a_source_inside_another_table_is_no_table() -> None:
    at = tables()
    at.found[REQUEST.source_path] = replace(SOURCE, location=f"s3a://lake/{'c' * 64}/tables")
    with pytest.raises(NoSourceTableError, match="encloses"):
        clone(at, REQUEST)


@pytest.mark.parametrize(
    ("source", "before", "comments"),
    [
        ("orders", None, ["orders"]),
        ("orders", "orders of old", ["orders"]),
        (None, "by a person", ["by a person"]),
        (None, None, []),
        ("", None, []),
    ],
)
def test_the_comment_follows_the_source_and_else_stays(
    source: str | None, before: str | None, comments: list[str]
) -> None:
    at = tables(replace(target(), comment=before))
    at.found[REQUEST.source_path] = replace(SOURCE, comment=source)
    result = clone(at, REQUEST)
    metadata = REQUEST.provenance.user_metadata()
    assert at.calls[1:] == [("comment", REQUEST.target_path, comment, metadata) for comment in comments]
    assert result.version == 3 + len(comments)


def test_a_comment_that_an_earlier_attempt_left_out_is_completed() -> None:
    at = tables(CURRENT)
    at.found[REQUEST.source_path] = replace(SOURCE, comment="orders")
    result = clone(at, REQUEST)
    assert (result.action, result.version_before, result.version) == (Action.COMMENTED, 2, 3)
    assert [call[0] for call in at.calls] == ["comment"]


@pytest.mark.parametrize(
    ("text", "kind", "advice"),
    [
        ("Forbidden (Service: S3, Status Code: 403)", LakeFSAccessError, "lakefs-access-key-id"),
        ("java.nio.file.AccessDeniedException: InvalidAccessKeyId", LakeFSAccessError, "secrets"),
        ("NoAuthWithAWSException: No AWS Credentials provided by", LakeFSAccessError, "fs.s3a.bucket.lake."),
        ("UnknownStoreException: NoSuchBucket (Status Code: 404)", LakeFSNotFoundError, "no repository 'lake'"),
        ("FileNotFoundException: (Service: S3, Status Code: 410)", LakeFSGoneError, "garbage collection"),
        ("ConnectException: Connection refused", LakeFSUnavailableError, "cannot be reached"),
        ("java.net.UnknownHostException: lakefs.example.com", LakeFSUnavailableError, "cannot be reached"),
        ("SdkClientException: timed out", LakeFSUnavailableError, "cannot be reached"),
        ("AWSStatus500Exception: (Service: S3, Status Code: 503)", LakeFSUnavailableError, "run the job again"),
        ("DeltaFileNotFoundException: log truncated", NoSourceTableError, "cannot be read"),
    ],
)
@pytest.mark.parametrize("during", ["read", "clone"])
def test_what_lakefs_answers_is_told_in_one_line(text: str, kind: type[ExportError], advice: str, during: str) -> None:
    failure = JavaError(f"java.lang.RuntimeException: {REQUEST.source_path}: {text}\n\tat Stack.java")
    at = tables(failures={REQUEST.source_path if during == "read" else "clone": failure})
    if during == "clone" and kind is NoSourceTableError:
        kind, advice = TargetStorageError, "external location"
    with pytest.raises(kind, match=advice) as raised:
        clone(at, REQUEST)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is failure
    assert at.calls == []


def test_a_store_of_the_target_that_refuses_is_not_blamed_on_lakefs() -> None:
    failure = OSError(f"{REQUEST.target_path}: Status Code: 403")
    for failures in ({REQUEST.target_path: failure}, {"clone": failure}):
        with pytest.raises(TargetStorageError, match="external location") as raised:
            clone(tables(failures=failures), REQUEST)
        assert REQUEST.target_path in str(raised.value)


def test_the_source_in_a_java_cause_is_found() -> None:
    cause = JavaThrowable(f"java.net.ConnectException: {REQUEST.source_path}: Connection refused")
    failure = JavaError("An error occurred while calling o1.clone", JavaThrowable("SparkException: failed", cause))
    with pytest.raises(LakeFSUnavailableError):
        clone(tables(failures={"clone": failure}), REQUEST)


WIDGETS = {
    "repository": REQUEST.repository,
    "branch": REQUEST.branch,
    "source_commit_id": REQUEST.commit_id,
    "commit_generation": "5",
    "path": REQUEST.path,
    "table": REQUEST.table,
    "source_path": REQUEST.source_path,
    "target_path": REQUEST.target_path,
    "line": "0",
}


def test_widgets_become_a_request() -> None:
    assert CloneRequest.from_widgets(WIDGETS.__getitem__) == REQUEST


@pytest.mark.parametrize("name", WIDGETS)
@pytest.mark.parametrize("bad", ["", "it's", 'a"b', "a\\b", "a\nb"])
def test_a_widget_with_a_value_that_breaks_sql_is_refused_by_name(name: str, bad: str) -> None:
    with pytest.raises(SettingsError, match=f"widget {name} is"):
        CloneRequest.from_widgets({**WIDGETS, name: bad}.__getitem__)


@pytest.mark.parametrize(
    ("name", "bad"),
    [("target_path", "file:/a`b"), ("branch", "a`b"), ("commit_generation", "²"), ("line", "-1")],
)
def test_backticks_and_odd_numbers_are_refused(name: str, bad: str) -> None:
    with pytest.raises(SettingsError, match=f"widget {name} is"):
        CloneRequest.from_widgets({**WIDGETS, name: bad}.__getitem__)


def test_the_result_reads_well_for_people_and_programs() -> None:
    result = clone(tables(target()), REQUEST, clock=iter([0.0, 1.25]).__next__)
    assert result.lines() == [
        "table          `unity`.`main`.`orders`",
        "action         cloned",
        f"lakeFS commit  {'c' * 64}",
        "Delta version  version 2 -> version 3",
        "files          3",
        "bytes          300",
        "seconds        1.2",
    ]
    assert json.loads(result.to_json()) == {
        "action": "cloned",
        "table": "`unity`.`main`.`orders`",
        "commit_id": "c" * 64,
        "version_before": 2,
        "version": 3,
        "files": 3,
        "bytes": 300,
        "seconds": 1.25,
    }


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain text, 1.", "'plain text, 1.'"),
        ("it's", r"'it\u0027s'"),
        ("a\\n\n", r"'a\u005cn\u000a'"),
        ("${spark.secret}", r"'\u0024\u007bspark.secret\u007d'"),
        ("😀", r"'\U0001f600'"),
    ],
)
def test_literals_hold_nothing_that_spark_could_read_as_syntax(text: str, literal: str) -> None:
    assert string_literal(text) == literal


class JavaThrowable:
    def __init__(self, text: str, cause: "JavaThrowable | None" = None) -> None:
        self._text, self._cause = text, cause

    def toString(self) -> str:  # noqa: N802
        return self._text

    def getCause(self) -> "JavaThrowable | None":  # noqa: N802
        return self._cause


class JavaError(Exception):
    """As Py4J raises it."""

    def __init__(self, text: str, throwable: JavaThrowable | None = None) -> None:
        super().__init__(text)
        self.java_exception = throwable
