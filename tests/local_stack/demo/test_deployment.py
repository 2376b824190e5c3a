"""The demo's deployment: what it leaves running where it is stopped."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from waiting import is_running, wait_until

from local_stack.demo.deployment import Deployment
from local_stack.demo.failure import DemoFailure

# Builds a wheel, as the CLI does, in a process of its own.
BUILDING = """#!/bin/sh
sleep 300 &
echo $! > "$CHILD.draft"
mv "$CHILD.draft" "$CHILD"
wait
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not show processes as files")
def test_what_the_cli_started_ends_with_it(tmp_path: Path) -> None:
    cli, child = tmp_path / "databricks", tmp_path / "child"
    cli.write_text(BUILDING)
    cli.chmod(0o755)
    deployment = Deployment(cli=cli, folder=tmp_path / "checkout", environment={"CHILD": str(child)})
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(deployment.deploy)
        wait_until(child.exists)
        deployment.stop()
        with pytest.raises(DemoFailure, match="bundle deploy --target local` failed"):
            deploying.result()
    wait_until(lambda: not is_running(int(child.read_text())))


def test_nothing_is_started_once_it_is_stopped(tmp_path: Path) -> None:
    cli, started = tmp_path / "databricks", tmp_path / "started"
    cli.write_text('#!/bin/sh\ntouch "$STARTED"\n')
    cli.chmod(0o755)
    deployment = Deployment(cli=cli, folder=tmp_path / "checkout", environment={"STARTED": str(started)})
    deployment.stop()
    deployment.deploy()
    assert not started.exists()
