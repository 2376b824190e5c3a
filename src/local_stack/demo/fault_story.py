"""The demo's second act: events are lost, Spark is killed, a path is taken, and after each fault every row is equal."""

import time
from collections.abc import Collection
from pathlib import Path

from rich.console import Console, Group, RenderableType

from local_stack.demo.delta_rs import NEW_COLUMN
from local_stack.demo.deployment import Deployment
from local_stack.demo.exports import listed
from local_stack.demo.failure import DemoFailure
from local_stack.demo.faults import (
    Fault,
    ForeignTable,
    SparkCrashes,
    error_line,
    failed_clones,
    fault_table,
    stale_tables,
    toothless,
    without_right_to_run,
)
from local_stack.demo.repository import Repository
from local_stack.demo.runs import RunState, Trigger, find_run
from local_stack.demo.story import exported_tables
from local_stack.demo.tables import descriptor_files, table_named
from local_stack.demo.telling import MAIN, NO_TABLES, Telling
from local_stack.stack import HOOK_PRINCIPAL, LocalStack
from local_stack.stack_environment import RECONCILE_JOB_NAME

HOOK_ENDS_SECONDS = 60

_POLL_SECONDS = 0.2
_NOTHING_TO_DO = "nothing to do"
# What a repair runs again.
_FAILED_WITH_A_CLONE = ("clone_tables", "register_tables", "record_export")
_HOOK_ERROR = "unity_export: http"


