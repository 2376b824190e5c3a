"""What every telling of the demo has in common: tables in lakeFS, the bundle, runs to watch, and comparisons."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console, RenderableType

from local_stack.demo import tables
from local_stack.demo.cluster_notebooks import run_notebook
from local_stack.demo.cluster_sql import ClusterSql
from local_stack.demo.delta_rs import DeltaRs
from local_stack.demo.deployment import Deployment
from local_stack.demo.display import run_display
from local_stack.demo.exports import ExportedTable, Exports, expected_clones, listed
from local_stack.demo.failure import DemoFailure
from local_stack.demo.repository import Repository
from local_stack.demo.runs import (
    RunState,
    TaskState,
    Trigger,
    failures,
    find_run,
    follow_run,
    notebook_results,
    told_by,
    unexplained_attempts,
)
from local_stack.demo.sources import Sources
from local_stack.demo.sql_warehouse import SqlWarehouse
from local_stack.demo.tables import TABLES, TpchTable
from local_stack.stack import LocalStack
from local_stack.stack_environment import JOB_NAME, RECONCILE_JOB_NAME, deployed_job, start_reconcile
from local_stack.triggers.trigger import ExportTrigger

MAIN = "main"
NO_TABLES: frozenset[str] = frozenset()

RUN_APPEARS_SECONDS = 60
_POLL_SECONDS = 0.2
_STARTED_RUN = re.compile(r"started run (\d+)")


class Telling(ABC):
    """One telling, in acts. An act ends with tables compared, and raises DemoFailure where one differs.

    command: what the user called; tables: those of the first commit; folder: for what the demo writes here.
    """

    command: ClassVar[str]
    tables: ClassVar[tuple[TpchTable, ...]] = TABLES

    def __init__(self, *, stack: LocalStack, repository: Repository, console: Console, folder: Path) -> None:
        self._stack = stack
        self._repository = repository
        self._workspace = workspace = stack.client()
        self._console = console
        self._folder = folder
        self._delta_rs = DeltaRs(stack.lakefs, repository.name)
        warehouse = SqlWarehouse(workspace.statement_execution, stack.workspace.warehouse_id)
        self._sources = Sources(
            repository=repository.name,
            listing=repository,
            descriptions=self._delta_rs,
            warehouse=warehouse if stack.warehouse_reads_lakefs else ClusterSql(stack.cluster, stack.s3a_conf()),
        )
        self.exports = Exports(
            catalog=stack.catalog.name, warehouse=warehouse, tables=workspace.tables, sources=self._sources
        )
        self.runs: list[RunState] = []
        self._job_id = 0

    @abstractmethod
    def tell(self, deployment: Deployment, scale: float) -> None:
        """All acts in order."""

    @abstractmethod
    def summary(self) -> RenderableType:
        """What was shown, as tables."""

    @abstractmethod
    def last_line(self, seconds: float) -> str:
        """What was shown, in one line."""

    def prepare(self, deployment: Deployment, scale: float) -> None:
        """Tables to lakeFS, and meanwhile the bundle to the workspace."""
        with self._act(f"TPC-H at scale {scale:g} to lakeFS, branch {MAIN}; meanwhile the bundle to the workspace"):
            with _in_parallel(deployment.stop) as start:
                deployed = start(deployment.deploy)
                # Whoever runs the first notebook finds it started, or hears why it does not start.
                start(self._stack.cluster.start, self._stack.s3a_conf())
                start(self._stack.warehouse.warm)
                start(self._stack.workspace.warm)
                data = self._folder / "tpch"
                tables.generate(data, scale)
                by_spark = start(self._write_with_spark, data)
                for table in self.tables:
                    if table.writer == "delta-rs":
                        self._delta_rs.write(table, MAIN, data)
                self._repository.upload(MAIN, tables.descriptor_files(self.tables))
                features = by_spark.result()
                deployed.result()
            self._job_id = int(deployed_job(self._workspace))
            for table in self.tables:
                feature = f", with {table.feature}" if table.feature else ""
                self._say(f"{table.path}, by {table.writer}{feature}")
            if features:
                self._say(f"as Spark tells: {features}")

    def first_export(self) -> None:
        """The hook, the tables and their descriptors in one commit."""
        by_hook = self._stack.trigger is not ExportTrigger.RECONCILE
        title = (
            "Commit of the tables and of the hook: the hook starts"
            if by_hook
            else "Commit of the tables: reconcile starts"
        )
        with self._act(f"{title} the job, and all tables are exported"):
            head = (
                self._stack.install_hook(self._repository.name, MAIN)
                if by_hook
                else self._repository.commit(MAIN, "Add the tables")
            )
            expected = frozenset(table.name for table in self.tables)
            self._follow(Trigger(branch=MAIN, commit_id=head, event="post-commit"), expected=expected)

    def _follow(self, trigger: Trigger, *, expected: frozenset[str]) -> None:
        """The run of an event, which has to succeed and to clone the expected tables, and what the act compares."""
        self._succeeded(trigger, self._watch_event(trigger), expected)
        self._compare_after_act()

    def _compare_after_act(self) -> None:
        self.compare()

    def _watch_event(
        self,
        trigger: Trigger,
        see: Callable[[RunState], None] = lambda _: None,
        *,
        retried: Collection[str] = NO_TABLES,
    ) -> RunState:
        """The last state of the run that the event starts, or that reconcile starts where there is no hook."""
        if self._stack.trigger is not ExportTrigger.RECONCILE:
            return self._watch(self._await_run(trigger), str(trigger), see, retried=retried)
        started = self._reconciled()
        if started is None:
            raise DemoFailure(f"{RECONCILE_JOB_NAME} started no run after {trigger}")
        return self._watch(started, f"started by {RECONCILE_JOB_NAME}", see, retried=retried)

    def _reconciled(self) -> int | None:
        """Run the deployed job, as its schedule would; the run of export_tables that it says it started."""
        run_id = start_reconcile(self._workspace)
        if run_id is None:
            raise DemoFailure(f"the job {RECONCILE_JOB_NAME} is not deployed")
        run = self._watch(run_id, f"job {RECONCILE_JOB_NAME}")
        if not run.has_succeeded:
            raise DemoFailure(failures(self._workspace.jobs, run))
        told = self._log(run, RECONCILE_JOB_NAME)
        for line in told:
            self._say(f"| {line}")
        started = _STARTED_RUN.search("\n".join(told))
        return int(started[1]) if started else None

    def _log(self, run: RunState, task: str) -> list[str]:
        return (self._workspace.jobs.get_run_output(run.task(task).run_id).logs or "").splitlines()

    def _watch(
        self,
        run_id: int,
        title: str,
        see: Callable[[RunState], None] = lambda _: None,
        *,
        retried: Collection[str] = NO_TABLES,
    ) -> RunState:
        """The run's last state; every state before is shown, and then handed to `see`.

        Raises DemoFailure where something was tried again, unless a fault of the demo explains it: one that makes the
        iterations of the tables in `retried` fail. Retries mend a flaw of ours unseen, too.
        """
        title = f"run {run_id}: {title}"
        self._say(title)
        failed: dict[int, TaskState] = {}
        with run_display(self._console, title) as display:

            def show(state: RunState) -> None:
                display.show(state)
                see(state)
                attempts = (each for task in state.tasks for each in (*task.iterations, task))
                failed.update({each.run_id: each for each in attempts if each.has_failed})

            state = follow_run(self._workspace.jobs, run_id, show)
        if unexplained := unexplained_attempts(state, retried):
            names = {attempt.name for attempt in unexplained}
            told = told_by(self._workspace.jobs, (each for each in failed.values() if each.name in names))
            raise DemoFailure(
                "\n".join([f"run {run_id} tried again, without a fault of the demo: {listed(names)}", *told])
            )
        return state

    def _await_run(self, trigger: Trigger) -> int:
        until = time.monotonic() + RUN_APPEARS_SECONDS
        while time.monotonic() < until:
            found = find_run(self._workspace.jobs, self._job_id, self._repository.name, trigger)
            if found is not None:
                return found
            time.sleep(_POLL_SECONDS)
        raise DemoFailure(
            f"no run of {JOB_NAME} appeared within {RUN_APPEARS_SECONDS} s for {trigger.event} on {trigger.branch} "
            f"at commit {trigger.commit_id}.\n{self._repository.hook_output(trigger.commit_id)}"
        )

    def _succeeded(self, trigger: Trigger, run: RunState, expected: frozenset[str]) -> None:
        if not run.has_succeeded:
            raise DemoFailure(failures(self._workspace.jobs, run))
        self.runs.append(run)
        self._record(trigger, run, expected)

    def _record(self, trigger: Trigger, run: RunState, expected: frozenset[str]) -> None:
        named = {self.exports.quoted(trigger.branch, table): table for table in TABLES}
        results = notebook_results(self._workspace.jobs, run.task("clone_tables"))
        clones = expected_clones(results, named, expected)
        self._say(f"cloned: {listed(expected)}, as expected")
        self.exports.record(trigger.branch, trigger.commit_id, clones)

    def compare(self) -> None:
        """Every exported table with its source, and queries on both. Raises DemoFailure with all differences."""
        started = time.monotonic()
        queries = self._queries()
        # Side by side: Spark plans a statement on one core, whatever the machine has.
        with ThreadPoolExecutor(max_workers=1) as pool:
            compared = pool.submit(self.exports.compare)
            rows, differing = self.exports.compare_queries(queries)
            differences = compared.result()
        self._tell_compared(list(self.exports), [*differences, *differing])
        if queries:
            self._say(f"{', '.join(queries)}: the same {sum(rows.values())} rows as on the source")
        self._say(f"compared in {time.monotonic() - started:.1f} s")

    def _tell_compared(self, compared: Sequence[ExportedTable], differences: Sequence[str]) -> None:
        """How much was compared. Raises DemoFailure with all differences, where there are any."""
        if differences:
            raise DemoFailure("\n".join(["exported tables differ from their source:", *differences]))
        total = sum(exported.rows for exported in compared)
        self._say(f"{len(compared)} tables, {total:,} rows: each equals its source at the commit")

    def _queries(self) -> Mapping[str, str]:
        """The queries to compare on the exported tables and on their sources, by name."""
        return {}

    def _write_with_spark(self, data: Path) -> Any:
        paths = {table.name: self._s3a(MAIN, table.path) for table in self.tables if table.writer == "Spark"}
        return self._notebook("write_tables", data=str(data), **paths) if paths else None

    def _notebook(self, name: str, **parameters: str) -> Any:
        return run_notebook(self._stack.cluster, name, parameters, self._stack.s3a_conf())

    def _s3a(self, ref: str, path: str) -> str:
        return f"s3a://{self._repository.name}/{ref}/{path}"

    @contextmanager
    def _act(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        self._console.print(f"\n[bold]{title}[/bold]", highlight=False, soft_wrap=True)
        yield
        self._say(f"took {time.monotonic() - started:.1f} s")

    def _say(self, text: str) -> None:
        self._console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _in_parallel(stop: Callable[[], None]) -> Iterator[Callable[..., "Future[Any]"]]:
    """Starts functions in threads. Leaving early (an error, Ctrl-C) waits for none of them, and calls `stop`."""
    pool = ThreadPoolExecutor()
    try:
        yield pool.submit
    except BaseException:
        stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
