"""A copy of the bundle in a folder of its own, and the real Databricks CLI at work on it."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[2]
BUNDLE_FILES = ("databricks.yml", "pyproject.toml", "README.md", "LICENSE")
BUNDLE_FOLDERS = ("resources", "notebooks", "src", "tools")
TARGETS = ("local", "dev", "prod")
OVERRIDES = ROOT / "docs" / "overrides"
JOB = "export_tables"
JOBS = (JOB, "reconcile", "check_setup")

# Values for the variables that have no default. Nothing of them is reached.
SETTINGS: Mapping[str, str] = {
    "catalog": "lake",
    "target_base_location": "s3://exports/lakefs",
    "lakefs_endpoint": "https://lakefs.example.com",
    "secret_scope": "lakefs",
    "warehouse_id": "0123456789abcdef",
    "node_type_id": "i3.xlarge",
    "hook_service_principal": "11111111-2222-3333-4444-555555555555",
    "job_service_principal": "66666666-7777-8888-9999-000000000000",
}


class CLIError(Exception):
    """The Databricks CLI failed; holds what it wrote."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A copy of the bundle that the CLI deploys to one workspace as one user.

    settings are the variables given as BUNDLE_VAR_*; what is not given keeps its default.
    """

    folder: Path
    cli: Path
    host: str
    token: str
    settings: Mapping[str, str] = field(default_factory=lambda: SETTINGS)

    def run(self, *arguments: str) -> str:
        """What the CLI prints. Raises CLIError where it fails."""
        done = subprocess.run(
            [self.cli, *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise CLIError(f"databricks {' '.join(arguments)}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def deploy(self, target: str) -> None:
        """`bundle deploy` of a target."""
        self.run("bundle", "deploy", "-t", target, "--auto-approve")

    def resolved_jobs(self, target: str) -> dict[str, dict[str, Any]]:
        """The jobs with every variable filled in, as `bundle validate` shows them."""
        jobs: dict[str, dict[str, Any]] = self.resolved(target)["resources"]["jobs"]
        return jobs

    def resolved(self, target: str) -> dict[str, Any]:
        """The whole bundle with every variable filled in."""
        shown: dict[str, Any] = json.loads(self.run("bundle", "validate", "-t", target, "-o", "json"))
        return shown

    def set_complex(self, target: str, **variables: Any) -> None:
        """Gives variables that are no text, in the file that the CLI reads them from."""
        file = self.folder / ".databricks" / "bundle" / target / "variable-overrides.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(variables))

    def forget_state(self) -> None:
        """Makes this copy one that nothing was deployed from, as a fresh clone is."""
        shutil.rmtree(self.folder / ".databricks")
        shutil.rmtree(self.folder / "dist")

    def add_override(self, name: str) -> None:
        """Does what the head of a file in docs/overrides says: copies it to resources/."""
        shutil.copy(OVERRIDES / name, self.folder / "resources")

    def _environment(self) -> dict[str, str]:
        # Nothing of the machine's own configuration of Databricks may reach the CLI.
        others = {name: value for name, value in os.environ.items() if not name.startswith(("DATABRICKS_", "BUNDLE_"))}
        return {
            **others,
            "DATABRICKS_CONFIG_FILE": str(self.folder / "no-profiles"),
            "DATABRICKS_CACHE_ENABLED": "false",
            "DATABRICKS_HOST": self.host,
            "DATABRICKS_TOKEN": self.token,
            **{f"BUNDLE_VAR_{name}": value for name, value in self.settings.items()},
        }


class NewDeployment(Protocol):
    """Makes a deployment of a fresh copy of the bundle."""

    def __call__(self, host: str, token: str, settings: Mapping[str, str] = SETTINGS) -> Deployment: ...


def copy_bundle(folder: Path) -> Path:
    """Copies what a deployment needs out of the checkout, whose own files are left alone."""
    folder.mkdir(parents=True)
    for name in BUNDLE_FILES:
        shutil.copy(ROOT / name, folder)
    for name in BUNDLE_FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    return folder
