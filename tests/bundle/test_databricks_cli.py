"""How the Databricks CLI is found or built, with scripts in the place of the CLI and of Go."""

import io
import os
import stat
from pathlib import Path

import pytest

from local_stack.toolchain import ToolMissingError, databricks_cli
from local_stack.toolchain.databricks_cli import MODULE_FOLDER, find_or_build_cli, module_version

NEW = "Databricks CLI v1.11.0"
OLDER = "Databricks CLI v0.240.0"
IN_PYTHON = "Version 0.18.0"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache and nothing on PATH but the shell; returns the folder that is on PATH."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in ("cp", "chmod", "cat"):
        (binaries / name).symlink_to(
            next(Path(each) / name for each in ("/bin", "/usr/bin") if (Path(each) / name).exists())
        )
    monkeypatch.setenv("PATH", str(binaries))
    monkeypatch.setenv("LOCAL_STACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DATABRICKS_CLI", raising=False)
    return binaries


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def cli_script(file: Path, version: str) -> Path:
    return script(file, f'echo "{version}"')


def go_script(folder: Path, version: str) -> Path:
    """A `go` that writes its arguments down, and makes a CLI of a version at the path after -o."""
    cli_script(folder.parent / "built", version)
    return script(
        folder / "go",
        f"""
        echo "$@" >> {folder.parent}/calls
        echo "go: downloading github.com/databricks/cli v1.10.0" >&2
        while [ "$1" != "-o" ]; do shift; done
        cp {folder.parent}/built "$2"
        """,
    )


def test_the_configured_cli_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured = cli_script(tmp_path / "elsewhere" / "databricks", NEW)
    monkeypatch.setenv("DATABRICKS_CLI", str(configured))
    assert find_or_build_cli(io.StringIO()) == configured


@pytest.mark.parametrize("version", [OLDER, IN_PYTHON])
def test_a_configured_cli_that_is_too_old_is_refused(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_CLI", str(cli_script(tmp_path / "databricks", version)))
    with pytest.raises(ToolMissingError, match=r"needs 1\.10\.0 or newer"):
        find_or_build_cli(io.StringIO())


def test_a_configured_path_without_a_cli_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_CLI", str(tmp_path / "nothing"))
    with pytest.raises(ToolMissingError, match="no Databricks CLI that starts; correct or unset it"):
        find_or_build_cli(io.StringIO())


def test_the_cli_on_path_is_taken(machine: Path) -> None:
    on_path = cli_script(machine / "databricks", NEW)
    assert find_or_build_cli(io.StringIO()) == on_path


@pytest.mark.parametrize(("version", "reason"), [(OLDER, "older than the bundle needs"), (IN_PYTHON, "CLI in Python")])
def test_a_cli_on_path_that_is_too_old_is_passed_over(version: str, reason: str, machine: Path) -> None:
    cli_script(machine / "databricks", version)
    go_script(machine, "Databricks CLI v1.10.0")
    progress = io.StringIO()
    assert find_or_build_cli(progress).parent.parent.name == "databricks-cli"
    assert reason in progress.getvalue()


def test_the_cli_is_built_once_with_its_version(machine: Path, tmp_path: Path) -> None:
    go_script(machine, "Databricks CLI v1.10.0")
    progress = io.StringIO()
    built = find_or_build_cli(progress)
    assert built == tmp_path / "cache" / "databricks-cli" / "1.10.0" / "databricks"
    assert os.access(built, os.X_OK)
    assert find_or_build_cli(progress) == built
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "-X github.com/databricks/cli/internal/build.buildVersion=1.10.0" in call
    assert progress.getvalue().count("building version 1.10.0") == 1
    assert [each.name for each in built.parent.iterdir() if each.name.startswith("build-")] == []


def test_a_long_build_shows_its_progress(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = go_script(machine, "Databricks CLI v1.10.0")
    (machine / "sleep").symlink_to(next(path for path in (Path("/bin/sleep"), Path("/usr/bin/sleep")) if path.exists()))
    go.write_text(go.read_text().replace("while [", "sleep 0.5; while [", 1))
    monkeypatch.setattr(databricks_cli, "_PROGRESS_SECONDS", 0.1)
    progress = io.StringIO()
    find_or_build_cli(progress)
    assert "1 modules downloaded" in progress.getvalue()


def test_a_build_that_never_ends_is_ended(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "sleep").symlink_to(next(path for path in (Path("/bin/sleep"), Path("/usr/bin/sleep")) if path.exists()))
    script(machine / "go", "exec sleep 60")
    monkeypatch.setattr(databricks_cli, "_PROGRESS_SECONDS", 0.1)
    monkeypatch.setattr(databricks_cli, "_BUILD_SECONDS", 0.2)
    with pytest.raises(ToolMissingError, match="stopped after"):
        find_or_build_cli(io.StringIO())


def test_a_failed_build_shows_what_go_said(machine: Path, tmp_path: Path) -> None:
    script(machine / "go", 'echo "dial tcp: no route to host" >&2; exit 1')
    with pytest.raises(ToolMissingError, match=r"(?s)brew install.*no route to host"):
        find_or_build_cli(io.StringIO())
    assert [each.name for each in (tmp_path / "cache/databricks-cli/1.10.0").iterdir()] == [".lock"]


def test_without_cli_and_go_the_message_says_how_to_get_one() -> None:
    with pytest.raises(ToolMissingError, match=r"no Go to build it with; install it \(brew install"):
        find_or_build_cli(io.StringIO())


def test_the_module_requires_the_minimum_version() -> None:
    assert module_version(MODULE_FOLDER / "go.mod") == ".".join(map(str, databricks_cli.MINIMUM_VERSION))


@pytest.mark.parametrize(("text", "message"), [(None, "cannot be read"), ("module x\n", "requires no version")])
def test_a_module_that_is_missing_or_changed_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "go.mod").write_text(text)
    with pytest.raises(ToolMissingError, match=message):
        module_version(tmp_path / "go.mod")
