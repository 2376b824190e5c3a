"""The deployed job and what it makes in Unity Catalog, each through the workspace's public API."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import TableInfo
from small_pages import with_small_pages
from table_repository import COLUMN, TableRepository

from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.cluster_sql import ClusterSql
from local_stack.demo.runs import RunState, failures, follow_run, notebook_results
from local_stack.demo.sql_warehouse import SqlWarehouse

RUN_APPEARS_SECONDS = 60
NOTHING_TO_CLONE = {
    "list_changed_tables": "SUCCESS",
    "any_removed": "SUCCESS",
    "unregister_tables": "EXCLUDED",
    "any_changed": "SUCCESS",
    "clone_tables": "EXCLUDED",
    "register_tables": "EXCLUDED",
    "record_export": "EXCLUDED",
}
ALL_DONE = dict.fromkeys(NOTHING_TO_CLONE, "SUCCESS") | {"unregister_tables": "EXCLUDED"}
REMOVED_ONLY = NOTHING_TO_CLONE | {"unregister_tables": "SUCCESS", "record_export": "SUCCESS"}
NOTHING_DONE = dict.fromkeys(NOTHING_TO_CLONE, "UPSTREAM_FAILED") | {"list_changed_tables": "FAILED"}


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """A run of the job after its end. `text`: what its failed tasks say; `listing`: what the list task printed."""

    run_id: int
    state: str
    tasks: Mapping[str, str]
    clones: Mapping[str, Mapping[str, Any]]
    registered: Mapping[str, str]
    text: str
    listing: str

    @property
    def cloned(self) -> set[str]:
        """The tables that got a new version, by the last part of their name."""
        return {name for name, clone in self.clones.items() if clone["action"] == "cloned"}


@dataclass(frozen=True, kw_only=True)
class ExportedTable:
    """A table as Unity Catalog and its Delta log show it."""

    words: list[str]
    comment: str
    properties: Mapping[str, str]
    version: int

    @property
    def commit_id(self) -> str:
        """The lakeFS commit that the table says it shows."""
        return self.properties["lakefs.commit_id"]


@dataclass(frozen=True)
class Reconciliation:
    """A job `reconcile`."""

    client: WorkspaceClient
    job_id: int

    def run(self) -> str:
        """Run it to its end; what its task printed. Fails where the task does."""
        jobs = self.client.jobs
        ended = follow_run(jobs, jobs.run_now(self.job_id).run_id, lambda _: None)
        assert ended.has_succeeded, failures(jobs, ended)
        (task,) = ended.tasks
        return jobs.get_run_output(task.run_id).logs or ""


class Exports:
    """Runs one job, and reads what is in Unity Catalog.

    Parameters: the catalog that the job exports to; the cluster's SQL, which reads what names lakeFS's gateway.
    """

    def __init__(
        self, client: WorkspaceClient, *, job_id: int, warehouse_id: str, catalog: str, cluster: ClusterSql
    ) -> None:
        self.client = client
        self.cluster = cluster
        self.job_id = job_id
        self.catalog = catalog
        self.warehouse_id = warehouse_id
        self.warehouse = SqlWarehouse(client.statement_execution, warehouse_id)

    def run(self, repository: TableRepository | str, *, branch: str = "", **parameters: str) -> EndedRun:
        """Run the job for the repository's branch, and wait for its end."""
        name = repository if isinstance(repository, str) else repository.name
        branch = branch or ("" if isinstance(repository, str) else repository.branch)
        return self.ended(self.start(repository=name, branch=branch, **parameters))

    def start(self, *, idempotency_token: str | None = None, **parameters: str) -> int:
        """Start the job, or find the run that has the token; the run's id."""
        started = self.client.jobs.run_now(self.job_id, job_parameters=parameters, idempotency_token=idempotency_token)
        return int(started.run_id)

    def ended(self, run_id: int) -> EndedRun:
        """The run after its end. Fails after the time that a run may take."""
        return self._read(follow_run(self.client.jobs, run_id, lambda _: None))

    def repair(self, run: EndedRun) -> EndedRun:
        """Run the failed tasks of a run again."""
        self.client.jobs.repair_run(run.run_id, rerun_all_failed_tasks=True)
        return self.ended(run.run_id)

    def run_of(self, repository: TableRepository, **parameters: str) -> EndedRun:
        """The run that something else started with these job parameters, once it has ended."""
        wanted = {"repository": repository.name, **parameters}
        until = time.monotonic() + RUN_APPEARS_SECONDS
        while time.monotonic() < until:
            for run in self.client.jobs.list_runs(job_id=self.job_id):
                given = {each.name: each.value for each in run.job_parameters or []}
                if run.run_id is not None and wanted.items() <= given.items():
                    return self.ended(run.run_id)
            time.sleep(0.2)
        raise AssertionError(f"no run with {wanted} appeared within {RUN_APPEARS_SECONDS} s")

    def variant(
        self,
        *,
        concurrent_runs: int = 1,
        page_bytes: int = 0,
        spark_conf: Mapping[str, str] | None = None,
        **settings: str,
    ) -> "Exports":
        """The same job without retries, its list task with other settings: as other bundle variables deploy it.

        page_bytes: of a page's tables, where it is not as many as the product takes. spark_conf: settings of its
        cluster beside the deployed ones.
        """
        body = self._settings(self.job_id)
        body |= {"name": "a variant of export_tables", "max_concurrent_runs": concurrent_runs}
        for task in body["tasks"]:
            task.get("for_each_task", {}).get("task", task)["max_retries"] = 0
        for cluster in body["job_clusters"]:
            cluster["new_cluster"]["spark_conf"] |= spark_conf or {}
        tasks = {task["task_key"]: task for task in body["tasks"]}
        parameters = tasks["list_changed_tables"]["python_wheel_task"]["named_parameters"]
        assert settings.keys() <= parameters.keys()
        parameters.update(settings)
        if page_bytes:
            (environment,) = body["environments"]
            spec = environment["spec"]
            spec["dependencies"] = with_small_pages(self.client, spec["dependencies"], page_bytes)
        return self.with_job(self._create(body), catalog=settings.get("catalog", self.catalog))

    def reconciliation(self, repositories: str, **settings: str) -> "Reconciliation":
        """The deployed job `reconcile`, for these repositories and this job, with other settings."""
        (deployed,) = [job for job in self.client.jobs.list() if job.settings and job.settings.name == "reconcile"]
        body = self._settings(deployed.job_id or 0)
        body["name"] = f"a variant of reconcile for {repositories}"
        (task,) = body["tasks"]
        changed = {"repositories": repositories, "export_job_id": str(self.job_id), **settings}
        assert changed.keys() <= task["python_wheel_task"]["named_parameters"].keys()
        task["python_wheel_task"]["named_parameters"] |= changed
        return Reconciliation(self.client, self._create(body))

    def _settings(self, job_id: int) -> dict[str, Any]:
        settings = self.client.jobs.get(job_id).settings
        assert settings is not None
        return settings.as_dict()

    def _create(self, body: dict[str, Any]) -> int:
        made = self.client.api_client.do("POST", "/api/2.2/jobs/create", body=body)
        assert isinstance(made, dict)
        return int(made["job_id"])

    def with_job(self, job_id: int, *, catalog: str = "") -> "Exports":
        """The same workspace with another job."""
        return Exports(
            self.client,
            job_id=job_id,
            warehouse_id=self.warehouse_id,
            catalog=catalog or self.catalog,
            cluster=self.cluster,
        )

    def sql(self, statement: str) -> list[tuple[str | None, ...]]:
        """The rows of a statement."""
        return list(self.warehouse.query(statement).rows)

    def quoted(self, schema: str, table: str) -> str:
        """The table's name as SQL takes it."""
        return f"`{self.catalog}`.`{schema}`.`{table}`"

    def words(self, schema: str, table: str) -> list[str]:
        """The rows of a table: as the warehouse reads them, which has no settings of lakeFS.

        Those of a shallow clone are read by the cluster.
        """
        return self.words_at(self.newest(schema, table), schema, table)

    def words_at(self, newest: Mapping[str, str | None], schema: str, table: str) -> list[str]:
        """As `words`, of a table whose newest Delta commit is known."""
        if _clone_method(newest) is CloneMethod.SHALLOW:
            answer = self.cluster.query(f"SELECT {COLUMN} FROM delta.`{self._found(schema, table).storage_location}`")
        else:
            answer = self.warehouse.query(f"SELECT {COLUMN} FROM {self.quoted(schema, table)}")
        return sorted(str(row[0]) for row in answer.rows)

    def clone_method(self, schema: str, table: str) -> CloneMethod:
        """How the table's newest version was cloned, as its log says."""
        return _clone_method(self.newest(schema, table))

    def table(self, schema: str, table: str) -> ExportedTable:
        """The table with its rows."""
        found, newest = self._found(schema, table), self.newest(schema, table)
        return ExportedTable(
            words=self.words_at(newest, schema, table),
            comment=found.comment or "",
            properties=found.properties or {},
            version=_version(newest),
        )

    def _found(self, schema: str, table: str) -> TableInfo:
        return self.client.tables.get(f"{self.catalog}.{schema}.{table}")

    def version(self, schema: str, table: str) -> int:
        """The table's newest Delta version."""
        return _version(self.newest(schema, table))

    def newest(self, schema: str, table: str) -> dict[str, str | None]:
        """The table's newest Delta commit."""
        (newest,) = self.history(schema, table, limit=1)
        return newest

    def history(self, schema: str, table: str, *, limit: int = 1000) -> list[dict[str, str | None]]:
        """The table's Delta commits, the newest first."""
        answer = self.warehouse.query(f"DESCRIBE HISTORY {self.quoted(schema, table)} LIMIT {limit}")
        names = [name for name, _ in answer.columns]
        return [dict(zip(names, row, strict=True)) for row in answer.rows]

    def tables(self, schema: str) -> set[str]:
        """The names in a schema; none where there is no such schema."""
        try:
            return {table.name or "" for table in self.client.tables.list(self.catalog, schema)}
        except NotFound:
            return set()

    def has_schema(self, schema: str) -> bool:
        """Whether the schema exists."""
        return schema in {found.name for found in self.client.schemas.list(self.catalog)}

    def schema_properties(self, schema: str) -> dict[str, str]:
        """The schema's properties; none where there is no such schema."""
        try:
            return self.client.schemas.get(f"{self.catalog}.{schema}").properties or {}
        except NotFound:
            return {}

    def watermark(self, repository: TableRepository, schema: str = "") -> str | None:
        """The commit up to which the repository's branch is exported."""
        return self.schema_properties(schema or repository.branch).get(f"lakefs.{repository.name}.commit_id")

    def _read(self, run: RunState) -> EndedRun:
        tasks = {_without_attempt(task.title): task for task in run.tasks}
        clones = {
            str(result["table"]).split("`")[-2]: result
            for result in notebook_results(self.client.jobs, tasks["clone_tables"])
        }
        registered = {
            _without_attempt(each.title).rpartition(".")[2]: each.state for each in tasks["register_tables"].iterations
        }
        return EndedRun(
            run_id=run.run_id,
            state=run.state,
            tasks={title: task.state for title, task in tasks.items()},
            clones=clones,
            registered=registered,
            text=failures(self.client.jobs, run),
            listing=self.client.jobs.get_run_output(tasks["list_changed_tables"].run_id).logs or "",
        )


def _without_attempt(title: str) -> str:
    return title.partition(" (attempt ")[0]


def _version(commit: Mapping[str, str | None]) -> int:
    return int(commit["version"] or -1)


def _clone_method(commit: Mapping[str, str | None]) -> CloneMethod:
    origin = as_json(commit["userMetadata"]) or {}
    return CloneMethod(origin.get("lakefs.clone_method", CloneMethod.SHALLOW))


def as_json(text: str | None) -> Any:
    """What the text says, as JSON."""
    return json.loads(text or "null")
