"""The demo's deployment: what it leaves running where it is stopped."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_stack.demo.deployment import Deployment
from local_stack.demo.failure import DemoFailure

# Builds a wheel, as the CLI does, in a process of its own.
BUILDING = """#!/bin/sh
sleep 300 &
echo $! > "$CHILD.draft"
mv "$CHILD.draft" "$CHILD"
wait
"""


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show processes as files")
def test_what_the_cli_started_ends_with_it(tmp_path: Path) -> None:
    cli, child = tmp_path / "databricks", tmp_path / "child"
    cli.write_text(BUILDING)
    cli.chmod(0o755)
    deployment = Deployment(cli=cli, folder=tmp_path / "checkout", environment={"CHILD": str(child)})
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(deployment.deploy)
        wait_for(child.exists)
        deployment.stop()
        with pytest.raises(DemoFailure, match="bundle deploy --target local` failed"):
            deploying.result()
    wait_for(lambda: not is_running(int(child.read_text())))


def test_nothing_is_started_once_it_is_stopped(tmp_path: Path) -> None:
    deployment = Deployment(cli=tmp_path / "none", folder=tmp_path / "checkout", environment={})
    deployment.stop()
    deployment.deploy()
