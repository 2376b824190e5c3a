"""`dbutils` for tasks of the local workspace: widgets, notebook.exit, jobs.taskValues and secrets.

A notebook has `fs` too (see `file_system`). Names and behaviour follow the Databricks Utilities reference; what is not
here raises an error that says so.
"""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from dbruntime.task_context import TaskContext, current_context, set_context

TIMEOUT_SECONDS = 30
MAXIMUM_VALUE_BYTES = 48 * 1024  # Databricks documentation, jobs/task-values
_MISSING = object()


class NotebookExit(BaseException):
    """Raised by ``dbutils.notebook.exit``; the notebook ends successfully with `value`."""

    def __init__(self, value: str) -> None:
        super().__init__(value)
        self.value = value


class _Utility:
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"dbutils.{self._name()}.{name} is not supported in the local workspace")

    def _name(self) -> str:
        return type(self).__name__.strip("_").lower()


class _Widgets(_Utility):
    def __init__(self, parameters: dict[str, str]) -> None:
        self._parameters = dict(parameters)
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str = "", label: str | None = None) -> None:  # noqa: N803, ARG002
        """Declare a text widget."""
        self._defaults[name] = defaultValue

    def dropdown(self, name: str, defaultValue: str, choices: Any = None, label: str | None = None) -> None:  # noqa: N803, ARG002
        """Declare a widget with choices."""
        self._defaults[name] = defaultValue

    def get(self, name: str) -> str:
        """The value of the parameter, or the widget's default. Raises ValueError where there is neither."""
        for values in (self._parameters, self._defaults):
            if name in values:
                return values[name]
        raise ValueError(f"InputWidgetNotDefined: no input widget named '{name}' is defined, and no such parameter")

    def getAll(self) -> dict[str, str]:  # noqa: N802
        """All values by name."""
        return {**self._defaults, **self._parameters}

    def remove(self, name: str) -> None:
        """Remove a widget."""
        self._defaults.pop(name, None)

    def removeAll(self) -> None:  # noqa: N802
        """Remove all widgets."""
        self._defaults.clear()


class _Notebook(_Utility):
    def exit(self, value: Any) -> None:
        """End the notebook with a value."""
        raise NotebookExit(str(value))


class _TaskValues(_Utility):
    def __init__(self, workspace: "WorkspaceCalls") -> None:
        self._workspace = workspace

    def set(self, key: str, value: Any) -> None:
        """Leave a value for tasks downstream: JSON of at most 48 KiB. Raises ValueError for any other."""
        if not isinstance(key, str) or not key:
            raise ValueError("A task value's key must be a string that is not empty")
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The task value '{key}' cannot be written as JSON: {error}") from error
        if len(text.encode()) > MAXIMUM_VALUE_BYTES:
            raise ValueError(
                f"The task value '{key}' has {len(text.encode())} bytes as JSON; at most {MAXIMUM_VALUE_BYTES} "
                "(48 KiB) are allowed"
            )
        self._workspace.call("POST", "/local-stack/task-values", {"key": key, "value": value})

    def get(self, taskKey: str, key: str, default: Any = _MISSING, debugValue: Any = None) -> Any:  # noqa: N803, ARG002
        """A value that a task before this one left, else the default. `debugValue` is for outside a job.

        Raises ValueError for a task that is none of those before, whatever the default, and where there is neither
        value nor default.
        """
        query = urllib.parse.urlencode({"task_key": taskKey, "key": key})
        answer = self._workspace.call("GET", f"/local-stack/task-values?{query}")
        if not answer["is_upstream"]:
            raise ValueError(f"Task key does not exist in run: {taskKey}")
        if answer["found"]:
            return answer["value"]
        if default is _MISSING or default is None:
            raise ValueError(f"The task '{taskKey}' left no task value '{key}', and no default was given")
        return default


class _Jobs(_Utility):
    def __init__(self, workspace: "WorkspaceCalls") -> None:
        self.taskValues = _TaskValues(workspace)


class _Secrets(_Utility):
    def __init__(self, workspace: "WorkspaceCalls") -> None:
        self._workspace = workspace

    def get(self, scope: str, key: str) -> str:
        """A secret as text."""
        return self.getBytes(scope, key).decode()

    def getBytes(self, scope: str, key: str) -> bytes:  # noqa: N802
        """A secret as bytes."""
        query = urllib.parse.urlencode({"scope": scope, "key": key})
        return base64.b64decode(self._workspace.call("GET", f"/api/2.0/secrets/get?{query}")["value"])


class DBUtils(_Utility):
    """`dbutils` of one task.

    Parameters: `host` and `token` of the workspace, the id of the task's run, and its parameters as widgets.
    The thread that makes it belongs to the task from then on: ``WorkspaceClient()`` in it acts as the task.
    """

    def __init__(self, host: str, token: str, task_run_id: int, parameters: dict[str, str]) -> None:
        set_context(TaskContext(host=host, token=token, task_run_id=task_run_id, parameters=dict(parameters)))
        workspace = WorkspaceCalls(host, token)
        self.task_run_id = task_run_id
        self.widgets = _Widgets(parameters)
        self.notebook = _Notebook()
        self.jobs = _Jobs(workspace)
        self.secrets = _Secrets(workspace)


class CurrentDBUtils:
    """`dbutils` of whatever task runs in the current thread."""

    def __init__(self) -> None:
        self._of_runs: dict[int, DBUtils] = {}

    def __getattr__(self, name: str) -> Any:
        context = current_context()
        if context.task_run_id not in self._of_runs:
            fresh = DBUtils(context.host, context.token, context.task_run_id, context.parameters)
            self._of_runs[context.task_run_id] = fresh
        return getattr(self._of_runs[context.task_run_id], name)


class WorkspaceCalls:
    """Calls of the workspace's API with the standard library only, so that tasks need no packages for it."""

    def __init__(self, host: str, token: str) -> None:
        self._host = host.rstrip("/")
        self._token = token

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call; the answer's JSON. Raises RuntimeError with the workspace's message."""
        request = urllib.request.Request(  # noqa: S310
            self._host + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        # The workspace is on this machine: a proxy of the environment is not for it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise RuntimeError(_message(error)) from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read())
        return f"{body['error_code']}: {body['message']}"
    except (ValueError, KeyError):
        return f"The workspace answered {error.code}."
