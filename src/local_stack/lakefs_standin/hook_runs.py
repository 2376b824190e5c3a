"""Running the hooks of an event, and what is remembered of each run."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

from local_stack.lakefs_standin.action_file import FOLDER, Action, ActionFileError, HookDefinition, parse_action
from local_stack.lakefs_standin.blobs import BlobStore
from local_stack.lakefs_standin.errors import RequestError, not_found, precondition_failed
from local_stack.lakefs_standin.events import Event
from local_stack.lakefs_standin.hook_environment import MissingVariableError
from local_stack.lakefs_standin.hooks import Hook, HookError, HookSettings, build_hook
from local_stack.lakefs_standin.repository import Repository

LOG = logging.getLogger(__name__)
Status = Literal["completed", "failed"]


@dataclass(frozen=True, kw_only=True)
class HookRun:
    """How one hook of a run went. Times are seconds since the epoch; `error` is empty where it succeeded."""

    id: str
    action: str
    hook_id: str
    started: float
    ended: float
    status: Status
    output: str
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ActionRun:
    """How all hooks of one event went."""

    id: str
    event_type: str
    branch: str
    commit_id: str
    started: float
    ended: float
    hooks: tuple[HookRun, ...]

    @property
    def status(self) -> Status:
        """Failed where any hook failed."""
        return "failed" if any(hook.status == "failed" for hook in self.hooks) else "completed"


class HookRunner:
    """Runs hooks: those before an operation to their end, those after it in the background, at most once.

    Parameters: where action files and scripts are read, the environment that hooks may refer to, and the seconds
    that a Lua script waits for an answer over HTTP.
    """

    def __init__(self, blobs: BlobStore, environment: Mapping[str, str], lua_http_timeout_seconds: float) -> None:
        self._settings = HookSettings(
            environment=environment, blobs=blobs, lua_http_timeout_seconds=lua_http_timeout_seconds
        )
        self._runs: WeakKeyDictionary[Repository, list[ActionRun]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def runs(self, repository: Repository) -> list[ActionRun]:
        """The runs of a repository that have ended, newest first."""
        with self._lock:
            return sorted(self._runs.get(repository, []), key=lambda run: run.id)

    def run(self, repository: Repository, run_id: str) -> ActionRun:
        """One run. Raises RequestError 404, also while it is under way."""
        for run in self.runs(repository):
            if run.id == run_id:
                return run
        raise not_found(f"run {run_id}")

    def run_before(self, event: Event) -> None:
        """Run the hooks of a pre event. Raises RequestError: 500 on a bad action file, 412 where a hook fails."""
        try:
            actions = self._actions(event)
        except (ActionFileError, MissingVariableError) as error:
            raise RequestError(500, f"{event.type}: {error}") from error
        failed = [hook for hook in self._run_all(event, actions) if hook.status == "failed"]
        if failed:
            hook = failed[0]
            raise precondition_failed(
                f"{event.type} hook aborted, run id '{event.run_id}': "
                f"hook run id '{hook.id}' failed on action '{hook.action}' hook '{hook.hook_id}': {hook.error}"
            )

    def run_after(self, event: Event) -> None:
        """Start the hooks of a post event. A hook that cannot be built leaves no run behind, as on lakeFS."""
        name = f"{event.type} {event.run_id}"
        threading.Thread(target=self._run_in_background, args=(event,), name=name, daemon=True).start()

    def _run_in_background(self, event: Event) -> None:
        try:
            self._run_all(event, self._actions(event))
        except (ActionFileError, MissingVariableError) as error:
            LOG.warning("%s on %s: %s", event.type, event.repository.name, error)

    def _actions(self, event: Event) -> list[tuple[Action, list[tuple[HookDefinition, Hook]]]]:
        """The actions that listen to the event, with their hooks. All action files are read, whatever the event."""
        tree = event.tree
        paths = [path for path in tree.paths(FOLDER) if "/" not in path.removeprefix(FOLDER)]
        entries = ((path, tree.get(path)) for path in paths)
        actions = [
            parse_action(path, self._settings.blobs.read(entry.address)) for path, entry in entries if entry is not None
        ]
        return [
            (action, [(hook, build_hook(hook, action.name, self._settings)) for hook in action.hooks])
            for action in actions
            if action.listens_to(event.type, event.branch_id)
        ]

    def _run_all(
        self, event: Event, actions: list[tuple[Action, list[tuple[HookDefinition, Hook]]]]
    ) -> tuple[HookRun, ...]:
        if not actions:
            return ()
        started = time.time()
        done: list[HookRun] = []
        for position, (action, hooks) in enumerate(actions):
            failed = False
            for number, (definition, hook) in enumerate(hooks):
                run_id = f"{position:04d}_{number:04d}"
                if _may_run(definition, failed=failed):  # one that does not run leaves no trace
                    done.append(_run_hook(hook, event, run_id=run_id, action=action.name, hook_id=definition.id))
                    failed = failed or done[-1].status == "failed"
        run = ActionRun(
            id=event.run_id,
            event_type=event.type,
            branch=event.branch_id,
            commit_id=event.commit_id,
            started=started,
            ended=time.time(),
            hooks=tuple(done),
        )
        with self._lock:
            self._runs.setdefault(event.repository, []).append(run)
        return run.hooks


def _may_run(definition: HookDefinition, *, failed: bool) -> bool:
    return {"success()": not failed, "failure()": failed, "always()": True}[definition.condition]


def _run_hook(hook: Hook, event: Event, *, run_id: str, action: str, hook_id: str) -> HookRun:
    started = time.time()
    lines: list[str] = []
    error = ""
    try:
        hook.run(event, lines.append)
    except HookError as failure:
        error = str(failure)
    except Exception as failure:
        LOG.exception("hook %s of %s failed", hook_id, action)
        error = f"internal error: {failure}"
    return HookRun(
        id=run_id,
        action=action,
        hook_id=hook_id,
        started=started,
        ended=time.time(),
        status="failed" if error else "completed",
        output="\n".join([*lines, *([f"Error: {error}"] if error else [])]) + "\n",
        error=error,
    )
