"""`dbutils.fs` of the local cluster does what the Databricks Utilities reference says, and nothing else."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RUNTIME = Path(__file__).parents[3] / "src/local_stack/cluster/runtime"


def load(name: str) -> Any:
    """A module of the runtime, which is not on the path of tests."""
    spec = importlib.util.spec_from_file_location(name, RUNTIME / f"{name.replace('.', '/')}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


file_system = load("dbruntime.file_system")
files = file_system.FileSystem()
ExecutionError = file_system.ExecutionError


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return f"file:{tmp_path}/made/here"


def test_a_string_is_written_in_utf_8_with_the_folders_above_it(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert files.put(f"{folder}/a.txt", "zwölf\r\n") is True
    assert (tmp_path / "made/here/a.txt").read_bytes() == "zwölf\r\n".encode()
    assert capsys.readouterr().out == "Wrote 8 bytes.\n"


def test_a_file_is_written_over_only_where_that_is_asked_for(folder: str, tmp_path: Path) -> None:
    files.put(f"{folder}/a.txt", "first")
    with pytest.raises(ExecutionError, match="FileAlreadyExistsException"):
        files.put(f"{folder}/a.txt", "second")
    assert (tmp_path / "made/here/a.txt").read_text() == "first"
    # Hadoop holds a file against the checksum that it wrote for it.
    (tmp_path / "made/here/.a.txt.crc").write_bytes(b"of the first")
    files.put(f"{folder}/a.txt", "second", True)
    assert {path.name: path.read_text() for path in (tmp_path / "made/here").iterdir()} == {"a.txt": "second"}


def test_a_folder_is_never_written_over(folder: str) -> None:
    files.put(f"{folder}/a/b.txt", "")
    with pytest.raises(ExecutionError, match="FileAlreadyExistsException"):
        files.put(f"{folder}/a", "", True)
    with pytest.raises(ExecutionError, match="IOException"):
        files.put(f"{folder}/a/b.txt/c.txt", "")


def test_bytes_are_no_string(folder: str) -> None:
    with pytest.raises(TypeError, match="writes strings, not bytes"):
        files.put(f"{folder}/a.txt", b"x")


def test_a_folder_is_listed_with_a_slash_after_the_names_of_folders(folder: str, tmp_path: Path) -> None:
    files.put(f"{folder}/b/c.txt", "")
    files.put(f"{folder}/a 1%20.txt", "abc")
    (tmp_path / "made/here/.a 1%20.txt.crc").write_bytes(b"of Hadoop")
    first, second = files.ls(folder)
    assert (first.path, first.name, first.size) == (f"{folder}/a 1%20.txt", "a 1%20.txt", 3)
    assert (first.isFile(), first.isDir(), second.isFile(), second.isDir()) == (True, False, False, True)
    assert first.modificationTime == int((tmp_path / "made/here/a 1%20.txt").stat().st_mtime * 1000)
    assert (second.path, second.name, second.size) == (f"{folder}/b/", "b/", 0)
    assert files.ls(f"{folder}/") == files.ls(folder.replace("file:", "file://")) == [first, second]


def test_what_is_not_there_cannot_be_listed(folder: str) -> None:
    with pytest.raises(ExecutionError, match=f"java.io.FileNotFoundException: No such file or directory: {folder}"):
        files.ls(folder)


def test_a_file_is_removed_whatever_recurse_is(folder: str, tmp_path: Path) -> None:
    for recurse in (False, True):
        files.put(f"{folder}/a.txt", "")
        (tmp_path / "made/here/.a.txt.crc").write_bytes(b"of Hadoop")
        assert files.rm(f"{folder}/a.txt", recurse) is True
        assert [*(tmp_path / "made/here").iterdir()] == []


def test_a_folder_is_removed_with_its_contents_only_where_that_is_asked_for(folder: str, tmp_path: Path) -> None:
    files.put(f"{folder}/a/b.txt", "")
    with pytest.raises(ExecutionError, match="is not empty"):
        files.rm(folder)
    assert (tmp_path / "made/here/a/b.txt").exists()
    assert files.rm(folder, recurse=True) is True
    assert [*(tmp_path / "made").iterdir()] == []
    assert files.rm(f"file:{tmp_path}/made") is True
    assert not (tmp_path / "made").exists()


def test_what_the_disk_refuses_is_told(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.put(f"{folder}/a.txt", "")

    def refuse(*arguments: Any, **given: Any) -> None:
        raise PermissionError(13, "Permission denied")

    for name in ("write_bytes", "unlink", "iterdir"):
        monkeypatch.setattr(Path, name, refuse)
    calls: list[Callable[[], Any]] = [
        lambda: files.put(f"{folder}/b.txt", ""),
        lambda: files.rm(f"{folder}/a.txt"),
        lambda: files.ls(folder),
    ]
    for call in calls:
        with pytest.raises(ExecutionError, match=r"java\.io\.IOException: .*Permission denied"):
            call()


@pytest.mark.parametrize("call", ["put", "ls", "rm"])
@pytest.mark.parametrize(
    "path",
    [
        *("/tmp/x", "dbfs:/x", "s3://bucket/x", "/Volumes/a/b/c", "x", "", None, Path("/tmp/x")),
        *("file:x", "file://host/x", "file:/", "file:///", "file:/a/../b", "file:/a/./b", "file:/a//b"),
    ],
)
def test_only_plain_paths_of_this_machine_are_known(call: str, path: Any) -> None:
    with pytest.raises(NotImplementedError, match="takes plain paths file:/"):
        getattr(files, call)(path, *(["text"] if call == "put" else []))


def test_what_is_not_documented_is_refused(folder: str, tmp_path: Path) -> None:
    files.put(f"{folder}/a.txt", "")
    (tmp_path / "made/link").symlink_to(tmp_path / "made/here")
    for call in (
        lambda: files.rm(f"{folder}/gone", True),
        lambda: files.rm(f"file:{tmp_path}/made/link", True),
        lambda: files.ls(f"{folder}/a.txt"),
    ):
        with pytest.raises(NotImplementedError, match="It is not documented what "):
            call()
    assert (tmp_path / "made/here/a.txt").exists()


@pytest.mark.parametrize("name", ["head", "cp", "mv", "mkdirs", "mount", "help"])
def test_other_methods_are_refused(name: str) -> None:
    with pytest.raises(AttributeError, match=f"dbutils.fs.{name} is not supported in the local workspace"):
        getattr(files, name)
