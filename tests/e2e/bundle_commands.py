"""The Databricks CLI in a folder that holds the bundle."""

import os
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class BundleCommands:
    """`environment` says where the workspace is, and holds the bundle's variables."""

    cli: Path
    folder: Path
    environment: Mapping[str, str]

    def __call__(self, *arguments: str) -> str:
        """What `databricks bundle ...` prints. Fails with it where the command fails."""
        return self.command("bundle", *arguments)

    def command(self, *arguments: str, asked: str = "") -> str:
        """What `databricks ...` prints, given `asked` where it asks. Fails with it where the command fails."""
        # uv builds the wheel; it is installed beside this Python.
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        ended = subprocess.run(
            [self.cli, *arguments],
            cwd=self.folder,
            env={**os.environ, "PATH": path, **self.environment},
            input=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"databricks {' '.join(arguments)}:\n{ended.stdout}"
        return ended.stdout
