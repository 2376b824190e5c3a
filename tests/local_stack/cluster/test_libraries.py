"""Wheels that notebooks import from, in one process."""

import importlib.util
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_stack.cluster.libraries import Libraries
from local_stack.named_packages import PackageError


@pytest.fixture
def libraries(tmp_path: Path) -> Iterator[Libraries]:
    made = Libraries(tmp_path / "unpacked")
    path, modules = list(sys.path), set(sys.modules)
    sys.meta_path.insert(0, made)
    yield made
    sys.meta_path.remove(made)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def wheel(folder: Path, answer: int, package: str = "wheel_under_test", needs: str = "") -> Path:
    """A build of the wheel; every build has the same file name, as deployments have."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{package}/__init__.py", "from .inner import ANSWER\n")
        archive.writestr(f"{package}/inner.py", f"ANSWER = {answer}\n")
        requirement = f"Requires-Dist: {needs}\n" if needs else ""
        archive.writestr(f"{package}-1.0.dist-info/METADATA", f"Name: {package}\nVersion: 1.0\n{requirement}")
    return path


def test_a_new_build_of_a_wheel_takes_the_place_of_the_old_one(libraries: Libraries, tmp_path: Path) -> None:
    for answer in (1, 2, 1):
        with libraries.use([wheel(tmp_path / "dist", answer)]):
            assert answer == importlib.import_module("wheel_under_test").ANSWER
            assert answer == importlib.import_module("wheel_under_test.inner").ANSWER


def test_an_old_build_is_used_until_its_last_user_is_done(libraries: Libraries, tmp_path: Path) -> None:
    old, new = wheel(tmp_path / "old", 1), wheel(tmp_path / "new", 2)
    imported, release = threading.Event(), threading.Event()

    def use_old() -> int:
        with libraries.use([old]):
            imported.set()
            assert release.wait(10)
            return int(importlib.import_module("wheel_under_test").ANSWER)

    def use_new() -> int:
        with libraries.use([new]):
            return int(importlib.import_module("wheel_under_test").ANSWER)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(use_old)
        assert imported.wait(10)
        second = pool.submit(use_new)
        release.set()
        assert (first.result(10), second.result(10)) == (1, 2)


def test_notebooks_that_begin_together_unpack_one_wheel_once(libraries: Libraries, tmp_path: Path) -> None:
    many = 8
    for answer in range(40):
        build = wheel(tmp_path / "dist", answer)
        together = threading.Barrier(many)

        def use(build: Path = build, together: threading.Barrier = together) -> int:
            together.wait(10)
            with libraries.use([build]):
                return int(importlib.import_module("wheel_under_test").ANSWER)

        with ThreadPoolExecutor(many) as pool:
            assert {task.result(10) for task in [pool.submit(use) for _ in range(many)]} == {answer}


def test_a_wheel_that_breaks_off_leaves_nothing_that_looks_unpacked(libraries: Libraries, tmp_path: Path) -> None:
    whole = wheel(tmp_path / "dist", 5)
    content = whole.read_bytes()
    damaged = content.replace(b"ANSWER = 5", b"ANSWER = 6")  # its checksum tells
    whole.write_bytes(damaged)
    for _ in range(2):
        with pytest.raises(zipfile.BadZipFile), libraries.use([whole]):
            pass
    whole.write_bytes(content)
    with libraries.use([whole]):
        assert importlib.import_module("wheel_under_test").ANSWER == 5


def test_a_package_of_this_project_needs_its_wheel(libraries: Libraries, tmp_path: Path) -> None:
    loaded = {name: module for name, module in sys.modules.items() if name.startswith("lakefs_unity_export")}
    for name in loaded:
        del sys.modules[name]
    try:
        with libraries.use([]), pytest.raises(ModuleNotFoundError, match="add the wheel"):
            importlib.import_module("lakefs_unity_export")
        with libraries.use([wheel(tmp_path, 3, package="lakefs_unity_export")]):
            assert importlib.import_module("lakefs_unity_export").ANSWER == 3
            assert importlib.import_module("local_stack.named_packages")
    finally:
        sys.modules.update(loaded)


def test_a_notebook_finds_what_every_runtime_has_and_what_its_wheels_need(libraries: Libraries, tmp_path: Path) -> None:
    loaded = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in {"lupa", "chispa"}}
    for name in loaded:
        del sys.modules[name]
    try:
        with libraries.use([wheel(tmp_path / "plain", 1)]):
            assert importlib.util.find_spec("pyspark")
            assert importlib.util.find_spec("requests")
            for name in ("lupa", "chispa"):
                with pytest.raises(ModuleNotFoundError, match="on this cluster; add the wheel"):
                    importlib.import_module(name)
        with libraries.use([wheel(tmp_path / "needs", 1, needs="lupa>=2")]):
            assert importlib.util.find_spec("lupa")
            with pytest.raises(ModuleNotFoundError, match="on this cluster; add the wheel"):
                importlib.import_module("chispa")
        with (
            pytest.raises(PackageError, match="the local environment has no package no-such-package"),
            libraries.use([wheel(tmp_path / "none", 1, needs="no-such-package")]),
        ):
            pass
    finally:
        sys.modules.update(loaded)


def test_a_wheel_that_is_missing_or_broken_is_an_error(libraries: Libraries, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), libraries.use([tmp_path / "none.whl"]):
        pass
    (tmp_path / "broken.whl").write_text("no zip")
    with pytest.raises(zipfile.BadZipFile), libraries.use([tmp_path / "broken.whl"]):
        pass
