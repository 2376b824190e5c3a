"""Runs of the deployed job, and what they leave in Unity Catalog, through the Databricks SDK."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import TableInfo
from live_bundle import LiveBundle
from live_repository import LiveRepository

from lakefs_unity_export.export.state import read_state
from lakefs_unity_export.names import target_base, target_path
from local_stack.demo.runs import Trigger, failures, find_run, notebook_results, read_run

RUN_APPEARS_SECONDS = 180
# A job cluster may take ten minutes to start, and serverless compute some more.
RUN_SECONDS = 2400
POLL_SECONDS = 1


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """A run after its end. `cloned`: tables that got a new version; `text`: what its failed tasks say."""

    state: str
    cloned: frozenset[str]
    text: str


class LiveExports:
    """The exports of one repository's branch by the deployed job."""

    def __init__(
        self, client: WorkspaceClient, bundle: LiveBundle, repository: LiveRepository, *, by_hook: bool
    ) -> None:
        self.client = client
        self.job_id = bundle.job_id()
        self._bundle = bundle
        self._repository = repository
        self._by_hook = by_hook
        settings = client.jobs.get(self.job_id).settings
        tasks = {task.task_key: task for task in (settings and settings.tasks) or []}
        listing = tasks["list_changed_tables"].python_wheel_task
        parameters = (listing and listing.named_parameters) or {}
        self._catalog = parameters["catalog"]
        self._target_base = target_base(parameters["target_base_location"])

    @property
    def schema(self) -> str:
        """Full name of the branch's schema."""
        return f"{self._catalog}.{self._repository.branch}"

    @property
    def location(self) -> str:
        """Where the clones of the branch lie."""
        return f"{self._target_base}/{self._repository.branch}"

    def location_of(self, table: str) -> str:
        """Where the clone of a table has to lie."""
        return target_path(target_base_location=self._target_base, branch=self._repository.branch, table=table)

    def table(self, name: str) -> TableInfo:
        """The table as Unity Catalog shows it."""
        return self.client.tables.get(f"{self.schema}.{name}")

    def watermark(self) -> str | None:
        """The commit up to which the branch is exported."""
        name, branch = self._repository.name, self._repository.branch
        properties = self.client.schemas.get(self.schema).properties or {}
        found = read_state(properties, repository=name, branch=branch, schema=self.schema).watermark
        return found.id if found else None

    def run_of(self, commit_id: str) -> EndedRun:
        """The run for a commit, after its end: lakeFS's hook starts it, or this does where the hook is off."""
        event = "post-commit" if self._by_hook else "manual"
        if not self._by_hook:
            given = {"repository": self._repository.name, "branch": self._repository.branch}
            given |= {"commit_id": commit_id, "event": event}
            parameters = [f"--{name}={value}" for name, value in given.items()]
            self._bundle("run", "--no-wait", "export_tables", "--", *parameters)
        run_id = self._appeared(Trigger(branch=self._repository.branch, commit_id=commit_id, event=event))
        return self._ended(run_id)

    def _appeared(self, trigger: Trigger) -> int:
        until = time.monotonic() + RUN_APPEARS_SECONDS
        while time.monotonic() < until:
            run_id = find_run(self.client.jobs, self.job_id, self._repository.name, trigger)
            if run_id is not None:
                return run_id
            time.sleep(POLL_SECONDS)
        raise AssertionError(
            f"no run of job {self.job_id} for {trigger} within {RUN_APPEARS_SECONDS} s: see the repository's page "
            "Actions in lakeFS. Where its Lua may not use net/http, set LIVE_STARTED_BY=bundle_run"
        )

    def _ended(self, run_id: int) -> EndedRun:
        jobs, until = self.client.jobs, time.monotonic() + RUN_SECONDS
        while not (run := read_run(jobs, run_id)).has_ended:
            assert time.monotonic() < until, f"run {run_id} has not ended within {RUN_SECONDS} s: {run}"
            time.sleep(POLL_SECONDS)
        results = notebook_results(jobs, run.task("clone_tables"))
        cloned = {str(result["table"]).split("`")[-2] for result in results if result["action"] == "cloned"}
        return EndedRun(state=run.state, cloned=frozenset(cloned), text=failures(jobs, run))

    def unregister(self, left: list[str]) -> None:
        """Remove tables and schema from Unity Catalog. What cannot go, and the files, are added to `left`."""
        left.append(f"the clones' Delta logs under {self.location}")
        for name in self._repository.words:
            self._remove(self.client.tables.delete, f"{self.schema}.{name}", left)
        self._remove(self.client.schemas.delete, self.schema, left)

    @staticmethod
    def _remove(delete: Callable[[str], object], full_name: str, left: list[str]) -> None:
        try:
            delete(full_name)
        except (NotFound, requests.exceptions.JSONDecodeError):
            pass  # it is gone; the open-source server, and so the local stack, says so with a text
        except DatabricksError as error:
            left.append(f"{full_name} in Unity Catalog: {error}")
