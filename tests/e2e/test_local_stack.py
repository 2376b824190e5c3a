"""`python -m local_stack up` by hand, as the README tells it: deployed to, run, queried, ended by Ctrl-C.

In folders whose names have a space and a `%`, as a user's home may have.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bundle_commands import BundleCommands
from table_repository import new_repository

from local_stack.demo.deployment import CHECKOUT, PARTS
from local_stack.lakefs.server import configured_server

pytestmark = pytest.mark.e2e

START_SECONDS = 240
STOP_SECONDS = 60
# Not this test's own environment: a configured lakeFS or Unity Catalog would outlive the stack.
ODD_NAMES = Path("with space") / "50%20off"
LEFT_OUT = ("LAKECTL_", "LAKEFS", "UNITY_CATALOG_", "DATABRICKS_HOST", "DATABRICKS_TOKEN", "BUNDLE_VAR_")


@dataclass(frozen=True, kw_only=True)
class RunningStack:
    """`local_stack up` in a process group of its own, and the variables that its environment file sets."""

    process: "subprocess.Popen[str]"
    folder: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> str:
        """What `python -m local_stack ...` prints in a second terminal."""
        return subprocess.run(
            [sys.executable, "-m", "local_stack", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, **self.environment, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    def ports(self) -> set[int]:
        """The ports that the environment file names."""
        urls = [urlsplit(value) for value in self.environment.values() if value.startswith("http://")]
        return {url.port for url in urls if url.port}


def surroundings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}


def descendants(process_id: int) -> set[int]:
    """The ids of the process's children, of theirs, and so on."""
    table = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in table.splitlines()}
    found: set[int] = set()
    while new := {child for child, parent in parents.items() if parent in {process_id, *found}} - found:
        found |= new
    return found


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def is_listening(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def sourced(path: Path) -> dict[str, str]:
    """The variables that a shell has after sourcing the file, in an otherwise empty environment."""
    text = subprocess.run(
        ["bash", "-c", 'source "$1" && env -0', "bash", path], env={}, capture_output=True, text=True, check=True
    ).stdout
    pairs = (entry.split("=", 1) for entry in text.split("\0") if entry)
    return {name: value for name, value in pairs if name not in {"PWD", "SHLVL", "_"}}


@pytest.fixture
def up(tmp_path: Path) -> Iterator[RunningStack]:
    """The stack, ended at last in whatever way it takes."""
    folder = tmp_path / ODD_NAMES / "stack"
    folder.parent.mkdir(parents=True)
    with (tmp_path / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_stack", "up", "--folder", str(folder)],
            cwd=CHECKOUT,
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while "The local stack is running" not in (output := (tmp_path / "up.log").read_text()):
            assert process.poll() is None, output
            assert time.monotonic() < until, output
            time.sleep(0.2)
        yield RunningStack(process=process, folder=folder, environment=sourced(folder / "env"))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def test_the_stack_by_hand(up: RunningStack, cli: Path, tmp_path: Path) -> None:
    assert (up.folder / "env").stat().st_mode & 0o077 == 0
    checkout = tmp_path / ODD_NAMES / "checkout"
    checkout.mkdir()
    for part in PARTS:
        target = checkout / part
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(CHECKOUT / part)
    bundle = BundleCommands(cli=cli, folder=checkout, environment=up.environment)
    repository = new_repository(configured_server(up.environment))
    repository.add("orders", ["o1", "o2"])
    repository.commit()

    bundle("validate", "--strict", "-t", "local")
    bundle("deploy", "-t", "local")
    told = bundle(
        "run", "export_tables", "-t", "local", "--", f"--repository={repository.name}", f"--branch={repository.branch}"
    )
    assert "SUCCESS" in told
    rows = up.command("sql", f"SELECT count(*) AS n FROM main.`{repository.branch}`.orders")
    assert "│ 2 " in rows
    location = urlsplit(up.environment["BUNDLE_VAR_target_base_location"]).path
    assert (up.folder / "exports" / repository.branch / "orders" / "_delta_log").is_dir()
    assert Path(location).resolve() == (up.folder / "exports").resolve()

    assert "commit" in up.command("install-hook", repository.name, repository.branch)
    bundle("destroy", "-t", "local", "--auto-approve")

    children, ports = descendants(up.process.pid), up.ports()
    assert children
    assert len(ports) == 2
    assert all(is_listening(port) for port in ports)
    os.killpg(up.process.pid, signal.SIGINT)  # as Ctrl-C reaches everything in the terminal's foreground
    assert up.process.wait(STOP_SECONDS) == 0
    until = time.monotonic() + STOP_SECONDS
    while any(is_running(child) for child in children) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [child for child in children if is_running(child)]
    assert not [port for port in ports if is_listening(port)]
    assert not up.folder.exists()
    assert not Path(location).parent.is_symlink()
    assert {entry.name for entry in tmp_path.iterdir()} == {"up.log", ODD_NAMES.parts[0]}
    assert {entry.name for entry in (tmp_path / ODD_NAMES).parent.iterdir()} == {ODD_NAMES.name}
    assert {entry.name for entry in (tmp_path / ODD_NAMES).iterdir()} == {"checkout"}
