"""Which tasks a repair runs again. Pure.

From the Databricks documentation, jobs/repair-job-failures and the API's ``runs/repair``: either the tasks named or
all unsuccessful ones, on request with everything that depends on them. Tasks skipped because of an upstream failure
count as unsuccessful; excluded tasks below a repaired one are judged anew.
"""

from collections.abc import Iterable, Mapping, Sequence

from local_stack.workspace.jobs.task_graph import FAILED_RESULTS, Ended, Result, Task, downstream_of


class RepairError(ValueError):
    """The repair asks for something that cannot be repaired."""


def tasks_to_rerun(
    tasks: Iterable[Task],
    ended: Mapping[str, Ended],
    *,
    rerun_tasks: Sequence[str],
    rerun_all_failed_tasks: bool,
    rerun_dependent_tasks: bool,
) -> set[str]:
    """The keys of the tasks that the repair runs again. Raises RepairError."""
    tasks = list(tasks)
    if rerun_all_failed_tasks and rerun_tasks:
        raise RepairError("Only one of rerun_tasks and rerun_all_failed_tasks can be used.")
    unknown = sorted(set(rerun_tasks) - {task.key for task in tasks})
    if unknown:
        raise RepairError(f"The run has no task {', '.join(map(repr, unknown))}.")
    chosen = set(rerun_tasks)
    if rerun_all_failed_tasks:
        chosen = {key for key, end in ended.items() if end.result in FAILED_RESULTS}
    if not chosen:
        raise RepairError("There is nothing to repair: no task is named and none failed.")
    below = downstream_of(tasks, chosen)
    if not rerun_dependent_tasks:
        below = {key for key in below if rerun_all_failed_tasks and ended[key].result == Result.EXCLUDED}
    return chosen | below
