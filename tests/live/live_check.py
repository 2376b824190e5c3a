"""What the job `check_setup` says of the workspace before the story, and the clone method that follows from it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from live_bundle import LiveBundle
from live_repository import LiveRepository
from live_runs import ended_run
from live_settings import Readers

from lakefs_unity_export.checks.report import JSON_MARK
from lakefs_unity_export.clones.methods import CloneMethod
from local_stack.demo.runs import failures

JOB = "check_setup"
# A check whose id has a method's name says something of that method alone; and this one of `storage`.
OF_STORAGE = "cluster_lakefs_api"


@dataclass(frozen=True, kw_only=True)
class SetupReport:
    """A run of the job after its end.

    place: where a person finds the run. found: the report for programs, empty where the output has none. shown: the
    report for people, or what the run's tasks say where there is none.
    """

    has_succeeded: bool
    place: str
    found: Mapping[str, Any] = field(default_factory=dict)
    shown: str = ""

    @classmethod
    def of_run(cls, *, has_succeeded: bool, place: str, output: str, errors: str) -> "SetupReport":
        """From what the task `check_report` printed. errors: what the tasks say that failed."""
        shown, mark, rest = output.partition(f"\n{JSON_MARK}")
        try:
            found = json.loads(rest.partition("\n")[0]) if mark else {}
        except ValueError:  # the API gives the end of a long output alone, and perhaps not all of that
            found = {}
        if not found:
            shown = f"the output of check_report, as the API gives it, has no report to read: see {place}\n{errors}"
        return cls(has_succeeded=has_succeeded, place=place, found=found, shown=shown.strip())

    @property
    def verdict(self) -> str:
        """One sentence: whether exports would work."""
        without = "the run succeeded" if self.has_succeeded else "the run failed"
        return str(self.found.get("verdict") or without)

    def recommended(self, readers: Readers) -> CloneMethod | None:
        """The clone method for these readers; None where the report recommends none."""
        methods = self.found.get("recommended_clone_method") or {}
        name = methods.get(readers.value, "")
        return CloneMethod(name) if name in set(CloneMethod) else None

    @property
    def fails_for_its_method_alone(self) -> bool:
        """Whether nothing stands in the way of exports by another clone method."""
        failed = [line["id"] for line in self.found.get("checks", ()) if line["status"] == "fail"]
        return bool(failed) and all(id_ == OF_STORAGE or set(CloneMethod) & set(id_.split("_")) for id_ in failed)

    def __str__(self) -> str:
        return f"{JOB}: {self.place}\n{self.shown}"


@dataclass(frozen=True, kw_only=True)
class CheckedSetup:
    """The last report, and the clone method that the bundle is deployed with. why: how it was chosen."""

    report: SetupReport
    method: CloneMethod
    why: str

    @property
    def is_read_by_everybody(self) -> bool:
        """Whether SQL warehouses are to read the rows of what the method exports."""
        return self.method in (CloneMethod.DEEP, self.report.recommended(Readers.EVERYBODY))

    def __str__(self) -> str:
        if not self.report.has_succeeded:
            return f"{self.report}\nthe story is not told: {self.report.verdict}"
        return f"{self.report}\nthe story is told with clone_method {self.method}, {self.why}"


def checked_setup(
    check: Callable[[], SetupReport],
    deploy: Callable[[CloneMethod], object],
    *,
    deployed: CloneMethod,
    readers: Readers,
) -> CheckedSetup:
    """Runs the job, and deploys with the clone method that it recommends where another one is deployed.

    A report that fails for the deployed method alone says nothing of the recommended one, so the job runs once more.
    """
    report = check()
    method = report.recommended(readers)
    if method is None:
        why = f"the bundle's own: nothing is recommended for {readers}"
        return CheckedSetup(report=report, method=deployed, why=why)
    if method is not deployed and (report.has_succeeded or report.fails_for_its_method_alone):
        deploy(method)
        deployed = method
        if not report.has_succeeded:
            report = check()
    return CheckedSetup(report=report, method=deployed, why=f"recommended for {readers}")


class LiveCheck:
    """The deployed job, for the story's branch."""

    def __init__(self, client: WorkspaceClient, bundle: LiveBundle, repository: LiveRepository) -> None:
        self._jobs = client.jobs
        self._job_id = bundle.job_id(JOB)
        self._repository = repository

    @property
    def clone_method(self) -> CloneMethod:
        """The clone method that the bundle is deployed with."""
        settings = self._jobs.get(self._job_id).settings
        tasks = {task.task_key: task for task in (settings and settings.tasks) or []}
        wheel_task = tasks["check_lakefs_and_catalog"].python_wheel_task
        parameters = (wheel_task and wheel_task.named_parameters) or {}
        return CloneMethod(parameters["clone_method"])

    def run(self) -> SetupReport:
        """Run it to its end."""
        parameters = {"repository": self._repository.name, "branch": self._repository.branch}
        run_id = int(self._jobs.run_now(self._job_id, job_parameters=parameters).run_id)
        ended = ended_run(self._jobs, run_id)
        return SetupReport.of_run(
            has_succeeded=ended.has_succeeded,
            place=self._jobs.get_run(run_id).run_page_url or f"run {run_id}",
            output=self._printed(ended.task("check_report").run_id),
            errors="" if ended.has_succeeded else failures(self._jobs, ended),
        )

    def _printed(self, task_run_id: int) -> str:
        """What the task printed, as far as the API has it."""
        try:
            return self._jobs.get_run_output(task_run_id).logs or ""
        except DatabricksError:  # such as of a task that never started; `failures` tells of it
            return ""
