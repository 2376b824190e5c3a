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
from live_repository import COLUMN, LiveRepository
from live_runs import POLL_SECONDS, ended_run

from lakefs_unity_export.export.state import read_state
from lakefs_unity_export.names import target_base, target_path
from local_stack.demo.runs import Trigger, failures, find_run, notebook_results
from local_stack.demo.sql_warehouse import SqlWarehouse

RUN_APPEARS_SECONDS = 180


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
        self.job_id = bundle.job_id("export_tables")
        self._bundle = bundle
        self._repository = repository
        self._by_hook = by_hook
        self._has_run = False
        settings = client.jobs.get(self.job_id).settings
        tasks = {task.task_key: task for task in (settings and settings.tasks) or []}
        listing = tasks["list_changed_tables"].python_wheel_task
        parameters = (listing and listing.named_parameters) or {}
        registering = tasks["register_tables"].for_each_task
        of_one_table = registering and registering.task.sql_task
        self._warehouse_id = of_one_table.warehouse_id if of_one_table else ""
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

    def words(self, name: str) -> list[str]:
        """The rows of a table, as the warehouse reads them."""
        warehouse = SqlWarehouse(self.client.statement_execution, self._warehouse_id)
        catalog, schema = self._catalog, self._repository.branch
        answer = warehouse.query(f"SELECT {COLUMN} FROM `{catalog}`.`{schema}`.`{name}`")
        return sorted(str(row[0]) for row in answer.rows)

    def watermark(self) -> str | None:
        """The commit up to which the branch is exported."""
        name, branch = self._repository.name, self._repository.branch
        properties = self.client.schemas.get(self.schema).properties or {}
        found = read_state(properties, repository=name, branch=branch, schema=self.schema).watermark
        return found.id if found else None

    def run_of(self, commit_id: str) -> EndedRun:
        """The run for a commit, after its end: lakeFS's hook starts it, or this does where the hook is off."""
        self._has_run = True
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
        jobs = self.client.jobs
        run = ended_run(jobs, run_id)
        results = notebook_results(jobs, run.task("clone_tables"))
        cloned = {str(result["table"]).split("`")[-2] for result in results if result["action"] == "cloned"}
        return EndedRun(state=run.state, cloned=frozenset(cloned), text=failures(jobs, run))

    def unregister(self, left: list[str]) -> None:
        """Remove tables and schema from Unity Catalog. What cannot go, and the files, are added to `left`."""
        if not self._has_run:
            return
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
