"""Which archive of classes belongs to a Java and to jars, and when Spark is told to use it."""

import os
import sys
from pathlib import Path

import pytest

from local_stack.toolchain.class_archive import archive_option, class_archive


@pytest.fixture
def java_and_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "an environment"))
    java, jars = tmp_path / "java", tmp_path / "jars"
    (java / "bin").mkdir(parents=True)
    (java / "bin" / "java").touch()
    jars.mkdir()
    return java, jars


@pytest.mark.parametrize("changed", ["java/bin/java", "jars"])
def test_another_java_or_other_jars_have_another_archive(
    java_and_jars: tuple[Path, Path], tmp_path: Path, changed: str
) -> None:
    before = class_archive(*java_and_jars)
    assert class_archive(*java_and_jars) == before
    os.utime(tmp_path / changed, (1, 1))
    assert class_archive(*java_and_jars) != before


def test_an_archive_is_used_once_it_is_made_and_its_path_may_have_blanks(java_and_jars: tuple[Path, Path]) -> None:
    assert archive_option(*java_and_jars) == ""
    archive = class_archive(*java_and_jars)
    archive.parent.mkdir(parents=True)
    archive.touch()
    assert archive_option(*java_and_jars) == f'"-XX:SharedArchiveFile={archive}"'
