"""What a running task knows of itself: the workspace, its token, its run.

A wheel task finds it in the file that the environment variable names; a notebook's driver sets it for the thread
that runs the notebook.
"""

import json
import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

CONTEXT_VARIABLE = "LOCAL_STACK_TASK_CONTEXT"


@dataclass(frozen=True)
class TaskContext:
    """`host` and `token` of the workspace, the task's run and its widgets."""

    host: str
    token: str = field(repr=False)
    task_run_id: int
    parameters: dict[str, str] = field(default_factory=dict)


_CURRENT: ContextVar[TaskContext | None] = ContextVar("task_context", default=None)


def set_context(context: TaskContext | None) -> None:
    """Make this the context of the current thread's task."""
    _CURRENT.set(context)


def current_context() -> TaskContext:
    """The context of the task that runs. Raises RuntimeError outside one."""
    context = _CURRENT.get()
    if context is not None:
        return context
    file = os.environ.get(CONTEXT_VARIABLE)
    if not file:
        raise RuntimeError("This code does not run as a task of the local workspace.")
    return TaskContext(**json.loads(Path(file).read_text()))
