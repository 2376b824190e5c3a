"""The Jobs API, versions 2.1 and 2.2: ``/api/2.2/jobs/...``."""

from collections.abc import Sequence
from typing import Any

from local_stack.workspace.endpoints.calls import Answer, Call, Endpoints, with_workspace_access
from local_stack.workspace.errors import invalid
from local_stack.workspace.identities.permissions import Permissions
from local_stack.workspace.jobs.jobs import Job, Jobs
from local_stack.workspace.jobs.runs import JobRun, TaskRun
from local_stack.workspace.jobs.views import RunViews

VERSIONS = ("2.1", "2.2")
MAXIMUM_JOBS = 100
MAXIMUM_RUNS = 25
DEFAULT_PAGE = 20


class JobEndpoints:
    """From HTTP to jobs, with the permissions that each call needs."""

    def __init__(self, jobs: Jobs, permissions: Permissions, views: RunViews) -> None:
        self._jobs = jobs
        self._permissions = permissions
        self._views = views

    def endpoints(self) -> Endpoints:
        """Method and path to the endpoint, for both versions."""
        table = {
            ("POST", "reset"): self.reset,
            ("POST", "update"): self.update,
            ("GET", "get"): self.get,
            ("GET", "list"): self.list,
            ("POST", "delete"): self.delete,
            ("POST", "run-now"): self.run_now,
            ("GET", "runs/get"): self.get_run,
            ("GET", "runs/get-output"): self.get_output,
            ("GET", "runs/list"): self.list_runs,
            ("POST", "runs/cancel"): self.cancel,
            ("POST", "runs/cancel-all"): self.cancel_all,
            ("POST", "runs/delete"): self.delete_run,
            ("POST", "runs/repair"): self.repair,
        }
        return {
            (method, f"/api/{version}/jobs/{name}"): endpoint
            for version in VERSIONS
            for (method, name), endpoint in {
                **table,
                **with_workspace_access({("POST", "create"): self.create}),
            }.items()
        }

    def create(self, call: Call) -> Answer:
        """A new job that belongs to its creator."""
        self._check_run_as(call, call.body)
        job = self._jobs.create(call.body, call.principal.name)
        self._permissions.set_owner(job.id, call.principal)
        if call.body.get("access_control_list"):
            self._permissions.update("jobs", str(job.id), call.items("access_control_list"))
        return {"job_id": job.id}

    def reset(self, call: Call) -> Answer:
        """Replace the settings."""
        call.accept("job_id", "new_settings")
        job_id = self._job(call, "IS_OWNER").id
        self._check_run_as(call, call.mapping("new_settings"))
        self._jobs.reset(job_id, call.mapping("new_settings"))
        return {}

    def update(self, call: Call) -> Answer:
        """Change some settings."""
        call.accept("job_id", "new_settings", "fields_to_remove")
        job_id = self._job(call, "IS_OWNER").id
        self._check_run_as(call, call.mapping("new_settings"))
        self._jobs.update(job_id, call.mapping("new_settings"), call.items("fields_to_remove"))
        return {}

    def get(self, call: Call) -> Answer:
        """A job with its settings."""
        call.accept("job_id", "include_trigger_state")
        return _job_body(self._job(call, "CAN_VIEW"))

    def list(self, call: Call) -> Answer:
        """The jobs that the caller may view."""
        call.accept("limit", "offset", "name", "expand_tasks", "page_token")
        name = call.text("name", "").lower()
        jobs = [
            job
            for job in self._jobs.all()
            if self._permissions.may_view_job(call.principal, job.id)
            and (not name or job.settings["name"].lower() == name)
        ]
        page, answer = _page(call, jobs, MAXIMUM_JOBS)
        expanded = call.flag("expand_tasks")
        return {"jobs": [_job_body(job, expanded=expanded) for job in page], **answer}

    def delete(self, call: Call) -> Answer:
        """Delete a job."""
        call.accept("job_id")
        job_id = self._job(call, "IS_OWNER").id
        self._jobs.delete(job_id)
        self._permissions.forget("jobs", str(job_id))
        return {}

    def run_now(self, call: Call) -> Answer:
        """Start a run."""
        call.accept("job_id", "job_parameters", "idempotency_token", "queue")
        job = self._job(call, "CAN_MANAGE_RUN")
        queue = call.mapping("queue").get("enabled")
        run = self._jobs.run_now(
            job.id,
            call.principal.name,
            call.mapping("job_parameters"),
            token=call.text("idempotency_token", ""),
            queue=queue,
        )
        return {"run_id": run.run_id, "number_in_job": run.run_id}

    def get_run(self, call: Call) -> Answer:
        """A job run, or the run of a task or of an iteration."""
        call.accept("run_id", "include_history", "include_resolved_values", "page_token")
        run, task_run = self._run(call, "CAN_VIEW")
        offset, values = call.integer("page_token", 0), call.flag("include_resolved_values")
        with self._jobs.runs.changed:
            if task_run is not None:
                return self._views.task_run(run, task_run, offset=offset, values=values)
            return self._views.job_run(run, offset=offset, history=call.flag("include_history"), values=values)

    def get_output(self, call: Call) -> Answer:
        """The output of a task's run."""
        call.accept("run_id")
        run, task_run = self._run(call, "CAN_VIEW")
        if task_run is None:
            raise invalid(
                "Retrieving the output of runs with multiple tasks is not supported. "
                "Please retrieve the output of each individual task run instead."
            )
        with self._jobs.runs.changed:
            return self._views.output(run, task_run)

    def list_runs(self, call: Call) -> Answer:
        """Runs, the latest first."""
        call.accept(
            *("job_id", "active_only", "completed_only", "offset", "limit", "run_type", "expand_tasks"),
            *("start_time_from", "start_time_to", "page_token"),
        )
        runs = [run for run in self._jobs.runs.all() if self._is_listed(call, run)]
        page, answer = _page(call, runs, MAXIMUM_RUNS)
        with self._jobs.runs.changed:
            shown = self._views.job_run if call.flag("expand_tasks") else self._views.job_run_base
            return {"runs": [shown(run) for run in page], **answer}

    def cancel(self, call: Call) -> Answer:
        """Cancel a job run."""
        call.accept("run_id")
        run, _task = self._run(call, "CAN_MANAGE_RUN")
        self._jobs.cancel(run.run_id)
        return {}

    def cancel_all(self, call: Call) -> Answer:
        """Cancel every active run of a job."""
        call.accept("job_id", "all_queued_runs")
        for run in self._jobs.runs_of(self._job(call, "CAN_MANAGE_RUN").id):
            if run.is_active:
                self._jobs.cancel(run.run_id)
        return {}

    def delete_run(self, call: Call) -> Answer:
        """Forget a run that has ended."""
        call.accept("run_id")
        run, _task = self._run(call, "IS_OWNER")
        self._jobs.delete_run(run.run_id)
        return {}

    def repair(self, call: Call) -> Answer:
        """Run tasks of a run again."""
        call.accept(
            *("run_id", "latest_repair_id", "rerun_tasks", "job_parameters"),
            *("rerun_all_failed_tasks", "rerun_dependent_tasks"),
        )
        run, _task = self._run(call, "CAN_MANAGE_RUN")
        repair_id = self._jobs.repair(
            run.run_id,
            rerun_tasks=call.items("rerun_tasks"),
            rerun_all_failed_tasks=call.flag("rerun_all_failed_tasks"),
            rerun_dependent_tasks=call.flag("rerun_dependent_tasks"),
            latest_repair_id=call.integer("latest_repair_id", 0) or None,
            overrides=call.mapping("job_parameters"),
        )
        return {"repair_id": repair_id}

    def _job(self, call: Call, needed: str) -> Job:
        job = self._jobs.get(call.integer("job_id"))
        self._permissions.require_job(call.principal, job.id, needed)
        return job

    def _run(self, call: Call, needed: str) -> tuple[JobRun, TaskRun | None]:
        run, task_run = self._jobs.runs.find(call.integer("run_id"))
        self._permissions.require_job(call.principal, run.job_id, needed)
        return run, task_run

    def _check_run_as(self, call: Call, settings: dict[str, Any]) -> None:
        run_as = settings.get("run_as") or {}
        name = run_as.get("user_name") or run_as.get("service_principal_name")
        if name and name != call.principal.name:
            self._permissions.require_principal(name)

    def _is_listed(self, call: Call, run: JobRun) -> bool:
        job_id = call.integer("job_id", 0)
        wanted = [
            not job_id or run.job_id == job_id,
            not call.flag("active_only") or run.is_active,
            not call.flag("completed_only") or not run.is_active,
            call.text("run_type", "JOB_RUN") == "JOB_RUN",
            run.created >= call.integer("start_time_from", 0),
            run.created <= call.integer("start_time_to", 2**62),
        ]
        return all(wanted) and self._permissions.may_view_job(call.principal, run.job_id)


def _job_body(job: Job, *, expanded: bool = True) -> dict[str, Any]:
    settings = job.settings
    if not expanded:
        settings = {name: value for name, value in settings.items() if name not in ("tasks", "job_clusters")}
    return {
        "job_id": job.id,
        "creator_user_name": job.creator,
        "run_as_user_name": job.run_as,
        "created_time": job.created,
        "settings": settings,
    }


def _page(call: Call, everything: Sequence[Any], maximum: int) -> tuple[Sequence[Any], dict[str, Any]]:
    limit = call.integer("limit", DEFAULT_PAGE) or maximum
    if not 0 < limit <= maximum:
        raise invalid(f"limit must be from 1 to {maximum}, not {limit}.")
    offset = call.integer("page_token", 0) or call.integer("offset", 0)
    page = everything[offset : offset + limit]
    if offset + limit >= len(everything):
        return page, {"has_more": False}
    return page, {"has_more": True, "next_page_token": str(offset + limit)}
