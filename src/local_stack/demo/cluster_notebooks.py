"""Notebooks of the demo's own, run on the local cluster under the job cluster's settings: they write, and read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_stack.cluster.cluster import Cluster, NotebookRun
from local_stack.demo.failure import DemoFailure

_NOTEBOOKS = Path(__file__).with_name("notebooks")


def run_notebook(cluster: Cluster, name: str, parameters: Mapping[str, str], spark_conf: Mapping[str, str]) -> Any:
    """Run one of the demo's notebooks and give what it returned, read as JSON.

    Raises DemoFailure with the notebook's error where it fails.
    """
    run = NotebookRun(
        notebook=_NOTEBOOKS / f"{name}.py",
        parameters=parameters,
        libraries=(),
        # These notebooks ask nothing of the workspace.
        host="",
        token="",
        task_run_id=0,
        job_id=0,
        run_id=0,
        task_key=name,
    )
    result = cluster.run_notebook(run, spark_conf)
    if result.error is not None or result.exit_value is None:
        raise DemoFailure(f"the notebook {name} failed: {result.error}\n{result.trace or result.log}")
    return json.loads(result.exit_value)
