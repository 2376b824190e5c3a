"""A task as Databricks starts it, with doubles of what it reaches."""

from collections.abc import Mapping
from types import ModuleType

import pytest
from doubles import LakeFSDouble, TaskValuesDouble
from export_story import Story

from lakefs_unity_export.access.lakefs_connection import Credentials


class TaskRuntimeDouble:
    """What Databricks hands to the task: a story's Unity Catalog and runs, and secrets that say their name."""

    def __init__(self, story: Story) -> None:
        self.export_runs = {"77": story.runs}.__getitem__
        self.task_values = TaskValuesDouble()
        self.unity_catalog = story.unity_catalog
        self.secrets_read: list[tuple[str, str]] = []

    def secret(self, scope: str, key: str) -> str:
        self.secrets_read.append((scope, key))
        return f"value of {key}"


def run_task(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, story: Story, parameters: Mapping[str, str]
) -> TaskRuntimeDouble:
    """Run the module's `main` with these named parameters. Its lakeFS is the story's, opened with the scope's keys."""
    runtime = TaskRuntimeDouble(story)

    def client(*, endpoint: str, repository: str, credentials: Credentials) -> LakeFSDouble:
        assert (endpoint, repository) == ("https://lakefs.example.com", "shop")
        assert credentials == Credentials(
            access_key_id="value of lakefs-access-key-id", secret_access_key="value of lakefs-secret-access-key"
        )
        return story.lakefs

    monkeypatch.setattr(module, "task_runtime", lambda out, **_: runtime)
    monkeypatch.setattr(module, "LakeFSClient", client)
    monkeypatch.setattr("sys.argv", [module.__name__, *(f"--{name}={value}" for name, value in parameters.items())])
    module.main()
    return runtime
