"""The bundle, deployed by the Databricks CLI from a copy that is in nobody's way."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from live_settings import LiveSettings

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.deployment import CHECKOUT, PARTS
from local_stack.toolchain.databricks_cli import find_or_build_cli

COMMAND_SECONDS = 900
# The bundle's name is part of where a deployment lies: under this one, it replaces nobody's.
NAME = "  name: lakefs_unity_export\n"
LIVE_NAME = "  name: lakefs_unity_export_live\n"
EXAMPLE_REPOSITORY = "example-repo"
# The story has its own branch, schema and descriptors, whatever the target exports otherwise.
VARIABLES = {
    "BUNDLE_VAR_schema_template": "{branch}",
    "BUNDLE_VAR_table_descriptors_path": "_lakefs_tables",
    "BUNDLE_VAR_table_defs": "",
}


class LiveBundle:
    """`databricks bundle ...` in the copy's folder."""

    def __init__(self, settings: LiveSettings, folder: Path) -> None:
        self._cli = find_or_build_cli(sys.stderr)
        self._target = settings.target
        self._folder = folder
        # uv builds the wheel; it may be installed beside this Python.
        path = os.pathsep.join([sysconfig.get_path("scripts"), settings.environment.get("PATH", "")])
        self._environment = {**settings.environment, **VARIABLES, "PATH": path}
        # With it, the CLI would deploy a target in development mode to that cluster.
        self._environment.pop("DATABRICKS_CLUSTER_ID", None)

    def __call__(self, command: str, *arguments: str) -> str:
        """What the command prints to standard output. Fails with all that it says where it fails."""
        ended = subprocess.run(
            [self._cli, "bundle", command, "-t", self._target, *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"databricks bundle {command}:\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def job_id(self, name: str) -> int:
        """The id of a deployed job."""
        summary = json.loads(self("summary", "-o", "json"))
        return int(summary["resources"]["jobs"][name]["id"])

    def deploy(self, clone_method: CloneMethod | None = None) -> None:
        """Deploy, with a clone method in place of the target's own where one is given."""
        if clone_method is not None:
            self._environment["BUNDLE_VAR_clone_method"] = clone_method
        self("deploy")


@contextmanager
def deployed_bundle(settings: LiveSettings, folder: Path, repository: str) -> Iterator[LiveBundle]:
    """The bundle, deployed for this repository, and destroyed at the end."""
    _copy_checkout(folder)
    configuration = folder / "databricks.yml"
    text = configuration.read_text()
    assert NAME in text
    configuration.write_text(text.replace(NAME, LIVE_NAME).replace(EXAMPLE_REPOSITORY, repository))
    bundle = LiveBundle(settings, folder)
    _check_settings_for(repository, json.loads(bundle("validate", "--strict", "-o", "json")))
    try:
        bundle.deploy()
        yield bundle
    finally:
        bundle("destroy", "--auto-approve")


def _copy_checkout(folder: Path) -> None:
    for part in PARTS:
        source, target = CHECKOUT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _check_settings_for(repository: str, configuration: dict[str, Any]) -> None:
    """Fails where the cluster that clones has no S3A settings for the repository. A running cluster has its own."""
    clusters = configuration["resources"]["jobs"]["export_tables"].get("job_clusters") or []
    settings = {key for each in clusters for key in each["new_cluster"].get("spark_conf") or {}}
    known = {"spark.hadoop.fs.s3a.endpoint", f"spark.hadoop.fs.s3a.bucket.{repository}.endpoint"}
    assert not clusters or settings & known, (
        f"s3a_conf of the target has no block for the lakeFS repository {repository}: leave {EXAMPLE_REPOSITORY} in "
        "databricks.yml, which is replaced by the repository's name here, or set LAKEFS_REPOSITORY to one it names"
    )
