"""Wheels unpacked once for many tasks."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local_stack.unpacked_wheels import UnpackedWheels


def wheel(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
    return path


def test_wheels_lie_together_and_are_unpacked_once(tmp_path: Path) -> None:
    unpacked = UnpackedWheels(tmp_path / "unpacked")
    both = [wheel(tmp_path, "one", "ANSWER = 1"), wheel(tmp_path, "two", "ANSWER = 2")]

    folder = unpacked.folder_of(both)

    assert {entry.name for entry in folder.glob("*.py")} == {"one.py", "two.py"}
    made = (folder / "one.py").stat()
    assert unpacked.folder_of(both) == folder
    assert (folder / "one.py").stat() == made
    assert unpacked.folder_of(both[:1]) != folder


def test_a_new_build_of_the_same_name_has_a_folder_of_its_own(tmp_path: Path) -> None:
    unpacked = UnpackedWheels(tmp_path / "unpacked")
    before = unpacked.folder_of([wheel(tmp_path, "one", "ANSWER = 1")])
    after = unpacked.folder_of([wheel(tmp_path, "one", "ANSWER = 2")])
    assert [(folder / "one.py").read_text() for folder in (before, after)] == ["ANSWER = 1", "ANSWER = 2"]


def test_modules_are_compiled_and_named_where_they_are(tmp_path: Path) -> None:
    folder = UnpackedWheels(tmp_path / "unpacked").folder_of([wheel(tmp_path, "one", "def where(): 1 / 0")])
    command = [sys.executable, "-v", "-B", "-c", "import one; one.where()"]
    done = subprocess.run(command, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False)
    assert "code object from" in done.stderr
    assert f"# {folder}/__pycache__/one." in done.stderr
    assert f'File "{folder}/one.py", line 1, in where' in done.stderr


def test_what_is_no_wheel_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.whl"
    broken.write_text("not a wheel")
    with pytest.raises(zipfile.BadZipFile):
        UnpackedWheels(tmp_path / "unpacked").folder_of([wheel(tmp_path, "one", ""), broken])
    assert list((tmp_path / "unpacked").iterdir()) == []
