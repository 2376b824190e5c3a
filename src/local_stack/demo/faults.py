"""The faults that the demo makes, and what it notes of each."""

import re
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from databricks.sdk.service.jobs import JobAccessControlRequest, JobsAPI
from deltalake import DeltaTable, write_deltalake
from rich.table import Table

from local_stack.demo.exports import ExportedTable, listed
from local_stack.demo.failure import DemoFailure
from local_stack.demo.runs import RunState, TaskState

# After the task has started its notebook, and before the clone has ended; where it had, errors() says so.
SECONDS_INTO_CLONE = 0.2

_ERROR_LINE = re.compile(r"^\w*(?:Error|Exception): .*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What was done, how it showed, what mended it, and the seconds from the one to the other."""

    fault: str
    seen: str
    mended_by: str
    seconds: float


def fault_table(faults: Iterable[Fault]) -> Table:
    """All faults, one row each."""
    table = Table("fault", "what was seen", "what mended it", "seconds", title="Faults")
    table.columns[-1].justify = "right"
    for each in faults:
        table.add_row(each.fault, each.seen, each.mended_by, f"{each.seconds:.0f}")
    return table


class SparkCrashes:
    """Kills Spark while a run clones tables, once or (`again`) for as long as it tries to.

    Is told each state of the run that is read. `hit` are the attempts under way at a kill, by run id, with the name
    of their table; one of them that ended well all the same was not hit, and is left out.
    """

    def __init__(self, kill: Callable[[], None], *, again: bool = False) -> None:
        self._kill = kill
        self._again = again
        self.hit: dict[int, str] = {}

    def see(self, run: RunState) -> None:
        """Kill Spark where this state of the run calls for it."""
        clones = run.task("clone_tables").iterations
        for clone in clones:
            if clone.state == "SUCCESS":
                self.hit.pop(clone.run_id, None)
        if self.hit and not self._again:
            return
        into = 0 if self._again else SECONDS_INTO_CLONE
        running = {clone.run_id: clone.name for clone in clones if clone.state == "RUNNING" and clone.seconds >= into}
        if running:
            self._kill()
            self.hit |= running

    def errors(self, jobs: JobsAPI) -> list[str]:
        """What each attempt that was hit ended with. Raises DemoFailure where none was, or one tells no error."""
        if not self.hit:
            raise toothless("no clone was under way when Spark was killed: the kill came too late")
        told = {run_id: error_line(jobs.get_run_output(run_id).error) for run_id in self.hit}
        for run_id, error in told.items():
            if not error:
                raise toothless(f"Spark was killed, and run {run_id} of {self.hit[run_id]} tells no error")
        return [f"{self.hit[run_id]}: {error}" for run_id, error in told.items()]


def toothless(why: str) -> DemoFailure:
    """A fault that was made, and did not show. The demo must not pass with it."""
    return DemoFailure(f"a fault did not bite, so that nothing is shown: {why}")


def stale_tables(exported: Iterable[ExportedTable], expected: Collection[str]) -> dict[str, str]:
    """The tables that differ from what they have to show, by name, with how. Raises DemoFailure if others should."""
    stale = {each.table.name: each.differences[0].partition(": ")[2] for each in exported if each.differences}
    if stale.keys() != set(expected):
        raise toothless(f"{listed(stale)} differ from the branch's head, and {listed(expected)} should")
    return stale


def failed_clones(run: RunState, expected: Collection[str]) -> dict[str, TaskState]:
    """The clones that failed in a run that failed, by table. Raises DemoFailure if others should."""
    clones = run.task("clone_tables").iterations
    failed = {clone.name.rpartition(".")[2]: clone for clone in clones if clone.has_failed}
    if run.state != "FAILED" or failed.keys() != set(expected):
        raise toothless(
            f"run {run.run_id} ended {run.state}, its clones failed for {listed(failed)}, and should for "
            f"{listed(expected)}"
        )
    return failed


def error_line(error: str | None) -> str:
    """The line that names an error's type, without traceback and log; nothing where there is no error."""
    lines = _ERROR_LINE.findall(error or "") or (error or "").strip().splitlines()
    return str(lines[-1]) if lines else ""


class ForeignTable:
    """A Delta table that somebody else keeps at a path."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self) -> None:
        """Write it."""
        write_deltalake(str(self._path), pyarrow.table({"note": ["not an export"]}))

    def take_away(self) -> None:
        """Remove it. Raises DemoFailure where it is not as it was put."""
        found = DeltaTable(str(self._path))
        if found.version() != 0 or found.to_pyarrow_table().to_pydict() != {"note": ["not an export"]}:
            raise DemoFailure(f"the table of somebody else at {self._path} was changed")
        shutil.rmtree(self._path)


@contextmanager
def without_right_to_run(jobs: JobsAPI, job_id: int, principal: str) -> Iterator[None]:
    """Within the block, the service principal may not start the job; what else others may is as before."""
    before = _access(jobs, job_id)
    others = [entry for entry in before if entry.service_principal_name != principal]
    jobs.set_permissions(str(job_id), access_control_list=others)
    try:
        yield
    finally:
        jobs.set_permissions(str(job_id), access_control_list=before)


def _access(jobs: JobsAPI, job_id: int) -> list[JobAccessControlRequest]:
    """The job's own access list, as the API takes it."""
    return [
        JobAccessControlRequest(
            user_name=entry.user_name,
            group_name=entry.group_name,
            service_principal_name=entry.service_principal_name,
            permission_level=permission.permission_level,
        )
        for entry in jobs.get_permissions(str(job_id)).access_control_list or []
        for permission in entry.all_permissions or []
        if not permission.inherited
    ]
