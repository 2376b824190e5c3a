"""The task check_own_table_removal: with which key it asks which lakeFS, and what it leaves."""

from types import SimpleNamespace
from typing import Any

import pytest
from branches_double import BranchesDouble
from doubles import LakeFSDouble, TaskValuesDouble

from lakefs_unity_export.access.lakefs_connection import Credentials
from lakefs_unity_export.checks.handed_over import HandedOver, OwnTable
from lakefs_unity_export.checks.model import RETRIES, Line, Status
from lakefs_unity_export.errors import LakeFSAccessError, SettingsError, WorkspaceAccessError
from lakefs_unity_export.tasks import check_own_table_removal as module

KEY_ID, SECRET_KEY = "AKIAJ7QXN2", "zW9/x+Kq3Vb7Tn5Yp1Rg"
SECRETS = {"key-id": KEY_ID, "secret-key": SECRET_KEY}
NAMES = ("lakefs_unity_export_check_4711_1", "lakefs_unity_export_check_4711_2")
OPTIONS = {
    "repository": "shop",
    "branch": "main",
    "lakefs_endpoint": "https://lakefs.example.com",
    "secret_scope": "lakefs",
    "access_key_name": "key-id",
    "secret_key_name": "secret-key",
    "run_id": "4711",
}


class Task:
    """What the task is given: a workspace whose task before made two branches, which the repository has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lakefs = LakeFSDouble()
        self.branches = BranchesDouble(self.lakefs)
        for name in NAMES:
            self.branches.left(name, "x")
        handed = HandedOver(own_table=OwnTable(path="x", branches=NAMES)).as_json()
        self.values = TaskValuesDouble({("check_lakefs_and_catalog", "for_cluster"): handed})
        self.secrets, self.opened = dict(SECRETS), list[dict[str, Any]]()
        runtime = SimpleNamespace(secret=self.secret, task_values=self.values)
        monkeypatch.setattr(module, "task_runtime", lambda out: runtime)
        monkeypatch.setattr(module, "LakeFSBranchesClient", self.open)
        monkeypatch.setattr("sys.argv", ["x", *(f"--{name}={value}" for name, value in OPTIONS.items())])

    def secret(self, scope: str, key: str) -> str:
        if scope != "lakefs" or key not in self.secrets:
            raise WorkspaceAccessError(f"secret {key!r} could not be read; create it")
        return self.secrets[key]

    def open(self, **given: Any) -> BranchesDouble:
        self.opened.append(given)
        return self.branches

    def run(self) -> Line:
        module.main()
        (line,) = map(Line.of_json, self.values.values["lines"])
        assert line.id == "own_table_removed"
        return line


def test_it_deletes_what_the_first_task_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Task(monkeypatch)
    line = task.run()
    assert line.status is Status.PASS
    assert task.lakefs.branch_names() == ["main"]
    assert task.opened == [
        {
            "endpoint": "https://lakefs.example.com",
            "repository": "shop",
            "credentials": Credentials(access_key_id=KEY_ID, secret_access_key=SECRET_KEY),
            "retries": RETRIES,
        }
    ]
    assert "PASS       own_table_removed" in capsys.readouterr().out


@pytest.mark.parametrize("left", [{}, {("check_lakefs_and_catalog", "for_cluster"): None}])
def test_where_the_first_task_left_nothing_the_run_s_own_branches_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, left: dict[tuple[str, str], Any]
) -> None:
    task = Task(monkeypatch)
    task.values.left = left
    assert task.run().status is Status.PASS
    assert task.lakefs.branch_names() == ["main"]


def test_a_key_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task(monkeypatch)
    task.secrets.clear()
    line = task.run()
    assert line.status is Status.WARN
    assert "are there: secret 'key-id' could not be read" in line.finding
    assert line.remedy.count("lakectl branch delete lakefs://shop/") == 2


def test_no_key_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    task = Task(monkeypatch)
    task.branches.refuses["delete"] = LakeFSAccessError(f"refused {SECRET_KEY} of {KEY_ID}")
    assert "[secret]" in task.run().finding
    assert SECRET_KEY[:6] not in capsys.readouterr().out + str(task.values.values)


def test_without_dbutils_it_ends_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    Task(monkeypatch)

    def start(out: object) -> object:
        raise SettingsError("no dbutils; run it on Databricks")

    monkeypatch.setattr(module, "task_runtime", start)
    with pytest.raises(SystemExit, match="SettingsError: no dbutils; run it on Databricks"):
        module.main()