class FaultStory(Telling):
    """Each act makes a fault, sees that it is one, and has it mended by what an installation has for it.

    A fault that does not bite is a DemoFailure: what shows nothing must not pass.
    """

    command = "demo-faults"
    tables = tuple(table_named(name) for name in ("part", "supplier", "nation"))
    # The table that is described later than the others, and whose place is taken.
    newcomer = table_named("region")

    def __init__(self, *, stack: LocalStack, repository: Repository, console: Console, folder: Path) -> None:
        super().__init__(stack=stack, repository=repository, console=console, folder=folder)
        self.faults: list[Fault] = []

    def tell(self, deployment: Deployment, scale: float) -> None:
        """All acts in order."""
        self.prepare(deployment, scale)
        self.first_export()
        lost = self.event_lost()
        self.target_taken()
        good = self._repository.head(MAIN)
        self.spark_killed()
        undone = self.spark_killed_until_the_run_fails()
        self.branch_reset(good)
        self.event_late(lost)
        self.event_twice(undone)
        self.event_of_gone_commit(undone)

    def summary(self) -> RenderableType:
        """All faults, and all exported tables."""
        return Group(exported_tables(self.exports), fault_table(self.faults))

    def last_line(self, seconds: float) -> str:
        """What was mended, in one line."""
        return (
            f"{self.command}: {len(self.faults)} faults, {len(self.exports)} tables, every row equal to the branch's "
            f"head, {seconds:.0f} s"
        )

    def event_lost(self) -> Trigger:
        """A commit whose hook the workspace turns away. lakeFS does not tell twice."""
        with self._act("An event is lost: the hook's right to run the job is withdrawn while a commit is made"):
            started = time.monotonic()
            supplier = table_named("supplier")
            with without_right_to_run(self._workspace.jobs, self._job_id, HOOK_PRINCIPAL):
                self._delta_rs.add_column(supplier, MAIN)
                head = self._repository.commit(MAIN, f"New column {supplier.name}.{NEW_COLUMN}")
                self._say(f"the hook, as lakeFS shows it: {self._hook_failure(head)}")
            trigger = Trigger(branch=MAIN, commit_id=head, event="post-commit")
            if find_run(self._workspace.jobs, self._job_id, self._repository.name, trigger) is not None:
                raise toothless("the hook started a run all the same")
            stale = self._stale(head, {supplier.name})
            self._reconcile(head, stale)
            self._mended("event lost", f"no run; {listed(stale)} stale", f"job {RECONCILE_JOB_NAME}", started)
        return trigger

    def target_taken(self) -> None:
        """A new table, at whose target path somebody else's table lies."""
        region, nation = self.newcomer, table_named("nation")
        with self._act(f"One table cannot be cloned: a table that is not ours lies where {region.name} is to go"):
            started = time.monotonic()
            watermark = self._watermark()
            foreign = ForeignTable(self._stack.folder / "exports" / MAIN / region.name)
            foreign.put()
            self._delta_rs.write(region, MAIN, self._folder / "tpch")
            self._repository.upload(MAIN, descriptor_files((region,)))
            trigger = self._append(f"Add {region.name}, load {nation.name}", nation.name)
            run = self._watch_event(trigger, retried={region.name})
            self._failed_for(run, {region.name})
            self._record(trigger, run, frozenset({nation.name}))
            self.compare()
            self._unmoved(watermark)
            foreign.take_away()
            self._say("the other table is as it was, and is moved away by its owner")
            self._repository.upload(MAIN, {"README.md": b"TPC-H, as the demo wrote it.\n"})
            head = self._repository.commit(MAIN, "Describe the repository")
            # Both differ from the watermark, which stayed.
            trigger = Trigger(branch=MAIN, commit_id=head, event="post-commit")
            self._follow(trigger, expected=frozenset({region.name, nation.name}))
            seen = f"run failed for {region.name} alone"
            self._mended("target path taken", seen, "path cleared, next commit", started)

    def spark_killed(self) -> None:
        """SIGKILL in the middle of clones, once. The job tries again by itself."""
        names = ("part", "supplier")
        with self._act(f"Spark is killed (SIGKILL) while it clones {listed(names)}"):
            started = time.monotonic()
            crashes = SparkCrashes(self._kill_spark)
            trigger = self._append(f"Load {listed(names)}", *names)
            run = self._watch_event(trigger, crashes.see, retried=names)
            struck = self._struck(crashes)
            self._succeeded(trigger, run, frozenset(names))
            self.compare()
            self._mended("Spark killed in clones", f"{struck} attempts failed", "the job's own retries", started)

    def spark_killed_until_the_run_fails(self) -> Trigger:
        """SIGKILL as often as the job tries. The run fails, and a person repairs it."""
        nation = table_named("nation")
        with self._act(f"Spark is killed as often as the job tries to clone {nation.name}"):
            started = time.monotonic()
            watermark = self._watermark()
            crashes = SparkCrashes(self._kill_spark, again=True)
            trigger = self._append(f"Load {nation.name}", nation.name)
            run = self._watch_event(trigger, crashes.see, retried={nation.name})
            struck = self._struck(crashes)
            self._failed_for(run, {nation.name})
            self._unmoved(watermark)
            self._say("what was exported before is as it was:")
            self.compare()
            self._workspace.jobs.repair_run(run.run_id, rerun_all_failed_tasks=True)
            repaired = self._watch(run.run_id, "repaired", retried={nation.name, *_FAILED_WITH_A_CLONE})
            self._succeeded(trigger, repaired, frozenset({nation.name}))
            self.compare()
            self._mended("Spark killed until the run failed", f"run failed, {struck} attempts", "repair", started)
        return trigger

    def branch_reset(self, commit_id: str) -> None:
        """A hard reset, of which lakeFS tells nobody."""
        with self._act(f"{MAIN} is reset to {commit_id[:10]}, before those loads; lakeFS has no event for that"):
            started = time.monotonic()
            self._repository.reset(MAIN, commit_id)
            stale = self._stale(commit_id, {table.name for table in self.tables})
            self._reconcile(commit_id, stale)
            self._mended("branch reset", f"{len(stale)} tables ahead of it", f"job {RECONCILE_JOB_NAME}", started)

    def event_late(self, trigger: Trigger) -> None:
        """The event that was lost arrives after all, when its commit is long passed. Nothing becomes older."""
        with self._act("An event arrives late: the one that was lost, from commits ago"):
            started = time.monotonic()
            token = trigger.idempotency_token(self._repository.name)
            told = self._passed_over(trigger, token)
            self._mended("event late", told, "nothing to mend", started)

    def event_twice(self, trigger: Trigger) -> None:
        """The same event again, with the token that the hook gives it."""
        with self._act("An event arrives twice"):
            started = time.monotonic()
            first = find_run(self._workspace.jobs, self._job_id, self._repository.name, trigger)
            again = self._deliver(trigger, trigger.idempotency_token(self._repository.name))
            if again != first:
                raise DemoFailure(f"the second delivery started run {again}; the first had started run {first}")
            self._say(f"the workspace answers with run {first}, which the first delivery had started")
            self.compare()
            self._mended("event twice", "no second run", "nothing to mend", started)

    def event_of_gone_commit(self, trigger: Trigger) -> None:
        """An event of a commit that the reset took off the branch, from one who sends no token."""
        with self._act("An event arrives of a commit that the reset took off the branch"):
            started = time.monotonic()
            told = self._passed_over(trigger, None)
            self._mended("event of a commit that is gone", told, "nothing to mend", started)

    def _append(self, message: str, *names: str) -> Trigger:
        """Commit rows appended to these tables; the event that this gives."""
        for name in names:
            self._delta_rs.append_twice(table_named(name), MAIN, rows=10)
        return Trigger(branch=MAIN, commit_id=self._repository.commit(MAIN, message), event="post-commit")

    def _stale(self, head: str, expected: Collection[str]) -> list[str]:
        """The tables that differ from the head, with how; they have to be the expected ones."""
        self.exports.record(MAIN, head, [])
        self.exports.compare()
        stale = stale_tables(self.exports, expected)
        for name, difference in stale.items():
            self._say(f"stale: {name}: {difference}")
        return list(stale)

    def _kill_spark(self) -> None:
        self._say("SIGKILL to Spark")
        self._stack.cluster.kill()

    def _reconcile(self, head: str, expected: Collection[str]) -> None:
        """Run the deployed job; the run that it starts has to export the expected tables at the head."""
        started = self._reconciled()
        if started is None:
            raise DemoFailure(f"{RECONCILE_JOB_NAME} started no run, and {listed(expected)} differ from the head")
        trigger = Trigger(branch=MAIN, commit_id=head, event=RECONCILE_JOB_NAME)
        self._succeeded(trigger, self._watch(started, f"started by {RECONCILE_JOB_NAME}"), frozenset(expected))
        self.compare()

    def _deliver(self, trigger: Trigger, token: str | None) -> int:
        """Call the workspace as the hook does for this event; the run that the answer names."""
        parameters = trigger.parameters(self._repository.name)
        answer = self._workspace.jobs.run_now(self._job_id, job_parameters=parameters, idempotency_token=token)
        return int(answer.run_id)

    def _passed_over(self, trigger: Trigger, token: str | None) -> str:
        """What the event's run says, which has to find nothing to do and to change no table."""
        run = self._watch(self._deliver(trigger, token), str(trigger))
        told = [line for line in self._log(run, "list_changed_tables") if line.startswith(_NOTHING_TO_DO)]
        for line in told:
            self._say(f"| {line}")
        if not told:
            raise DemoFailure(f"run {run.run_id} of an event that is passed does not say: {_NOTHING_TO_DO}")
        # What is exported stays that of the head.
        head = Trigger(branch=MAIN, commit_id=self._repository.head(MAIN), event=trigger.event)
        self._succeeded(head, run, NO_TABLES)
        self.compare()
        return "a run that exports nothing"

    def _hook_failure(self, commit_id: str) -> str:
        """What the hook said at its end, which has to be a failure."""
        until = time.monotonic() + HOOK_ENDS_SECONDS
        while time.monotonic() < until:
            if statuses := self._repository.hook_statuses(commit_id):
                output = self._repository.hook_output(commit_id)
                if set(statuses) != {"failed"}:
                    raise toothless(f"the hook did not fail:\n{output}")
                return next((line.strip("| ") for line in output.splitlines() if _HOOK_ERROR in line), output)
            time.sleep(_POLL_SECONDS)
        raise DemoFailure(f"lakeFS shows no hook run for commit {commit_id} within {HOOK_ENDS_SECONDS} s")

    def _struck(self, crashes: SparkCrashes) -> int:
        """How many attempts the kills ended; each is shown with what it said."""
        errors = crashes.errors(self._workspace.jobs)
        for line in errors:
            self._say(line)
        return len(errors)

    def _failed_for(self, run: RunState, names: Collection[str]) -> None:
        """The run has to end failed, its clones for these tables and for no other."""
        for name, clone in failed_clones(run, names).items():
            self._say(f"{name}: {error_line(self._workspace.jobs.get_run_output(clone.run_id).error)}")

    def _watermark(self) -> str:
        schema = self._workspace.schemas.get(f"{self._stack.catalog.name}.{MAIN}")
        return (schema.properties or {}).get(f"lakefs.{self._repository.name}.commit_id", "")

    def _unmoved(self, watermark: str) -> None:
        if (found := self._watermark()) != watermark:
            raise DemoFailure(f"the watermark moved from {watermark} to {found}, and not all tables are exported")
        self._say(f"the watermark stays at {watermark[:10]}")

    def _mended(self, fault: str, seen: str, mended_by: str, started: float) -> None:
        seconds = time.monotonic() - started
        self.faults.append(Fault(fault=fault, seen=seen, mended_by=mended_by, seconds=seconds))
