"""The story that the demo tells: commits, a branch and a merge in lakeFS, and what each of them exports."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from local_stack.control import JOB_NAME, deployed_job
from local_stack.demo import tables
from local_stack.demo.delta_rs import NEW_COLUMN, DeltaRs
from local_stack.demo.deployment import Deployment
from local_stack.demo.display import run_display
from local_stack.demo.exports import Exports, expected_clones, listed
from local_stack.demo.failure import DemoFailure
from local_stack.demo.repository import Repository
from local_stack.demo.runs import RunState, Trigger, failures, find_run, follow_run, notebook_results
from local_stack.demo.sources import Sources
from local_stack.demo.spark_writes import run_notebook
from local_stack.demo.sql_warehouse import SqlWarehouse
from local_stack.demo.tables import TABLE_NAMES, TABLES, table_named
from local_stack.stack import CATALOG, LocalStack

MAIN = "main"
# With a hyphen, which a name in Unity Catalog may have and SQL has to quote.
BRANCH = "nightly-load"
NO_TABLES: frozenset[str] = frozenset()

RUN_APPEARS_SECONDS = 60
_POLL_SECONDS = 0.2


class Story:
    """One telling. Every act ends with all exported tables compared, and raises DemoFailure where anything differs.

    folder: for what the demo writes on this machine.
    """

    def __init__(self, *, stack: LocalStack, repository: Repository, console: Console, folder: Path) -> None:
        self._stack = stack
        self._repository = repository
        self._workspace = workspace = stack.client()
        self._console = console
        self._folder = folder
        self._delta_rs = DeltaRs(stack.lakefs, repository.name)
        warehouse = SqlWarehouse(workspace.statement_execution, stack.workspace.warehouse_id)
        sources = Sources(
            repository=repository.name, listing=repository, descriptions=self._delta_rs, warehouse=warehouse
        )
        self.exports = Exports(catalog=CATALOG, warehouse=warehouse, tables=workspace.tables, sources=sources)
        self.runs: list[RunState] = []
        self._job_id = 0

    def tell(self, deployment: Deployment, scale: float) -> None:
        """All acts in order."""
        self.prepare(deployment, scale)
        self.first_export()
        self.changes()
        self.new_branch()
        self.commit_on_branch()
        self.merge()
        self.commit_without_tables()

    def prepare(self, deployment: Deployment, scale: float) -> None:
        """Tables to lakeFS, and meanwhile the bundle to the workspace."""
        with self._act(f"TPC-H at scale {scale:g} to lakeFS, branch {MAIN}; meanwhile the bundle to the workspace"):
            with _in_parallel(deployment.stop) as start:
                deployed = start(deployment.deploy)
                data = self._folder / "tpch"
                tables.generate(data, scale)
                by_spark = start(self._write_with_spark, data)
                for table in TABLES:
                    if table.writer == "delta-rs":
                        self._delta_rs.write(table, MAIN, data)
                self._repository.upload(MAIN, tables.descriptor_files())
                features = by_spark.result()
                deployed.result()
            self._job_id = int(deployed_job(self._workspace))
            for table in TABLES:
                feature = f", with {table.feature}" if table.feature else ""
                self._say(f"{table.path}, by {table.writer}{feature}")
            self._say(f"as Spark tells: {features}")

    def first_export(self) -> None:
        """The hook, the tables and their descriptors in one commit."""
        with self._act("Commit of the tables and of the hook: the hook starts the job, and all tables are exported"):
            head = self._stack.install_hook(self._repository.name, MAIN)
            self._follow(Trigger(branch=MAIN, commit_id=head, event="post-commit"), expected=TABLE_NAMES)

    def changes(self) -> None:
        """An update of rows in one table, and a change of schema in another."""
        with self._act(f"Commit of two changes: UPDATE of line_item, new column supplier.{NEW_COLUMN}"):
            line_item, supplier = table_named("line_item"), table_named("supplier")
            self._notebook("update_line_item", line_item=self._s3a(MAIN, line_item.path))
            self._delta_rs.add_column(supplier, MAIN)
            head = self._repository.commit(MAIN, "Correct discounts, rate suppliers")
            trigger = Trigger(branch=MAIN, commit_id=head, event="post-commit")
            self._follow(trigger, expected=frozenset({line_item.name, supplier.name}))

    def new_branch(self) -> None:
        """A branch, which has a schema of its own."""
        with self._act(f"New branch {BRANCH} from {MAIN}: all of it is exported to the schema {BRANCH}"):
            head = self._repository.create_branch(BRANCH, MAIN)
            self._follow(Trigger(branch=BRANCH, commit_id=head, event="post-create-branch"), expected=TABLE_NAMES)

    def commit_on_branch(self) -> None:
        """A change on the branch, with rows that are there twice."""
        with self._act(f"Commit to {BRANCH}: rows appended to part_supp, each twice"):
            part_supp = table_named("part_supp")
            self._delta_rs.append_twice(part_supp, BRANCH, rows=10)
            head = self._repository.commit(BRANCH, "Load part_supp")
            trigger = Trigger(branch=BRANCH, commit_id=head, event="post-commit")
            self._follow(trigger, expected=frozenset({part_supp.name}))

    def merge(self) -> None:
        """The branch's change to main."""
        with self._act(f"Merge of {BRANCH} into {MAIN}: what it changed is exported to {MAIN}"):
            head = self._repository.merge(BRANCH, MAIN, f"Merge {BRANCH}")
            trigger = Trigger(branch=MAIN, commit_id=head, event="post-merge")
            self._follow(trigger, expected=frozenset({"part_supp"}))

    def commit_without_tables(self) -> None:
        """A commit that no table is in."""
        with self._act(f"Commit to {MAIN} of a file that belongs to no table: nothing is cloned"):
            self._repository.upload(MAIN, {"README.md": b"TPC-H, as the demo wrote it.\n"})
            head = self._repository.commit(MAIN, "Describe the repository")
            self._follow(Trigger(branch=MAIN, commit_id=head, event="post-commit"), expected=NO_TABLES)

    def _follow(self, trigger: Trigger, *, expected: frozenset[str]) -> None:
        run_id = self._await_run(trigger)
        title = f"run {run_id}: {trigger.event} on {trigger.branch} at {trigger.commit_id[:10]}"
        self._say(title)
        with run_display(self._console, title) as display:
            run = follow_run(self._workspace.jobs, run_id, display.show)
        if not run.has_succeeded:
            raise DemoFailure(failures(self._workspace.jobs, run))
        self.runs.append(run)
        self._record(trigger, run, expected)
        self.compare()

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

    def _record(self, trigger: Trigger, run: RunState, expected: frozenset[str]) -> None:
        named = {self.exports.quoted(trigger.branch, table): table for table in TABLES}
        results = notebook_results(self._workspace.jobs, run.task("clone_tables"))
        clones = expected_clones(results, named, expected)
        self._say(f"cloned: {listed(expected)}, as expected")
        self.exports.record(trigger.branch, trigger.commit_id, clones)

    def compare(self) -> None:
        """Every exported table with its source, and TPC-H queries on both. Raises DemoFailure with all differences."""
        started = time.monotonic()
        differences = self.exports.compare()
        rows, differing = self.exports.compare_queries(tables.queries())
        if differences or differing:
            raise DemoFailure("\n".join(["exported tables differ from their source:", *differences, *differing]))
        total = sum(exported.rows for exported in self.exports)
        self._say(f"{len(self.exports)} tables, {total:,} rows: each equals its source at the commit")
        self._say(f"{', '.join(tables.queries())}: the same {sum(rows.values())} rows as on the source")
        self._say(f"compared in {time.monotonic() - started:.1f} s")

    def _write_with_spark(self, data: Path) -> Any:
        paths = {table.name: self._s3a(MAIN, table.path) for table in TABLES if table.writer == "Spark"}
        return self._notebook("write_tables", data=str(data), **paths)

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
