"""The task check_cluster: what its notebook gives it reaches the checks, and only this run's folder is written to."""

import io
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from cluster_double import (
    COMMIT,
    FILE,
    FOLDER,
    HANDED,
    KEY_ID,
    SECRET_KEY,
    SETTINGS,
    SOURCE,
    ClusterInMemory,
)
from doubles import TaskValuesDouble

from lakefs_unity_export.access import lakefs_addresses
from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks import notebook_cluster
from lakefs_unity_export.checks.clone_checks import CHECKS
from lakefs_unity_export.checks.handed_over import TriedClone, TriedClones
from lakefs_unity_export.checks.model import RETRIES, Line, Status
from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.clones.request import CloneRequest
from lakefs_unity_export.tasks.check_cluster import check_cluster

SECRETS = {"lakefs-access-key-id": KEY_ID, "lakefs-secret-access-key": SECRET_KEY}


class Notebook:
    """What the task is given on a sound cluster: a session, dbutils and `clone_table`. asked: of lakeFS's API."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, conf_secrets: tuple[str, ...] = ()) -> None:
        self.spark, self.cluster = object(), ClusterInMemory()
        self.values = TaskValuesDouble({("check_lakefs_and_catalog", "for_cluster"): HANDED.as_json()})
        self.widgets, self.secrets = dict(vars(SETTINGS)), dict(SECRETS)
        self.asked: list[dict[str, Any]] = []
        self.dbutils = SimpleNamespace(
            widgets=SimpleNamespace(get=self.widget),
            secrets=SimpleNamespace(get=lambda scope, key: self.secrets[key] if scope == "lakefs" else ""),
            jobs=SimpleNamespace(taskValues=self.values),
            fs=self.cluster.files,
        )
        self.cluster.secrets = lambda: list(conf_secrets)  # type: ignore[attr-defined]
        monkeypatch.setattr(notebook_cluster, "SparkCluster", self._of_session(self.cluster))
        monkeypatch.setattr(notebook_cluster, "SparkDeltaTables", self._of_session(self.cluster.delta))
        monkeypatch.setattr(lakefs_addresses, "LakeFSAddresses", self._open)

    def widget(self, name: str) -> str:
        if name not in self.widgets:
            raise ValueError(f"InputWidgetNotDefined: {name}")
        return self.widgets[name]

    def _of_session(self, found: Any) -> Any:
        def of(spark: object) -> Any:
            assert spark is self.spark
            return found

        return of

    def _open(self, **given: Any) -> Any:
        def of_folder(commit_id: str, folder: str, *, but: str) -> Mapping[str, str]:
            self.asked.append({**given, "commit_id": commit_id, "folder": folder, "but": but})
            return {"part-0.parquet": "s3://storage/shop/data/0"}

        return SimpleNamespace(of_folder=of_folder)

    def clone_table(self, spark: object, request: CloneRequest, *, dbutils: object, output: Any) -> Any:
        assert (spark, dbutils) == (self.spark, self.dbutils)
        print("what clone_table says", file=output)
        return self.cluster.clone(request)

    def run(self) -> dict[str, Line]:
        """The line of every check, by id."""
        self.out = io.StringIO()
        self.told = check_cluster(self.spark, self.dbutils, self.clone_table, output=self.out)
        return {line.id: line for line in map(Line.of_json, self.values.values["lines"])}


def test_every_check_passes_with_what_the_notebook_gives(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = Notebook(monkeypatch)
    lines = notebook.run()
    assert {line.status for line in lines.values()} == {Status.PASS}
    assert [*lines] == [check.id for check in CHECKS]
    assert notebook.told == f"{len(CHECKS)} lines for check_report"
    printed = notebook.out.getvalue()
    assert [f"PASS       {check.id} " in printed for check in CHECKS] == [True] * len(CHECKS)
    # What clones print is of exports.
    assert "what clone_table says" not in printed + capsys.readouterr().out


def test_it_prints_where_notebooks_print(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    notebook = Notebook(monkeypatch)
    check_cluster(notebook.spark, notebook.dbutils, notebook.clone_table)
    assert "PASS       clone_shallow " in capsys.readouterr().out


def test_clones_are_those_of_an_export_in_a_folder_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    notebook.run()
    first = notebook.cluster.requests[0]
    assert (first.source_path, first.commit_id, first.commit_generation) == (SOURCE, COMMIT, HANDED.commit_generation)
    assert {request.target_path.rpartition("/")[0] for request in notebook.cluster.requests} == {FOLDER}
    assert (first.lakefs_endpoint, first.secret_scope) == (SETTINGS.lakefs_endpoint, SETTINGS.secret_scope)
    assert {path.rpartition("/")[0] for path in notebook.cluster.files.content} == {FOLDER}


def test_the_warehouse_is_left_the_clones_that_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    notebook.cluster.delta.refuses["draft"] = RuntimeError("no")
    notebook.run()
    left = TriedClones.of_json(notebook.values.values["clones"])
    assert left.methods_in_use == {"shallow"}
    # Each at the version of its second clone; a deep one has a version before its first.
    assert left.made == {
        CloneMethod.SHALLOW: TriedClone(location=f"{FOLDER}/shallow", version=1),
        CloneMethod.DEEP: TriedClone(location=f"{FOLDER}/deep", version=2),
    }


def test_lakefs_is_asked_with_the_secrets_for_the_folder_that_was_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    notebook.run()
    assert notebook.asked == [
        {
            "endpoint": SETTINGS.lakefs_endpoint,
            "repository": "shop",
            "credentials": Credentials(access_key_id=KEY_ID, secret_access_key=SECRET_KEY),
            "retries": RETRIES,
            "commit_id": COMMIT,
            "folder": FILE.rpartition("/")[0],
            "but": "_delta_log",
        }
    ]


@pytest.mark.parametrize("how", ["raises", "empty"])
def test_secrets_that_cannot_be_read_are_told_by_their_own_line(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    notebook = Notebook(monkeypatch)
    notebook.secrets = {} if how == "raises" else dict.fromkeys(SECRETS, "")
    lines = notebook.run()
    assert {id_ for id_, line in lines.items() if line.status is not Status.PASS} == {
        *("cluster_lakefs_api", "clone_storage", "clone_storage_again", "clone_storage_rows")
    }
    line = lines["cluster_lakefs_api"]
    assert line.finding.startswith("secret 'lakefs-access-key-id' of scope 'lakefs' ")
    assert notebook.asked == []


def test_no_key_is_shown_be_it_of_the_scope_or_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    of_cluster = "h1dden-In-The-C0nf"
    notebook = Notebook(monkeypatch, conf_secrets=(of_cluster,))
    notebook.cluster.delta.refuses["deep"] = RuntimeError(f"{of_cluster} and {SECRET_KEY} and {KEY_ID}")
    lines = notebook.run()
    told = notebook.out.getvalue() + str(notebook.values.values)
    assert "[secret]" in lines["clone_deep"].finding
    assert not [hidden for hidden in (of_cluster, SECRET_KEY) if hidden[:8] in told]


@pytest.mark.parametrize("value", [None, {"commit_id": COMMIT}, "text"])
def test_what_the_task_before_did_not_leave_whole_is_nothing(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    notebook = Notebook(monkeypatch)
    left = {} if value is None else {("check_lakefs_and_catalog", "for_cluster"): value}
    notebook.values = notebook.dbutils.jobs.taskValues = TaskValuesDouble(left)
    lines = notebook.run()
    assert {line.status for line in lines.values()} == {Status.PASS, Status.NOT_RUN}
    assert lines["gateway_listing"].finding.startswith("task check_lakefs_and_catalog handed no commit")
    assert lines["target_written"].status is Status.PASS


def test_a_widget_that_is_not_there_is_an_empty_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = Notebook(monkeypatch)
    del notebook.widgets["target_base_location"]
    line = notebook.run()["target_written"]
    assert (line.status, "target_base_location" in line.finding) == (Status.NOT_TRIED, True)
