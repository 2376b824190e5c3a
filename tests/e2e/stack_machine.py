"""The state machine of tests/unit/export_machine.py once more, smaller: the real job, real clones and real faults.

A run cannot be stopped between two tasks here; faults strike within it, and two runs may overlap as they like.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import ClassVar

from deployed_exports import Exports, as_json
from fault_injection import FAILS_AFTER, FAILS_BEFORE, IS_CANCELED, SPARK_DIES, Fault, FaultInjection
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lakefs.exceptions import LakeFSException
from table_repository import TableRepository

from lakefs_unity_export.export_state import read_state

RUNS_END_SECONDS = 300
POLL_SECONDS = 0.2
TABLES = ("a", "b")
FAULTS = [
    Fault(task, kind)
    for task in ("list_changed_tables", "clone_table", "register_table", "record_export")
    for kind in (FAILS_BEFORE, FAILS_AFTER, IS_CANCELED)
] + [Fault("clone_table", SPARK_DIES)] * 3
sides = st.sampled_from(["main", "dev"])
table_names = st.sampled_from(TABLES)
faults = st.sampled_from([None, *FAULTS])

Event = tuple[str, str, str]


class StackMachine(RuleBasedStateMachine):
    """A repository of two tables on its default branch (`main` here), with another branch at times (`dev`)."""

    explored: ClassVar[Counter[str]] = Counter()

    def __init__(self, deployed: Exports, repository: TableRepository, injection: FaultInjection) -> None:
        super().__init__()
        self._deployed = deployed
        self._injection = injection
        self._repository = repository
        self._branches = {"main": repository.branch, "dev": f"dev-{repository.branch}"}
        self._commits: dict[str, list[str]] = {"main": []}
        self._events: list[Event] = []
        self._repaired: set[int] = set()
        self._shown: dict[str, int] = {}
        self._words = 0

    @initialize(on_removed=st.sampled_from(["keep", "drop"]))
    def deploy(self, on_removed: str) -> None:
        """The first export, by a job of which two runs may overlap."""
        self._on_removed = on_removed
        self._exports = self._deployed.variant(concurrent_runs=2, on_removed=on_removed)
        self._reconciliation = self._exports.reconciliation(self._repository.name, on_removed=on_removed)
        for name in TABLES:
            self._repository.add(name, [name])
        self._commit("main")
        self._run((self._events.pop(), None))

    # What happens in lakeFS

    def _commit(self, side: str) -> None:
        self._announce(side, self._repository.commit(branch=self._branches[side]), "post-commit")

    def _announce(self, side: str, commit_id: str, event: str) -> None:
        self._commits[side].append(commit_id)
        self._events.append((side, commit_id, event))

    def _has(self, *wanted: str) -> bool:
        return len(set(wanted)) == len(wanted) and self._commits.keys() >= set(wanted)

    @rule(side=sides, table=table_names)
    def write(self, side: str, table: str) -> None:
        if self._has(side):
            self._words += 1
            branch = self._branches[side]
            path = self._repository.described(branch).get(table, f"tables/{table}")
            self._repository.write(path, [f"{table}{self._words}"], branch=branch)
            self._commit(side)

    @rule(side=sides, table=table_names)
    def describe(self, side: str, table: str) -> None:
        """The table's descriptor goes, or comes with a path of its own."""
        if not self._has(side):
            return
        branch = self._branches[side]
        if table in self._repository.described(branch):
            self._repository.remove(f"_lakefs_tables/{table}.yaml", branch=branch)
        else:
            self._words += 1
            path = f"moved/{table}{self._words}"
            self._repository.write(path, [path], branch=branch)
            self._repository.describe(table, path=path, branch=branch)
        self._commit(side)

    @rule(source=sides, side=sides, squash=st.booleans())
    def merge(self, source: str, side: str, squash: bool) -> None:
        if self._has(source, side):
            self._change(side, "post-merge", lambda: self._repository.merge(
                self._branches[source], into=self._branches[side], squash=squash
            ))  # fmt: skip

    @rule(side=sides)
    def revert(self, side: str) -> None:
        """What the newest commit changed is taken back, by a commit."""
        if self._has(side) and len(self._commits[side]) > 1:
            newest = self._commits[side][-1]
            self._change(side, "post-revert", lambda: self._repository.revert(newest, branch=self._branches[side]))

    @rule(source=sides, side=sides)
    def cherry_pick(self, source: str, side: str) -> None:
        if self._has(source, side):
            commit = self._commits[source][-1]
            branch = self._branches[side]
            self._change(side, "post-cherry-pick", lambda: self._repository.cherry_pick(commit, branch=branch))

    def _change(self, side: str, event: str, change: Callable[[], str]) -> None:
        """Make the commit, unless lakeFS refuses it or it would leave a Delta log with a gap."""
        branch, before = self._branches[side], self._commits[side][-1]
        try:
            commit_id = change()
        except LakeFSException:  # a conflict, or nothing to change
            self.explored[f"refused: {event}"] += 1
            return
        try:
            for path in self._repository.described(branch).values():
                self._repository.words(path, branch)
        except Exception:  # whatever delta-rs says of a broken log
            self._repository.reset(before, branch=branch)
            self.explored[f"taken back: {event}"] += 1
            return
        self._announce(side, commit_id, event)
        self.explored[event] += 1

    @rule(side=sides, data=st.data())
    def reset(self, side: str, data: st.DataObject) -> None:
        """A hard reset, which tells nobody."""
        if self._has(side) and len(self._commits[side]) > 1:
            kept = data.draw(st.integers(1, len(self._commits[side]) - 1))
            self._repository.reset(self._commits[side][kept - 1], branch=self._branches[side])
            del self._commits[side][kept:]
            self._forget_shown(side)
            self.explored["reset"] += 1

    @rule()
    def create_or_delete_branch(self) -> None:
        if self._has("dev"):
            self._repository.delete_branch(self._branches["dev"])
            del self._commits["dev"]
            self._forget_shown("dev")
        else:
            self._repository.create_branch(self._branches["dev"])
            self._commits["dev"] = list(self._commits["main"])
            self._events.append(("dev", self._commits["dev"][-1], "post-create-branch"))

    def _forget_shown(self, side: str) -> None:
        """After a reset, tables may become older."""
        branch = self._branches[side]
        self._shown = {name: shown for name, shown in self._shown.items() if name.partition(".")[0] != branch}

    # What happens to events, and how runs go

    @precondition(lambda self: self._events)
    @rule(data=st.data(), twice=st.booleans(), fault=faults)
    def deliver(self, data: st.DataObject, twice: bool, fault: Fault | None) -> None:
        """An event arrives, late or not, and maybe again later."""
        self._run((self._drawn_event(data, twice=twice), fault))

    @rule(side=sides, fault=st.sampled_from(FAULTS))
    def load(self, side: str, fault: Fault) -> None:
        """Both tables are written, and the run for it meets a fault."""
        if self._has(side):
            for table in TABLES:
                self.write(side, table)
            self._run((self._events.pop(), fault))

    @precondition(lambda self: len(self._events) > 1)
    @rule(data=st.data(), fault=faults, other_fault=faults)
    def deliver_two(self, data: st.DataObject, fault: Fault | None, other_fault: Fault | None) -> None:
        """Two runs at once."""
        first, second = self._drawn_event(data, twice=False), self._drawn_event(data, twice=False)
        self._run((first, fault), (second, other_fault))

    @precondition(lambda self: self._events)
    @rule(data=st.data())
    def lose_event(self, data: st.DataObject) -> None:
        self._drawn_event(data, twice=False)
        self.explored["event lost"] += 1

    def _drawn_event(self, data: st.DataObject, *, twice: bool) -> Event:
        position = data.draw(st.integers(0, len(self._events) - 1))
        return self._events[position] if twice else self._events.pop(position)

    @precondition(lambda self: self._failed_runs())
    @rule(data=st.data())
    def repair(self, data: st.DataObject) -> None:
        run_id = data.draw(st.sampled_from(self._failed_runs()))
        self._repaired.add(run_id)
        self._exports.client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
        self.explored["repaired"] += 1
        self._await_runs()
        self._check()

    def _failed_runs(self) -> list[int]:
        ended = self._exports.client.jobs.list_runs(job_id=self._exports.job_id, completed_only=True)
        failed = {
            run.run_id or 0
            for run in ended
            if run.state and run.state.result_state and run.state.result_state.value != "SUCCESS"
        }
        return sorted(failed - self._repaired)

    @rule()
    def reconcile(self) -> None:
        self._reconciliation.run()
        self._await_runs()
        self._check()

    def _run(self, *started: tuple[Event, Fault | None]) -> None:
        for (side, commit_id, event), fault in started:
            self._injection.plan(fault)
            self._exports.start(
                repository=self._repository.name, branch=self._branches[side], commit_id=commit_id, event=event
            )
        self._await_runs()
        self._injection.plan_nothing()
        self._check()

    def _await_runs(self) -> None:
        until = time.monotonic() + RUNS_END_SECONDS
        jobs = self._exports.client.jobs
        while list(jobs.list_runs(job_id=self._exports.job_id, active_only=True)):
            assert time.monotonic() < until, f"runs are still active after {RUNS_END_SECONDS} s"
            time.sleep(POLL_SECONDS)

    # What has to hold

    def _check(self) -> None:
        """Every table shows one commit of its branch, none an older one than before, and watermarks say the truth."""
        for branch in self._branches.values():
            for name in self._exports.tables(branch):
                self._check_table(branch, name)
            self._check_watermark(branch)

    def _check_table(self, branch: str, name: str) -> None:
        # Unity Catalog's view of the properties is as old as the last registration that ended well.
        origin = as_json(self._exports.history(branch, name)[0]["userMetadata"])
        assert origin["lakefs.branch"] == branch
        expected = self._repository.words(origin["lakefs.path"], origin["lakefs.commit_id"])
        assert self._exports.words(branch, name) == expected, name
        generation = int(origin["lakefs.commit_generation"])
        assert generation >= self._shown.get(f"{branch}.{name}", 0), f"{branch}.{name} became older"
        self._shown[f"{branch}.{name}"] = generation

    def _check_watermark(self, branch: str) -> None:
        properties = self._exports.schema_properties(branch)
        state = read_state(properties, repository=self._repository.name, branch=branch, schema=branch)
        if state.watermark and not state.is_unknown and not state.attempts:
            self._check_equal(branch, state.watermark.id)

    def _check_equal(self, branch: str, ref: str) -> None:
        for name, path in self._repository.described(ref).items():
            assert self._exports.words(branch, name) == self._repository.words(path, ref), f"{branch}.{name} at {ref}"

    def teardown(self) -> None:
        """Faults stop: one reconcile brings every branch to its head, and another one starts nothing."""
        if not hasattr(self, "_reconciliation"):
            return
        self.reconcile()
        for side, commits in self._commits.items():
            branch = self._branches[side]
            self._check_equal(branch, commits[-1])
            if self._on_removed == "drop":
                assert self._exports.tables(branch) == self._repository.described(branch).keys()
        if self._on_removed == "drop":
            assert self._has("dev") or not self._exports.has_schema(self._branches["dev"])
        assert ", 0 runs started" in self._reconciliation.run()
        self.explored["histories"] += 1
