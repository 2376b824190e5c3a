"""REST routes of the runs of hooks."""

from typing import Any

from starlette.responses import Response

from local_stack.lakefs.standin.errors import RequestError, bad_request
from local_stack.lakefs.standin.hooks.payloads import NO_DATE, iso_time
from local_stack.lakefs.standin.hooks.runs import ActionRun, HookRun, HookRunner
from local_stack.lakefs.standin.rest.call import ApiCall, Endpoint, answer, page
from local_stack.lakefs.standin.rest.versions import REPOSITORY

RUNS = f"{REPOSITORY}/actions/runs"


def action_endpoints(runner: HookRunner) -> dict[tuple[str, str], Endpoint]:
    """The endpoints that show what the runner has run."""
    requests = _Requests(runner)
    return {
        ("GET", RUNS): requests.list_runs,
        ("GET", f"{RUNS}/{{run}}"): requests.get_run,
        ("GET", f"{RUNS}/{{run}}/hooks"): requests.list_hooks,
        ("GET", f"{RUNS}/{{run}}/hooks/{{hook_run}}/output"): requests.get_output,
    }


class _Requests:
    def __init__(self, runner: HookRunner) -> None:
        self._runner = runner

    def list_runs(self, call: ApiCall) -> Response:
        """Newest first, of one branch or one commit where asked for."""
        branch, commit, after = call.query("branch"), call.query("commit"), call.query("after")
        if branch and commit:
            raise bad_request("can't use both branchID and MergedCommitID: parameters conflict")
        runs = [
            run
            for run in self._runner.runs(call.repository)
            if (not branch or run.branch == branch) and (not commit or run.commit_id == commit) and run.id > after
        ]
        shown = runs[: call.amount()]
        offset = shown[-1].id if shown else ""
        return page([_describe(run) for run in shown], has_more=len(runs) > len(shown), next_offset=offset)

    def get_run(self, call: ApiCall) -> Response:
        return answer(_describe(self._run(call)))

    def list_hooks(self, call: ApiCall) -> Response:
        """Those of a run; none of a run that is not there."""
        hooks = self._hooks(call)
        return page([_describe_hook(hook) for hook in hooks], has_more=False, next_offset="")

    def get_output(self, call: ApiCall) -> Response:
        """What a hook wrote; nothing of one that was passed over."""
        for hook in self._hooks(call):
            if hook.id != call.path("hook_run"):
                continue
            if hook.status == "skipped":
                return Response()
            name = {"Content-Disposition": f"attachment; filename={hook.id}.log"}
            output = hook.output.encode("utf-8", "surrogateescape")
            return Response(output, media_type="application/octet-stream", headers=name)
        raise RequestError(404, "not found")

    def _run(self, call: ApiCall) -> ActionRun:
        return self._runner.run(call.repository, call.path("run"))

    def _hooks(self, call: ApiCall) -> tuple[HookRun, ...]:
        run_id = call.path("run")
        return next((run.hooks for run in self._runner.runs(call.repository) if run.id == run_id), ())


def _describe(run: ActionRun) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "branch": run.branch,
        "commit_id": run.commit_id,
        "event_type": run.event_type,
        "start_time": iso_time(run.started),
        "end_time": iso_time(run.ended),
        "status": run.status,
    }


def _describe_hook(hook: HookRun) -> dict[str, Any]:
    return {
        "hook_run_id": hook.id,
        "action": hook.action,
        "hook_id": hook.hook_id,
        "start_time": NO_DATE if hook.started is None else iso_time(hook.started),
        **({} if hook.ended is None else {"end_time": iso_time(hook.ended)}),
        "status": hook.status,
    }
