"""The folder at the target: what is written, what is removed again, and what a run leaves that is killed."""

import pytest
from cluster_double import BASE, FOLDER, NOW, PARENT, FilesDouble

from lakefs_unity_export.checks.probe import LEFT_AFTER_SECONDS
from lakefs_unity_export.checks.target_probe import TargetProbe

FAR = NOW + LEFT_AFTER_SECONDS + 1


def probe(files: FilesDouble, *, run: str = "4711", now: float = NOW) -> TargetProbe:
    return TargetProbe(files, PARENT, f"{PARENT}/lakefs_unity_export_check_{run}", clock=lambda: now)


@pytest.fixture(params=[False, True], ids=["a store without folders", "a store with folders"])
def files(request: pytest.FixtureRequest) -> FilesDouble:
    """With a table that exports made."""
    made = FilesDouble(has_folders=request.param)
    made.put(f"{BASE}/main/orders/_delta_log/0.json", "{}")
    return made


def test_what_is_made_is_removed_with_all_that_came_into_it(files: FilesDouble) -> None:
    before = dict(files.content)
    made = probe(files)
    assert made.make() == f"{FOLDER}/probe.txt"
    assert set(files.content) - set(before) == {
        f"{FOLDER}/probe.txt",
        f"{FOLDER}/made_by_check_setup_at_{int(NOW)}",
    }
    files.put(f"{FOLDER}/deep/_delta_log/0.json", "{}")
    assert made.remove() == ""
    assert (files.content, files.folders) == (before, set())


def test_another_task_of_the_run_sees_whether_it_is_there(files: FilesDouble) -> None:
    assert not probe(files).is_there()
    probe(files, run="1").make()
    assert not probe(files).is_there()
    probe(files).make()
    assert probe(files).is_there()
    probe(files).remove()
    assert not probe(files).is_there()
    files.refuses["ls"] = PermissionError("no")
    with pytest.raises(PermissionError):
        probe(files).is_there()


def test_what_was_written_in_part_is_removed(files: FilesDouble) -> None:
    before = dict(files.content)
    made, put = probe(files), files.put

    def put_once(file: str, contents: str, overwrite: bool = False) -> bool:
        put(file, contents, overwrite)
        files.refuses["put"] = OSError("disk full")
        return True

    files.put = put_once  # type: ignore[method-assign]
    with pytest.raises(OSError, match="disk full"):
        made.make()
    assert made.remove() == ""
    assert files.content == before


def test_what_cannot_be_removed_is_told_and_tried_again(files: FilesDouble) -> None:
    made = probe(files)
    made.make()
    files.refuses["rm"] = PermissionError("no\nWRITE FILES " + "x" * 400)
    assert made.remove() == "PermissionError: " + ("no WRITE FILES " + "x" * 400)[:300]
    assert made.is_there()
    files.refuses.clear()
    assert made.remove() == ""
    assert not any(path.startswith(PARENT) for path in files.content)


def test_a_later_run_removes_what_a_killed_one_left(files: FilesDouble) -> None:
    killed = probe(files, run="1")
    killed.make()
    files.put(f"{killed.folder}/deep/_delta_log/0.json", "{}")
    later = probe(files, now=FAR)
    assert later.sweep() == ("lakefs_unity_export_check_1",)
    later.make()
    assert {path.rpartition("/")[0] for path in files.content} == {FOLDER, f"{BASE}/main/orders/_delta_log"}
    assert later.remove() == ""
    assert set(files.content) == {f"{BASE}/main/orders/_delta_log/0.json"}


def test_what_another_run_is_in_is_left(files: FilesDouble) -> None:
    other, own = probe(files, run="1"), probe(files, now=NOW + LEFT_AFTER_SECONDS)
    other.make()
    own.make()
    assert own.sweep() == ()
    assert own.remove() == ""
    assert {path.rpartition("/")[0] for path in files.content} == {other.folder, f"{BASE}/main/orders/_delta_log"}


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("lakefs_unity_export_check_1", "probe.txt"),
        ("lakefs_unity_export_check_1", "made_by_check_setup_at_"),
        ("lakefs_unity_export_check_1", "made_by_check_setup_at_soon"),
        ("lakefs_unity_export_check_1", "made_by_check_setup_at_-5"),
        ("lakefs_unity_export_check_1/deeper", "made_by_check_setup_at_5"),
        ("of_somebody", "made_by_check_setup_at_5"),
        ("lakefs_unity_export_check_4711", "made_by_check_setup_at_5"),
    ],
)
def test_what_is_not_surely_of_an_earlier_run_is_left(files: FilesDouble, folder: str, file: str) -> None:
    files.put(f"{PARENT}/{folder}/{file}", "x")
    before = dict(files.content)
    assert probe(files, now=FAR).sweep() == ()
    assert files.content == before


def test_where_there_is_nothing_or_no_right_nothing_is_swept(files: FilesDouble) -> None:
    assert probe(files, now=FAR).sweep() == ()
    probe(files, run="1").make()
    for refused in ("ls", "rm"):
        files.refuses = {refused: PermissionError("no")}
        assert probe(files, now=FAR).sweep() == ()
    files.refuses.clear()
    assert probe(files, now=FAR).sweep() == ("lakefs_unity_export_check_1",)
