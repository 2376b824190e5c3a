"""The task check_removal: what it takes away, and what it says."""

import io
from types import SimpleNamespace

import pytest
from cluster_double import BASE, FOLDER, PARENT, FilesDouble
from doubles import TaskValuesDouble

from lakefs_unity_export.checks.model import Line, Status
from lakefs_unity_export.tasks.check_removal import check_removal

LEFT = f"{PARENT}/lakefs_unity_export_check_1"


class Notebook:
    """What the task is given; `files` hold a table of an export."""

    def __init__(self) -> None:
        self.files, self.values = FilesDouble(), TaskValuesDouble()
        self.files.put(f"{BASE}/main/orders/_delta_log/0.json", "{}")
        self.widgets = {"target_base_location": BASE, "run_id": "4711"}
        self.dbutils = SimpleNamespace(
            widgets=SimpleNamespace(get=lambda name: self.widgets[name]),
            jobs=SimpleNamespace(taskValues=self.values),
            fs=self.files,
        )

    def run(self) -> Line:
        self.out = io.StringIO()
        assert check_removal(self.dbutils, output=self.out) == "1 lines for check_report"
        (line,) = map(Line.of_json, self.values.values["lines"])
        assert line.id == "target_removed"
        assert line.finding in self.out.getvalue()
        return line


def test_it_removes_what_the_run_wrote_and_what_earlier_ones_left() -> None:
    notebook = Notebook()
    for file in (f"{FOLDER}/probe.txt", f"{FOLDER}/deep/_delta_log/0.json", f"{LEFT}/made_by_check_setup_at_1"):
        notebook.files.put(file, "x")
    line = notebook.run()
    assert (line.status, line.finding) == (
        Status.PASS,
        f"{FOLDER} was removed, with the clones in it; so was lakefs_unity_export_check_1, which earlier runs left",
    )
    assert notebook.files.content.keys() == {f"{BASE}/main/orders/_delta_log/0.json"}


def test_where_nothing_was_written_earlier_runs_are_cleared_away_all_the_same() -> None:
    notebook = Notebook()
    assert notebook.run().status is Status.NOT_RUN
    notebook.files.put(f"{LEFT}/made_by_check_setup_at_1", "x")
    line = notebook.run()
    assert (line.status, "so was lakefs_unity_export_check_1" in line.finding) == (Status.PASS, True)
    assert notebook.files.content.keys() == {f"{BASE}/main/orders/_delta_log/0.json"}


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("rm", f"{FOLDER} cannot be removed: PermissionError: no"),
        ("ls", f"it cannot be seen whether {FOLDER} is there: PermissionError: no"),
    ],
)
def test_what_cannot_be_removed_is_told_and_mended_by_what_the_line_says(method: str, says: str) -> None:
    notebook = Notebook()
    notebook.files.put(f"{FOLDER}/probe.txt", "x")
    notebook.files.refuses[method] = PermissionError("no")
    line = notebook.run()
    assert (line.status, line.finding) == (Status.WARN, says)
    assert line.remedy == f'in a notebook: dbutils.fs.rm("{FOLDER}", True)'
    notebook.files.refuses.clear()
    notebook.files.rm(FOLDER, True)
    assert notebook.run().status is Status.NOT_RUN


def test_settings_that_give_no_folder_wrote_nothing() -> None:
    notebook = Notebook()
    notebook.widgets["target_base_location"] = "/Volumes/x"
    assert notebook.run().status is Status.NOT_RUN
