"""The state machine of tests/unit/export_machine.py once more, smaller: the real job, real clones and real faults.

A run cannot be stopped between two tasks here; faults strike within it, and two runs may overlap as they like. What
happens is drawn from a seed, and not by Hypothesis, of which few examples are poor ones, and shrinking takes hours.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from databricks.sdk.service.jobs import RunResultState
from deployed_exports import Exports, as_json
from fault_injection import FAILS_AFTER, FAILS_BEFORE, IS_CANCELED, SPARK_DIES, Fault, FaultInjection
from lakefs.exceptions import LakeFSException
from small_pages import ONE_TABLE
from table_repository import TableRepository

from lakefs_unity_export.clones.methods import CloneMethod
from lakefs_unity_export.export.state import read_state

RUNS_END_SECONDS = 300
POLL_SECONDS = 0.2
TABLES = ("a", "b")
FAULTS = [
    Fault(task, kind)
    for task in ("list_changed_tables", "clone_table", "register_table", "record_export")
    for kind in (FAILS_BEFORE, FAILS_AFTER, IS_CANCELED)
] + [Fault("clone_table", SPARK_DIES)] * 3
SIDES = ("main", "dev")

Event = tuple[str, str, str]
Choose = Callable[[Sequence[Any]], Any]


class ExportHistory:
    """A repository of two tables on its default branch (`main` here), with another branch at times (`dev`)."""

    def __init__(
        self,
        deployed: Exports,
        repository: TableRepository,
        injection: FaultInjection,
        *,
        on_removed: str,
        methods: Iterator[CloneMethod],
    ) -> None:
        """Makes the first export, by a job of which two runs may overlap, and whose runs take one table each.

        Each run that is started here clones by the next of the methods, so that a table changes from one to another;
        those that `reconcile` starts, by the job's own.
        """
        self._methods = methods
        self._injection = injection
        self._repository = repository
        self._branches = {"main": repository.branch, "dev": f"dev-{repository.branch}"}
        self._commits: dict[str, list[str]] = {"main": []}
        self._events: list[Event] = []
        self._repaired: set[int] = set()
        self._shown: dict[str, int] = {}
        self._read: dict[tuple[str | None, ...], list[str]] = {}
        self._words = 0
        self._on_removed = on_removed
        self._exports = deployed.variant(concurrent_runs=2, page_bytes=ONE_TABLE, on_removed=on_removed)
        self._reconciliation = self._exports.reconciliation(repository.name, on_removed=on_removed)
        for name in TABLES:
            repository.add(name, [name])
        self._commit("main")
        self._run((self._events.pop(), None))

    def go_on(self, choose: Choose) -> None:
        """One of the actions below."""
        action = choose(ACTIONS)
        print(action.__name__)
        action(self, choose)

    # What happens in lakeFS

    def _commit(self, side: str) -> None:
        self._announce(side, self._repository.commit(branch=self._branches[side]), "post-commit")

    def _announce(self, side: str, commit_id: str, event: str) -> None:
        self._commits[side].append(commit_id)
        self._events.append((side, commit_id, event))

    def _has(self, side: str) -> bool:
        return side in self._commits

    def _sides(self) -> list[str]:
        return list(self._commits)

    def write(self, choose: Choose) -> None:
        """New rows in a table."""
        side, table = choose(self._sides()), choose(TABLES)
        self._write(side, table)
        self._commit(side)

    def _write(self, side: str, table: str) -> None:
        self._words += 1
        branch = self._branches[side]
        path = self._repository.described(branch).get(table, f"tables/{table}")
        self._repository.write(path, [f"{table}{self._words}"], branch=branch)

    def describe(self, choose: Choose) -> None:
        """A table's descriptor goes, or comes with a path of its own."""
        side, table = choose(self._sides()), choose(TABLES)
        branch = self._branches[side]
        if table in self._repository.described(branch):
            self._repository.remove(f"_lakefs_tables/{table}.yaml", branch=branch)
        else:
            self._words += 1
            path = f"moved/{table}{self._words}"
            self._repository.write(path, [path], branch=branch)
            self._repository.describe(table, path=path, branch=branch)
        self._commit(side)

    def merge(self, choose: Choose) -> None:
        """A branch into the other, also squashed."""
        side, squash = choose(SIDES), choose([False, True])
        if self._has("dev"):
            source, into = self._branches[_other(side)], self._branches[side]
            self._change(side, "post-merge", lambda: self._repository.merge(source, into=into, squash=squash))

    def revert(self, choose: Choose) -> None:
        """What the newest commit changed is taken back, by a commit."""
        side = choose(self._sides())
        if len(self._commits[side]) > 1:
            newest, branch = self._commits[side][-1], self._branches[side]
            self._change(side, "post-revert", lambda: self._repository.revert(newest, branch=branch))

    def cherry_pick(self, choose: Choose) -> None:
        """The newest commit of the other branch."""
        side = choose(SIDES)
        if self._has("dev"):
            commit, branch = self._commits[_other(side)][-1], self._branches[side]
            self._change(side, "post-cherry-pick", lambda: self._repository.cherry_pick(commit, branch=branch))

    def _change(self, side: str, event: str, change: Callable[[], str]) -> None:
        """Make the commit, unless lakeFS refuses it or it would leave a Delta log with a gap."""
        branch, before = self._branches[side], self._commits[side][-1]
        try:
            commit_id = change()
        except LakeFSException:  # a conflict, or nothing to change
            print(f"  refused: {event}")
            return
        try:
            for path in self._repository.described(branch).values():
                self._repository.words(path, branch)
        except Exception:  # whatever delta-rs says of a broken log
            self._repository.reset(before, branch=branch)
            print(f"  taken back: {event}")
            return
        self._announce(side, commit_id, event)

    def reset(self, choose: Choose) -> None:
        """A hard reset, which tells nobody."""
        side = choose(self._sides())
        if len(self._commits[side]) > 1:
            kept = choose(range(1, len(self._commits[side])))
            self._repository.reset(self._commits[side][kept - 1], branch=self._branches[side])
            del self._commits[side][kept:]
            self._forget_shown(side)
            print(f"{side} back to {self._commits[side][-1]}")

    def create_or_delete_branch(self, _choose: Choose) -> None:
        """The other branch comes or goes."""
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

    def load(self, choose: Choose) -> None:
        """Both tables are written, and a run for it meets a fault."""
        self.load_with(choose(self._sides()), choose(FAULTS), page=choose([1, 2]))

    def load_with(self, side: str, fault: Fault, *, page: int = 1) -> None:
        """Both tables are written, and the run for the first or the second of them meets the fault."""
        for table in TABLES:
            self._write(side, table)
        self._commit(side)
        self._run((self._events.pop(), fault), page=page)

    def deliver(self, choose: Choose) -> None:
        """An event arrives, late or not, and maybe again later."""
        if self._events:
            self._run((self._drawn_event(choose, twice=choose([False, True])), choose([None, *FAULTS])))

    def deliver_two(self, choose: Choose) -> None:
        """Two runs at once."""
        if len(self._events) > 1:
            events = [self._drawn_event(choose, twice=False) for _ in range(2)]
            self._run(*[(event, choose([None, *FAULTS])) for event in events])

    def lose_event(self, choose: Choose) -> None:
        """The hook's call never arrived."""
        if self._events:
            self._drawn_event(choose, twice=False)

    def _drawn_event(self, choose: Choose, *, twice: bool) -> Event:
        position = choose(range(len(self._events)))
        return self._events[position] if twice else self._events.pop(position)

    def repair(self, choose: Choose) -> None:
        """A run that failed or was canceled, now or long ago."""
        if failed := self._failed_runs():
            run_id = choose(failed)
            self._repaired.add(run_id)
            self._exports.client.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
            print(f"run {run_id}")
            self._await_runs()
            self._check()

    def _failed_runs(self) -> list[int]:
        ended = self._exports.client.jobs.list_runs(job_id=self._exports.job_id, completed_only=True)
        failed = {
            run.run_id or 0 for run in ended if run.state and run.state.result_state is not RunResultState.SUCCESS
        }
        return sorted(failed - self._repaired)

    def reconcile(self, _choose: Choose | None = None) -> None:
        """The job `reconcile`, and the runs that it starts."""
        self._reconciliation.run()
        self._await_runs()
        self._check()

    def _run(self, *started: tuple[Event, Fault | None], page: int = 1) -> None:
        for (side, commit_id, event), fault in started:
            method = next(self._methods)
            print(f"  {event} of {side} at {commit_id}, {method}: {fault}, on page {page}")
            for each in [*[None] * (page - 1), fault]:
                self._injection.plan(each)
            self._exports.start(
                repository=self._repository.name,
                branch=self._branches[side],
                commit_id=commit_id,
                event=event,
                clone_method=method,
            )
        self._await_runs()
        self._injection.plan_nothing()
        self._check()

    @property
    def pages(self) -> int:
        """How many runs went on with an export."""
        runs = self._exports.client.jobs.list_runs(job_id=self._exports.job_id)
        parameters = [{each.name: each.value for each in run.job_parameters or []} for run in runs]
        return len([given for given in parameters if given.get("event") == "next_page"])

    def _await_runs(self) -> None:
        until = time.monotonic() + RUNS_END_SECONDS
        jobs = self._exports.client.jobs
        while list(jobs.list_runs(job_id=self._exports.job_id, active_only=True)):
            assert time.monotonic() < until, f"runs are still active after {RUNS_END_SECONDS} s"
            time.sleep(POLL_SECONDS)

    # What has to hold

    def _check(self) -> None:
        """Every table shows one commit of its branch, none an older one than before, and watermarks say the truth."""
        for side, branch in self._branches.items():
            words = {name: self._checked_words(side, name) for name in self._exports.tables(branch)}
            self._check_watermark(branch, words)

    def _checked_words(self, side: str, name: str) -> list[str]:
        """The rows of a table, which are those of the commit that it says it shows."""
        branch = self._branches[side]
        # Unity Catalog's view of the properties is as old as the last registration that ended well.
        newest = self._exports.newest(branch, name)
        origin = as_json(newest["userMetadata"])
        assert origin["lakefs.branch"] == branch
        words = self._words_at(newest, branch, name)
        assert words == self._repository.words(origin["lakefs.path"], origin["lakefs.commit_id"]), name
        generation, key = int(origin["lakefs.commit_generation"]), f"{branch}.{name}"
        # A run of before a reset may be repaired after it: what it shows is no longer of the branch.
        if origin["lakefs.commit_id"] in self._commits.get(side, []):
            assert generation >= self._shown.get(key, 0), f"{key} became older"
            self._shown[key] = generation
        return words

    def _words_at(self, newest: Mapping[str, str | None], branch: str, name: str) -> list[str]:
        """The rows of a table whose newest Delta commit is this one, read once for each commit."""
        commit = (branch, name, *newest.values())
        if commit not in self._read:
            self._read[commit] = self._exports.words_at(newest, branch, name)
        return self._read[commit]

    def _check_watermark(self, branch: str, words: Mapping[str, list[str]]) -> None:
        properties = self._exports.schema_properties(branch)
        state = read_state(properties, repository=self._repository.name, branch=branch, schema=branch)
        if state.watermark and not state.is_unknown and not state.attempts:
            self._check_equal(branch, state.watermark.id, words)

    def _check_equal(self, branch: str, ref: str, words: Mapping[str, list[str]]) -> None:
        for name, path in self._repository.described(ref).items():
            assert words[name] == self._repository.words(path, ref), f"{branch}.{name} at {ref}"

    def end(self) -> None:
        """Faults stop: one reconcile brings every branch to its head, and another one starts nothing."""
        self.reconcile()
        for side, commits in self._commits.items():
            branch = self._branches[side]
            described = self._repository.described(commits[-1])
            self._check_equal(branch, commits[-1], {name: self._exports.words(branch, name) for name in described})
            if self._on_removed == "drop":
                assert self._exports.tables(branch) == self._repository.described(branch).keys()
        if self._on_removed == "drop":
            assert self._has("dev") or not self._exports.has_schema(self._branches["dev"])
        assert ", 0 runs started" in self._reconciliation.run()


def _other(side: str) -> str:
    return SIDES[1 - SIDES.index(side)]


# What happens more often stands here more often.
ACTIONS = [
    ExportHistory.write,
    *[ExportHistory.load] * 3,
    *[ExportHistory.deliver] * 3,
    *[ExportHistory.deliver_two] * 2,
    *[ExportHistory.repair] * 2,
    *[ExportHistory.reset] * 2,
    *[ExportHistory.create_or_delete_branch] * 2,
    *[ExportHistory.describe] * 2,
    *[ExportHistory.merge] * 2,
    ExportHistory.revert,
    ExportHistory.cherry_pick,
    ExportHistory.lose_event,
    ExportHistory.reconcile,
]
