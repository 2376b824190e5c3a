"""Running the hooks of an event, and what is remembered of each run."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

from local_stack.lakefs.standin.errors import RequestError, not_found
from local_stack.lakefs.standin.hooks.action_cache import SECONDS_KEPT, ActionCache, ActionFilesError, listed
from local_stack.lakefs.standin.hooks.action_file import Action, HookDefinition
from local_stack.lakefs.standin.hooks.arguments import HookArgumentsError, ServerEnd
from local_stack.lakefs.standin.hooks.branch_patterns import PatternError
from local_stack.lakefs.standin.hooks.environment import MissingVariableError
from local_stack.lakefs.standin.hooks.kinds import Hook, HookError, HookPropertyError, HookSettings, build_hook
from local_stack.lakefs.standin.versions.blobs import BlobStore
from local_stack.lakefs.standin.versions.events import Event
from local_stack.lakefs.standin.versions.repository import Repository

LOG = logging.getLogger(__name__)
Status = Literal["completed", "failed", "skipped"]
# What the hooks of one event are: each action that listens to it, with its hooks ready to run.
ReadyActions = list[tuple[Action, list[tuple[HookDefinition, Hook]]]]
# What makes an event impossible to run hooks for, as opposed to a hook that fails.
UNUSABLE = (PatternError, HookPropertyError, HookArgumentsError, MissingVariableError)


class ConditionError(Exception):
    """The `if` of a hook cannot be judged: the hook fails with it."""


@dataclass(frozen=True, kw_only=True)
class HookRun:
    """How one hook of a run went. Times are seconds since the epoch, none for a hook that was passed over.

    `error` is empty where it succeeded. `refuses` tells the hook's own failure from one to run it.
    """

    id: str
    action: str
    hook_id: str
    started: float | None = None
    ended: float | None = None
    status: Status
    output: str = ""
    error: str = ""
    refuses: bool = False


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
        """Failed where any hook failed; a hook that was passed over counts for nothing."""
        return "failed" if any(hook.status == "failed" for hook in self.hooks) else "completed"


class HookRunner:
    """Runs hooks: those before an operation to their end, those after it in the background, at most once.

    Parameters: where action files and scripts are read, the environment that hooks may refer to, the seconds that a Lua
    script waits for an answer over HTTP, what ends the server, and the seconds for which action files are kept.
    """

    def __init__(
        self,
        blobs: BlobStore,
        environment: Mapping[str, str],
        lua_http_timeout_seconds: float,
        *,
        end_server: Callable[[ServerEnd], None],
        action_seconds: float = SECONDS_KEPT,
    ) -> None:
        self._settings = HookSettings(
            environment=environment, blobs=blobs, lua_http_timeout_seconds=lua_http_timeout_seconds
        )
        self._end_server = end_server
        self._cache = ActionCache(blobs, action_seconds)
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
        raise not_found("not found")

    def run_before(self, event: Event) -> None:
        """Run the hooks of a pre event.

        Raises RequestError, in the words of the server: 412 where a hook fails, 404 on a folder among the action files,
        500 on any other action file that cannot be used. Raises ServerEnd where a hook ends the server.
        """
        aborted = f"{event.type} hook aborted, run id '{event.run_id}': "
        try:
            ready = self._ready(event)
        except ActionFilesError as error:
            raise RequestError(error.status, f"{aborted}{error}") from error
        except UNUSABLE as error:
            raise RequestError(500, f"{aborted}{error}") from error
        failed = [hook for hook in self._run_all(event, ready) if hook.status == "failed"]
        if failed:
            status = 412 if any(hook.refuses for hook in failed) else 500
            raise RequestError(status, aborted + listed([_told(hook) for hook in _as_told(failed)]))

    def run_after(self, event: Event) -> None:
        """Start the hooks of a post event. A hook that cannot be built leaves no run behind, as on lakeFS."""
        name = f"{event.type} {event.run_id}"
        threading.Thread(target=self._run_in_background, args=(event,), name=name, daemon=True).start()

    def _run_in_background(self, event: Event) -> None:
        try:
            self._run_all(event, self._ready(event))
        except (ActionFilesError, RequestError, *UNUSABLE) as error:
            LOG.warning("%s on %s: %s", event.type, event.repository.name, error)
        except ServerEnd as end:
            self._end_server(end)

    def _ready(self, event: Event) -> ReadyActions:
        """The actions that listen to the event, with their hooks. All action files are read, whatever the event."""
        return [
            (action, [(hook, build_hook(hook, action.name, self._settings)) for hook in action.hooks])
            for action in self._cache.actions(event)
            if action.listens_to(event.type, event.branch_id) and action.hooks
        ]

    def _run_all(self, event: Event, ready: ReadyActions) -> tuple[HookRun, ...]:
        if not ready:
            return ()
        started = time.time()
        done: list[HookRun] = []
        for position, (action, hooks) in enumerate(ready):
            failed = False
            for number, (definition, hook) in enumerate(hooks):
                turn = _Turn(id=f"{position:04d}_{number:04d}", action=action.name, definition=definition)
                done.append(turn.end(hook, event, failed=failed))
                failed = failed or done[-1].status == "failed"
        ended = ActionRun(
            id=event.run_id,
            event_type=event.type,
            branch=event.branch_id,
            commit_id=event.commit_id,
            started=started,
            ended=time.time(),
            hooks=tuple(done),
        )
        with self._lock:
            self._runs.setdefault(event.repository, []).append(ended)
        return ended.hooks


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """A hook's turn in the run of its action."""

    id: str
    action: str
    definition: HookDefinition

    def end(self, hook: Hook, event: Event, *, failed: bool) -> HookRun:
        """How it goes, after the hooks before it: `failed` where one of them did."""
        started = time.time()
        lines: list[str] = []
        error, refuses = "", False
        try:
            if not _may_run(self.definition.condition, failed=failed):
                return self._ended("skipped")
            hook.run(event, lines.append)
        except ConditionError as failure:
            error = str(failure)
        except HookError as failure:
            error, refuses = str(failure), True
        except Exception as failure:
            LOG.exception("hook %s of %s failed", self.definition.id, self.action)
            error = f"internal error: {failure}"
        return self._ended(
            "failed" if error else "completed",
            started=started,
            ended=time.time(),
            output="\n".join([*lines, *([f"Error: {error}"] if error else [])]) + "\n",
            error=error,
            refuses=refuses,
        )

    def _ended(self, status: Status, **outcome: Any) -> HookRun:
        return HookRun(id=self.id, action=self.action, hook_id=self.definition.id, status=status, **outcome)


def _may_run(condition: str, *, failed: bool) -> bool:
    """Whether a hook with this `if` runs. Raises ConditionError: the server knows two functions, `always` is none."""
    if condition in ("", "success()"):
        return not failed
    if condition == "failure()":
        return failed
    raise ConditionError(f"reflect: call of reflect.Value.Call on zero Value (1:1)\n | {condition}\n | ^")


def _told(hook: HookRun) -> str:
    return f"hook run id '{hook.id}' failed on action '{hook.action}' hook '{hook.hook_id}': {hook.error}"


def _as_told(failed: list[HookRun]) -> list[HookRun]:
    """In the server's order, whose actions run beside each other: the last begins (recorded: actions/two-refusals)."""
    last = [hook for hook in failed if hook.id[:4] == failed[-1].id[:4]]
    return last + failed[: len(failed) - len(last)]
