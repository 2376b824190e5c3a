"""The deployed job `check_setup`, and what it reports."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from databricks.sdk import WorkspaceClient
from table_repository import TableRepository

from lakefs_unity_export.checks.redaction import PART_LENGTH
from lakefs_unity_export.checks.report import JSON_MARK
from local_stack.demo.runs import follow_run


@dataclass(frozen=True, kw_only=True)
class EndedCheck:
    """A run after its end: its report, and everything that its tasks printed or said."""

    state: str
    report: Mapping[str, Any]
    text: str

    def line(self, check_id: str) -> dict[str, str]:
        """The line of a check."""
        found: dict[str, str] = next(line for line in self.report["checks"] if line["id"] == check_id)
        return found

    def unwell(self, *statuses: str) -> set[str]:
        """The checks whose line has one of these statuses."""
        return {line["id"] for line in self.report["checks"] if line["status"] in statuses}

    def statuses(self, *ids: str) -> dict[str, str]:
        """The statuses of these checks' lines, by id."""
        return {id_: self.line(id_)["status"] for id_ in ids}

    def remedy(self, check_id: str) -> str:
        """What the line of a check says to do."""
        return self.line(check_id)["remedy"]

    def shows(self, secret: str) -> bool:
        """Whether a part of the secret stands in anything that the run printed or said."""
        parts = (secret[start : start + PART_LENGTH] for start in range(len(secret) - PART_LENGTH + 1))
        return any(part in self.text for part in parts)

    @property
    def unforeseen(self) -> list[dict[str, str]]:
        """Lines whose finding is a fault of the check, or a trace of Python or Java, where it should be words."""
        marks = ("Traceback (most recent", "\n\tat ", ".java:")
        return [
            line
            for line in self.report["checks"]
            if line["finding"].startswith("unexpected ") or any(mark in line["finding"] for mark in marks)
        ]


class SetupChecks:
    """Runs the job."""

    def __init__(self, client: WorkspaceClient, job_id: int = 0) -> None:
        self._client = client
        self._job_id = job_id or next(job.job_id or 0 for job in client.jobs.list(name="check_setup"))

    def variant(
        self,
        *,
        run_as: str = "",
        spark_conf: Mapping[str, str] | None = None,
        whole_spark_conf: Mapping[str, str] | None = None,
        **settings: str,
    ) -> "SetupChecks":
        """The same job with other settings, as other bundle variables deploy it, of which several runs go on at a time.

        run_as: a service principal. spark_conf: settings of its cluster beside the deployed ones; whole_spark_conf: in
        their place.
        """
        deployed = self._client.jobs.get(self._job_id).settings
        assert deployed is not None
        body = {**deployed.as_dict(), "name": "a variant of check_setup", "max_concurrent_runs": 10}
        body |= {"run_as": {"service_principal_name": run_as}} if run_as else {}
        for cluster in body["job_clusters"]:
            before = cluster["new_cluster"]["spark_conf"] if whole_spark_conf is None else whole_spark_conf
            cluster["new_cluster"]["spark_conf"] = {**before, **(spark_conf or {})}
        for name, value in settings.items():
            given = [_parameters(task) for task in body["tasks"]]
            changed = [parameters for parameters in given if name in parameters]
            assert changed, name
            for parameters in changed:
                parameters[name] = value
        made = self._client.api_client.do("POST", "/api/2.2/jobs/create", body=body)
        assert isinstance(made, dict)
        return SetupChecks(self._client, int(made["job_id"]))

    def with_reconcile_in_force(self, name: str) -> "SetupChecks":
        """The same job beside another job `reconcile` of this name, as with its schedule in force."""
        deployed = self._client.jobs.get(next(job.job_id or 0 for job in self._client.jobs.list(name="reconcile")))
        assert deployed.settings is not None
        body = {**deployed.settings.as_dict(), "name": name}
        body["schedule"]["pause_status"] = "UNPAUSED"
        made = self._client.api_client.do("POST", "/api/2.2/jobs/create", body=body)
        assert isinstance(made, dict)
        return self.variant(reconcile_job_id=str(made["job_id"]))

    def run(self, repository: TableRepository) -> EndedCheck:
        """Run it for the repository's branch, to its end."""
        return self.ended(self.start(repository))

    def start(self, of: TableRepository, **others: str) -> int:
        """Start it for the repository's branch, or with other job parameters; the run's id."""
        parameters = {"repository": of.name, "branch": of.branch, **others}
        return int(self._client.jobs.run_now(self._job_id, job_parameters=parameters).run_id)

    def last(self) -> EndedCheck:
        """The run that something else started last."""
        return self.ended(next(run.run_id or 0 for run in self._client.jobs.list_runs(job_id=self._job_id)))

    def run_ids(self) -> list[int]:
        """Every run of the job."""
        return [run.run_id or 0 for run in self._client.jobs.list_runs(job_id=self._job_id)]

    def ended(self, run_id: int) -> EndedCheck:
        """The run after its end."""
        ended = follow_run(self._client.jobs, run_id, lambda _: None)
        outputs = {task.title: self._client.jobs.get_run_output(task.run_id) for task in ended.tasks}
        report = outputs["check_report"].logs or ""
        (as_json,) = [line.removeprefix(JSON_MARK) for line in report.splitlines() if line.startswith(JSON_MARK)]
        return EndedCheck(state=ended.state, report=json.loads(as_json), text=str(outputs))


def _parameters(task: Mapping[str, Any]) -> dict[str, str]:
    """What a task is given, of a wheel's or a notebook's kind."""
    of_notebook = task.get("notebook_task", {}).get("base_parameters", {})
    found: dict[str, str] = task.get("python_wheel_task", {}).get("named_parameters", of_notebook)
    return found
