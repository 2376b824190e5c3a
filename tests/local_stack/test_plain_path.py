"""Folders of any name under a path that Spark takes."""

import tempfile
from pathlib import Path

import pytest

from local_stack.errors import SetupError
from local_stack.plain_path import plain_path


def test_a_plain_folder_is_used_as_it_is(tmp_path: Path) -> None:
    with plain_path(tmp_path) as plain:
        assert plain == tmp_path


@pytest.mark.parametrize("name", ["with space", "50%20off", "100%", "a,b", "ü", "q'uote", "semi;colon", "a=b", "h#sh"])
def test_any_other_folder_gets_a_link_for_as_long_as_it_is_used(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name / "stack"
    folder.mkdir(parents=True)
    with plain_path(folder) as plain:
        assert not set(str(plain)) & set(" %,ü';=#")
        (plain / "written").write_text("here")
        assert (folder / "written").read_text() == "here"
        assert plain.resolve() == folder.resolve()
    assert not plain.is_symlink()
    assert not plain.parent.exists()
    assert (folder / "written").read_text() == "here"


def test_the_folder_for_temporary_files_may_have_any_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "t m%20p"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with plain_path(temporary) as plain:
        assert "%" not in str(plain)
        assert plain.resolve() == temporary.resolve()


def test_where_no_folder_will_do_the_error_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "t m p"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("local_stack.plain_path._USUAL_FOLDERS", ())
    with pytest.raises(SetupError, match="set TMPDIR to a folder"), plain_path(temporary):
        pass
